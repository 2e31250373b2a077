"""Tasks on all cores, each with BLAS on one thread.

NumPy lets other threads run while it computes, so plain threads suffice. What a task computes never
depends on how many threads there are, so results have the same bits for any number.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from itertools import count
from math import prod
from threading import Lock, local
from typing import TypeVar

import numpy as np
import threadpoolctl

Task = TypeVar("Task")


def _available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_threads: ContextVar[int | None] = ContextVar("threads", default=None)


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Let layers called within, by this thread, use so many threads; by default one for each core available."""
    token = _threads.set(number)
    try:
        yield
    finally:
        _threads.reset(token)


@cache
def _pool(number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, thread_name_prefix="reference")


def for_each(tasks: Sequence[Task], work: Callable[[Task], object]) -> None:
    """Do `work` on every task; the first ones are taken first, so put the largest there.

    What a task raises is raised here, once those that were begun are finished.
    """
    most = _threads.get() or _available()
    number = min(most, len(tasks))
    if number <= 1:
        for task in tasks:
            work(task)
        return
    taken = count()

    def worker() -> None:
        while (index := next(taken)) < len(tasks):
            work(tasks[index])

    others = [_pool(most).submit(copy_context().run, worker) for _ in range(number - 1)]
    try:
        worker()
    finally:
        failures = [other.exception() for other in others]
    for failure in filter(None, failures):
        raise failure


BLOCK = 256
"""Rows that one task takes where nothing speaks for another number."""


def blocks(rows: int) -> list[slice]:
    """The rows of each task."""
    return [slice(start, min(start + BLOCK, rows)) for start in range(0, rows, BLOCK)]


_buffers = local()


def scratch(name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Memory of this thread, by name, to write an array into; overwritten at the next call with that name."""
    size = prod(shape)
    buffer = getattr(_buffers, name, None)
    if buffer is None or buffer.dtype != dtype or buffer.size < size:
        buffer = np.empty(size, dtype)
        setattr(_buffers, name, buffer)
    return buffer[:size].reshape(shape)


class _SingleThreadedBlas:
    """BLAS on one thread while anyone is inside; what it was before is restored when the last one leaves."""

    def __init__(self) -> None:
        self.start_again()

    def start_again(self) -> None:
        """Nobody is inside, as in a new process."""
        self._lock, self._inside = Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                _take_over()
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                _take_over()
                self._limit.restore_original_limits()
                _take_over()


def _take_over() -> None:
    """Let any thread set OpenBLAS's number of threads, which the first one to do so else keeps to itself."""
    release = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)


@cache
def _controller() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


single_threaded_blas = _SingleThreadedBlas()
"""A context manager: products inside run on one thread each, whichever thread calls them."""

if hasattr(os, "register_at_fork"):  # a child has none of its parent's threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
    os.register_at_fork(after_in_child=single_threaded_blas.start_again)
