"""Tasks on all cores, each with BLAS on one thread.

NumPy lets other threads run while it computes, so plain threads suffice. What a task computes never
depends on how many threads there are, so results have the same bits for any number.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from functools import cache
from itertools import count
from math import prod
from threading import Lock, local
from typing import TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

Task = TypeVar("Task")


def _available() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_threads = _available()


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Use so many threads within; by default it is one for each core this process may use."""
    global _threads
    before, _threads = _threads, number
    try:
        yield
    finally:
        _threads = before


@cache
def _pool(number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, thread_name_prefix="reference")


def for_each(tasks: Sequence[Task], work: Callable[[Task], object]) -> None:
    """Do `work` on every task; the first ones are taken first, so put the largest there."""
    number = min(_threads, len(tasks))
    if number <= 1:
        for task in tasks:
            work(task)
        return
    taken = count()

    def worker() -> None:
        while (index := next(taken)) < len(tasks):
            work(tasks[index])

    others = [_pool(_threads).submit(copy_context().run, worker) for _ in range(number - 1)]
    try:
        worker()
    finally:
        failures = [other.exception() for other in others]
    for failure in filter(None, failures):
        raise failure


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
        self._lock, self._inside = Lock(), 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


single_threaded_blas = _SingleThreadedBlas()
"""A context manager: products inside run on one thread each, whichever thread calls them."""
