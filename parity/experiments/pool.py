"""Runs in several processes of one machine."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from parity.errors import ParityError
from parity.experiments.training import Run
from parity.experiments.worker import work

Report = Callable[[Run, int, float], None]
"""Called with a run, the step it has reached and its loss."""


@dataclass
class _Working:
    run: Run
    process: BaseProcess
    reports: Connection
    step: int = 0
    answer: bool | str | None = None


def run_here(runs: Sequence[Run], workers: int, threads: int, report: Report) -> None:
    """Do all runs, so many at once, each on so many threads. When interrupted, the processes stop with a checkpoint.

    Raises:
        ParityError: one cannot go on. The others stop with a checkpoint too.
    """
    waiting, working = deque(runs), list[_Working]()
    try:
        while waiting or working:
            while waiting and len(working) < workers:
                working.append(_begin(waiting.popleft(), threads))
            wait([each.reports for each in working])
            for each in list(working):
                if _heard(each, report):
                    continue
                working.remove(each)
                each.process.join()
                if each.answer is not True:
                    raise ParityError(_reason(each))
    finally:
        for each in working:
            each.process.terminate()  # asks: the worker keeps what it has
        for each in working:
            with suppress(EOFError, OSError):
                while each.reports.recv():
                    pass
            each.process.join()


def _begin(run: Run, threads: int) -> _Working:
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(run, threads, sending), name=run.name)
    process.start()
    sending.close()
    return _Working(run, process, receiving)


def _heard(each: _Working, report: Report) -> bool:
    """Take what a worker has reported; whether there may be more."""
    while each.reports.poll():
        try:
            said = each.reports.recv()
        except (EOFError, OSError):
            return False
        if isinstance(said, tuple):
            each.step, loss = said
            report(each.run, each.step, loss)
        else:
            each.answer = said
    return True


def _reason(each: _Working) -> str:
    if isinstance(each.answer, str):
        return each.answer
    how = f"exit status {each.process.exitcode}"
    return (
        f"the process of {each.run.name} ended after step {each.step} without a result ({how}): "
        "the same command goes on from its last checkpoint, with fewer --workers if memory ran out"
    )
