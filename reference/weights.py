"""Gradients of weights: sums over tokens, cut into pieces that run at once and are added in one order."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from reference.tally import Array, product
from reference.threads import for_each

LEAST_ROWS = 2048
"""Rows that a piece has at least."""

MOST_PIECES = 4


class WeightGradient(NamedTuple):
    """The gradient a^T b of the weight `name[at]`, for a [T, m] and b [T, n]."""

    op: str
    name: str
    at: tuple[int, ...]
    a: Array
    b: Array


def weight_gradients(
    jobs: list[WeightGradient], shapes: Mapping[str, tuple[int, ...]], dtype: np.dtype
) -> dict[str, Array]:
    """The gradient of each named weight."""
    grads = {job.name: np.zeros(shapes[job.name], dtype) for job in jobs}
    pieces = []
    for job in jobs:
        step = max(LEAST_ROWS, -(-len(job.a) // MOST_PIECES))
        pieces += [(job, slice(start, start + step)) for start in range(0, len(job.a), step)]
    pieces.sort(key=lambda piece: -piece[0].a.shape[1] * piece[0].b.shape[1])
    parts: dict[int, Array] = {}

    def work(number: int) -> None:
        job, rows = pieces[number]
        parts[number] = product(job.op, "backward", job.a[rows].T, job.b[rows])

    for_each(range(len(pieces)), work)
    for number, (job, _) in enumerate(pieces):
        grads[job.name][job.at] += parts[number]
    return grads
