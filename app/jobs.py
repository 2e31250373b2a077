"""Long work in a process of its own, which reports how far it is and can be cancelled."""

import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import monotonic
from types import ModuleType
from typing import Any

from parity.errors import ParityError

Progress = Callable[[str, float], None]
"""Told the stage of the work, and what share of it is done."""
CANCELLED = "cancelled"


class Job:
    """One piece of work: `work(*arguments, progress)`, started at once. What it takes and gives must pickle."""

    def __init__(self, work: Callable[..., Any], *arguments: Any) -> None:
        context = get_context("spawn")
        self._receiver, sender = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(sender, work, arguments), daemon=True)
        _start(self._process)
        sender.close()
        self._started = monotonic()
        self.stage, self.share = "starting", 0.0
        self.result: Any = None
        self.error: str | None = None

    @property
    def running(self) -> bool:
        """Whether it goes on; asking takes in what it has reported."""
        while self.result is None and self.error is None and self._receiver.poll():
            try:
                kind, *content = self._receiver.recv()
            except EOFError:
                self.error = "the work ended without an answer: there may be too little memory for it"
                break
            if kind == "progress":
                self.stage, self.share = content
            else:
                setattr(self, kind, content[0])
        return self.result is None and self.error is None

    @property
    def seconds(self) -> float:
        """How long ago it was started."""
        return monotonic() - self._started

    @property
    def cancelled(self) -> bool:
        """Whether it was ended before it had an answer."""
        return self.error == CANCELLED

    def cancel(self) -> None:
        """End it."""
        self._process.terminate()
        self.error = CANCELLED


def _start(process: BaseProcess) -> None:
    """Start it without the main module, which here is the page: the new process would run it once more."""
    page = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = page


def _run(sender: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        sender.send(("result", work(*arguments, progress=lambda *at: sender.send(("progress", *at)))))
    except ParityError as error:
        sender.send(("error", str(error)))
    finally:
        sender.close()
