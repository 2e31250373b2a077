"""One run in a process of its own, which ends when its parent does, however that ends."""

import os
import signal
import sys
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from threading import Thread
from time import monotonic
from types import FrameType

from parity.errors import ParityError
from parity.experiments.training import Run, train

SECONDS_BETWEEN_REPORTS = 0.2


class Stop:
    """Whether this process was asked to stop: SIGTERM, after which the next step is the last and is kept."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True

    def __call__(self) -> bool:
        """Whether it was."""
        return self.asked


def work(run: Run, threads: int, reports: Connection) -> None:
    """Train, and report (step, loss), then True if the end was reached, or what is wrong as text."""
    from reference.threads import threads as on_threads

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which asks
    stop = Stop()
    _end_with_parent()
    last = 0.0

    def progress(step: int, loss: float) -> None:
        nonlocal last
        if (now := monotonic()) - last >= SECONDS_BETWEEN_REPORTS or step == run.plan.steps:
            last = now
            reports.send((step, loss))

    try:
        with on_threads(threads):
            reports.send(train(run, progress, stop))
    except ParityError as error:
        reports.send(str(error))
    except BrokenPipeError:
        sys.exit(1)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
