"""Memory for large arrays, used again; and how much of it a layer takes, before any is allocated.

Memory that is new to a process costs about as much as computing with it: the system clears it page by
page. So memory of a large array that nobody refers to any more is handed out again.
"""

import sys
from math import prod
from threading import Lock

import numpy as np
from numpy.typing import DTypeLike, NDArray

from reference.config import MoEConfig
from reference.tally import Array

LARGE = 1 << 20
"""Bytes from which memory is kept."""

PATIENCE = 200
"""Requests after which memory that fitted none of them goes back to the system."""


Buffer = NDArray[np.uint8]


class _Memory:
    """Buffers handed out before. One that only this list refers to is free."""

    def __init__(self) -> None:
        self._lock, self._requests = Lock(), 0
        self._buffers: list[Buffer] = [np.empty(0, np.uint8)]
        self._used_at: list[int] = [0]
        self._references_if_free = self._references(0)

    def empty(self, nbytes: int) -> Buffer:
        """A buffer of so many bytes, whatever it holds."""
        with self._lock:
            self._requests += 1
            fitting = [at for at in range(len(self._buffers)) if self._fits(at, nbytes)]
            if fitting:
                best = min(fitting, key=lambda at: self._buffers[at].nbytes)
            else:
                self._drop_old()
                best = len(self._buffers)
                self._buffers.append(np.empty(nbytes, np.uint8))
                self._used_at.append(0)
            self._used_at[best] = self._requests
            return self._buffers[best][:nbytes]

    def release(self) -> None:
        """Keep nothing; what is in use stays with its users."""
        with self._lock:
            self._buffers, self._used_at = [], []

    def _fits(self, at: int, nbytes: int) -> bool:
        return nbytes <= self._buffers[at].nbytes <= 2 * nbytes and self._free(at)

    def _free(self, at: int) -> bool:
        return self._references(at) == self._references_if_free

    def _references(self, at: int) -> int:
        return sys.getrefcount(self._buffers[at])

    def _drop_old(self) -> None:
        kept = [at for at, used in enumerate(self._used_at) if self._requests - used < PATIENCE or not self._free(at)]
        self._buffers = [self._buffers[at] for at in kept]
        self._used_at = [self._used_at[at] for at in kept]


_memory = _Memory()
release = _memory.release


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> Array:
    """Like np.empty, in memory used before where there is some."""
    nbytes = prod(shape) * np.dtype(dtype).itemsize
    if nbytes < LARGE:
        return np.empty(shape, dtype)
    return _memory.empty(nbytes).view(dtype).reshape(shape)


def empty_like(array: Array) -> Array:
    """Like np.empty_like, likewise."""
    return empty(array.shape, array.dtype)


def bytes_needed(config: MoEConfig, tokens: int) -> int:
    """Bytes of parameters, gradients and the activations kept between forward and backward, and of what passes.

    Room for a copy of everything besides: for a check of gradients, which holds a direction and a
    backup of one array at a time, and for what backward computes on the way. Rounded copies of BitNet are not counted.
    """
    itemsize = 8 if config.dtype == "float64" else 4
    params = sum(map(prod, config.shapes().values()))
    sub_tokens = tokens * config.heads
    inputs = 3 if config.gated else 2
    kept = (
        tokens * (2 * config.d_model + 3 * config.d_latent)
        + sub_tokens * config.top_k * (inputs * config.d_expert + config.d_sub_token)
        + sub_tokens * (config.num_experts + 2 * config.top_k)
        + tokens * config.num_shared_experts * inputs * config.d_shared
    )
    return 2 * itemsize * (2 * params + kept)
