"""The one place where matrices are multiplied, and the record of what was.

Every matrix product of the engine goes through `product`. Within `with tally() as counted` it notes
the op, the half and the sizes it read off the arrays; nothing is predicted, and outside nothing is
noted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import prod
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Half = Literal["forward", "backward"]
Array = NDArray[np.floating]


class Executed(NamedTuple):
    """One executed product of an m x k matrix by a k x n one."""

    op: str
    half: Half
    m: int
    n: int
    k: int


@dataclass
class Tally:
    """What was executed: each product of an [m, k] by a [k, n] matrix, with its op and half."""

    rows: list[Executed] = field(default_factory=list)

    def flops(self, op: str | None = None, half: Half | None = None) -> int:
        """FLOPs, two per multiply-add, of one op or half or of all."""
        return sum(2 * row.m * row.n * row.k for row in self.rows if op in (None, row.op) and half in (None, row.half))

    def ops(self) -> list[str]:
        """The ops executed, in the order of their first product."""
        return list(dict.fromkeys(row.op for row in self.rows))


_active: ContextVar[tuple[Tally, ...]] = ContextVar("active tallies", default=())


@contextmanager
def tally() -> Iterator[Tally]:
    """Count every product executed within; tallies nest."""
    counted = Tally()
    token = _active.set((*_active.get(), counted))
    try:
        yield counted
    finally:
        _active.reset(token)


def product(op: str, half: Half, a: Array, b: Array, out: Array | None = None) -> Array:
    """a [m, k] times b [k, n], into `out` [m, n] where given; or each a of a stack times its b."""
    for counted in _active.get():
        executed = Executed(op, half, a.shape[-2], b.shape[-1], a.shape[-1])
        counted.rows.extend([executed] * prod(a.shape[:-2]))
    return np.matmul(a, b, out=out)
