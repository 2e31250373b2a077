"""The feasible pairs in boxes, in blocks of bounded size."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from parity.sweep.boxes import Boxes, Lattice
from parity.sweep.evaluator import Integers

MOST_AT_ONCE = 1 << 17
"""Rows or pairs handled at once, which bounds the memory."""


class Block(NamedTuple):
    """Some pairs, each with its shape, and how many rows of the boxes are behind them."""

    shape: Integers
    d_expert: Integers
    num_experts: Integers
    rows_done: int


def rows(lattice: Lattice, boxes: Boxes) -> Integers:
    """Rows to walk in each box, along its shorter side."""
    return np.minimum(*lattice.across(boxes)).astype(np.int64)


def pairs(lattice: Lattice, boxes: Boxes) -> Iterator[Block]:
    """Every feasible pair in the boxes, once, box by box."""
    ends = np.cumsum(rows(lattice, boxes))
    total = int(ends[-1]) if len(ends) else 0
    widths, experts = lattice.across(boxes)
    by_experts = experts <= widths
    number = boxes.fewest.dtype
    for start in range(0, total, MOST_AT_ONCE):
        stop = min(total, start + MOST_AT_ONCE)
        owner, place = _spread(ends, start, stop, number)
        row, along_experts = boxes.take(owner), by_experts[owner]
        num_experts = row.fewest + place * lattice.experts_step
        width = row.narrowest + place * lattice.width_step
        first, last = (
            np.where(along_experts, by_e, by_m)
            for by_e, by_m in zip(lattice.widths(row, num_experts), lattice.experts(row, width), strict=True)
        )
        step = np.where(along_experts, lattice.width_step, lattice.experts_step)
        in_rows = np.cumsum(np.maximum(0, (last - first) // step + 1).astype(np.int64))
        found = int(in_rows[-1])
        for at in range(0, found, MOST_AT_ONCE):
            owner, place = _spread(in_rows, at, min(found, at + MOST_AT_ONCE), number)
            across = first[owner] + place * step[owner]
            along = along_experts[owner]
            done = stop if at + MOST_AT_ONCE >= found else start
            yield Block(
                row.shape[owner],
                np.where(along, across, width[owner]),
                np.where(along, num_experts[owner], across),
                done,
            )


def _spread(ends: Integers, start: int, stop: int, number: Any) -> tuple[Integers, Integers]:
    """For positions start to stop of things laid end to end, up to `ends`: which thing, and which place in it.

    Places are of the given kind of number, as they are multiplied by what may be beyond int64.
    """
    first, last = (int(np.searchsorted(ends, position, side="right")) for position in (start, stop - 1))
    bounds = np.minimum(ends[first : last + 1], stop)
    begins = np.concatenate([[ends[first - 1] if first else 0], ends[first:last]])
    lengths = bounds - np.maximum(begins, start)
    owner = np.repeat(np.arange(first, last + 1), lengths)
    return owner, (np.arange(start, stop) - np.repeat(begins, lengths)).astype(number)
