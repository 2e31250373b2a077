"""The search says what it looked at, and where it has to stop it says so and keeps what it has."""

from dataclasses import dataclass, field, fields
from typing import get_args
from unittest.mock import patch

from hypothesis import assume, given
from hypothesis import strategies as st

from parity import search as module
from parity.lattice import Box, Gaps, Lattice
from parity.search import Prefer, Search, search
from tests.test_lattice import lattices, tolerances

ALL = 10**6
prefers = st.sampled_from(get_args(Prefer))
budgets = st.integers(0, 30)


@dataclass(frozen=True)
class Watched(Lattice):
    """Notes each box whose bounds are asked for."""

    asked: list[Box] = field(default_factory=list)

    def gaps(self, box: Box) -> Gaps:
        self.asked.append(box)
        return super().gaps(box)


def searched(
    points: Lattice, prefer: Prefer, limit: int, best: int = ALL, others: int = ALL
) -> tuple[Search, list[Box]]:
    """The search, looking at so many boxes for the best and then for its alternatives, and what it asked for."""
    watched = Watched(**{each.name: getattr(points, each.name) for each in fields(Lattice)})
    with patch.multiple(module, MOST_FOR_THE_BEST=best, MOST_FOR_ALTERNATIVES=others):
        return search(watched, prefer, limit), watched.asked


@given(lattices(tolerances), prefers)
def test_the_boxes_counted_are_those_whose_bounds_were_asked_for(points: Lattice, prefer: Prefer) -> None:
    found, asked = searched(points, prefer, limit=1)
    assert found.proven
    assert found.pairs_examined == sum(box.single for box in asked)
    assert found.boxes_bounded == sum(not box.single for box in asked)


@given(lattices(tolerances), prefers, budgets)
def test_a_search_that_has_to_stop_offers_at_most_one_allowed_pair_unproven(
    points: Lattice, prefer: Prefer, budget: int
) -> None:
    best, _ = searched(points, prefer, limit=1)
    found, asked = searched(points, prefer, limit=1, best=budget)
    looked_at = found.pairs_examined + found.boxes_bounded
    if found.proven:
        assert looked_at <= budget
        assert found == best
        return
    assert budget < looked_at <= budget + 2
    assert (found.proven, found.complete) == (False, False)
    corners = {(box.i_low, box.j_low) for box in asked[:looked_at]}
    for i, j in found.points:
        assert points.allows(points.gaps(Box(i, i, j, j)))
        assert points.paired(i, i) == Box(i, i, j, j) if prefer == "flops" else (i, j) in corners
    assert len(found.points) <= 1


@given(lattices(st.none()), prefers, st.integers(0, 3))
def test_without_a_tolerance_there_is_always_a_pair_at_hand(points: Lattice, prefer: Prefer, budget: int) -> None:
    found, asked = searched(points, prefer, limit=1, best=budget)
    ((i, j),) = found.points
    looked_at = asked[: found.pairs_examined + found.boxes_bounded]
    if prefer == "balanced":
        assert (i, j) in {(box.i_low, box.j_low) for box in looked_at}
    else:
        assert points.paired(i, i) == Box(i, i, j, j)


@given(lattices(tolerances), prefers, budgets)
def test_alternatives_that_were_not_looked_for_are_said_to_be_missing(
    points: Lattice, prefer: Prefer, budget: int
) -> None:
    every, asked = searched(points, prefer, limit=10**9)
    assume(every.points)
    for_the_best = every.pairs_examined + every.boxes_bounded
    assert every.complete
    found, looked_at = searched(points, prefer, limit=10**9, others=budget)
    assert found.proven
    assert found.points == every.points[: len(found.points)]
    assert found.points
    assert found.complete is (len(asked) - for_the_best <= budget)
    if not found.complete:
        assert budget < len(looked_at) - for_the_best <= budget + 2
