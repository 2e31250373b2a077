"""Best-first branch and bound over the lattice: pairs come out in order of preference, with proof.

The queue holds boxes, ordered by the best that any pair inside could be. A box is split until it is
one pair; when that pair is the first in the queue, no other pair can come before it.
"""

from bisect import bisect_right, insort
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Literal

from parity.lattice import Box, Gaps, Lattice

Prefer = Literal["flops", "balanced"]
Rank = Callable[[Gaps], tuple[int, int]]

MOST_FOR_THE_BEST, MOST_FOR_ALTERNATIVES = 100_000, 20_000
"""How many boxes to look at for the best, and then for its alternatives. Published layers take hundreds."""


@dataclass
class Search:
    """The Pareto front in order of preference, and what it took."""

    points: list[tuple[int, int]] = field(default_factory=list)
    """(i, j) of the lattice, best first; empty where the tolerance allows no pair."""
    proven: bool = True
    """Whether no pair can come before the first, or none is allowed where there is no first."""
    complete: bool = True
    """Whether the front, up to the limit, was searched to its end."""
    pairs_examined: int = 0
    """Single pairs evaluated until the best was proven."""
    boxes_bounded: int = 0
    """Boxes of several pairs bounded until then."""


def search(lattice: Lattice, prefer: Prefer, limit: int) -> Search:
    """The first `limit` points of the Pareto front of both gaps, in order of preference.

    `flops` ranks one pair for each width, `balanced` all pairs. A pair that dominates another comes
    before it in either order, so one that no earlier pair dominates is on the front.
    """
    paired = prefer == "flops"
    rank = _flops_first if paired else _larger_error_first(lattice)
    found, front, looked_at = Search(), _Front(), 0
    queue: list[tuple[tuple[int, int], int, int, Gaps, Box]] = []
    boxes: list[Box | None] = [lattice.paired(*lattice.whole[:2]) if paired else lattice.whole]
    while len(found.points) < limit:
        for box in filter(None, boxes):
            looked_at += 1
            if not found.points:
                found.pairs_examined += box.single
                found.boxes_bounded += not box.single
            gaps = lattice.gaps(box)
            if lattice.allows(gaps) and not front.dominates(gaps):
                heappush(queue, (rank(gaps), box.j_low, box.i_low, gaps, box))
        if looked_at > (MOST_FOR_ALTERNATIVES if found.points else MOST_FOR_THE_BEST):
            found.complete = False
            break
        if not queue:
            return found
        _, _, _, gaps, box = heappop(queue)
        boxes = []
        if front.dominates(gaps):
            continue
        if box.single:
            front.add(gaps)
            found.points.append((box.i_low, box.j_low))
            looked_at = 0 if len(found.points) == 1 else looked_at
        else:
            boxes = _halves_of_widths(lattice, box) if paired else _halves(box)
    if not found.points:
        found.proven = False
        found.points = _best_seen(lattice, paired, rank, [box for *_, box in queue])
    return found


def _best_seen(lattice: Lattice, paired: bool, rank: Rank, boxes: list[Box]) -> list[tuple[int, int]]:
    """The best of the first corners of the boxes, or nothing where the tolerance allows none."""
    corners = [lattice.paired(b.i_low, b.i_low) if paired else Box(b.i_low, b.i_low, b.j_low, b.j_low) for b in boxes]
    ranked = [(rank(gaps), c.j_low, c.i_low) for c in corners if c and lattice.allows(gaps := lattice.gaps(c))]
    return [(i, j) for _, j, i in sorted(ranked)[:1]]


def _halves_of_widths(lattice: Lattice, box: Box) -> list[Box | None]:
    middle = (box.i_low + box.i_high) // 2
    return [lattice.paired(box.i_low, middle), lattice.paired(middle + 1, box.i_high)]


def _halves(box: Box) -> list[Box | None]:
    """The box cut across the side that is longer in proportion."""
    i_low, i_high, j_low, j_high = box
    if (i_high - i_low) * j_high >= (j_high - j_low) * i_high:
        middle = (i_low + i_high) // 2
        return [Box(i_low, middle, j_low, j_high), Box(middle + 1, i_high, j_low, j_high)]
    middle = (j_low + j_high) // 2
    return [Box(i_low, i_high, j_low, middle), Box(i_low, i_high, middle + 1, j_high)]


def _flops_first(gaps: Gaps) -> tuple[int, int]:
    return gaps


def _larger_error_first(lattice: Lattice) -> Rank:
    """Rank by the larger |error| and then by their sum, both times the product of the targets."""

    def rank(gaps: Gaps) -> tuple[int, int]:
        flops, params = gaps.flops * lattice.target.params, gaps.params * lattice.target.flops_per_token
        return max(flops, params), flops + params

    return rank


class _Front:
    """Points of a Pareto front, by growing gap in FLOPs and so by shrinking gap in parameters."""

    def __init__(self) -> None:
        self._points: list[Gaps] = []

    def add(self, gaps: Gaps) -> None:
        insort(self._points, gaps)

    def dominates(self, gaps: Gaps) -> bool:
        """Whether a point is no worse than `gaps` in both and better in one; equal ones do not dominate."""
        at = bisect_right(self._points, gaps.flops, key=lambda point: point.flops)
        nearest = self._points[at - 1] if at else None
        return nearest is not None and nearest.params <= gaps.params and nearest != gaps
