"""The two equations themselves: all their solutions, also where these just are or just are not."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer, cost
from parity.conventions import convention_named
from parity.cost import Cost
from parity.exact import ExactSolution, Point, narrowest_meant, solve_exactly, solve_given_experts, solve_given_width
from parity.ledger import dimensions
from parity.unknowns import Unknowns, unknowns
from tests.strategies import CONVENTIONS, layers

coefficients = st.builds(
    Unknowns,
    f0=st.integers(-5, 20),
    fm=st.integers(1, 6),
    fe=st.integers(1, 6),
    p0=st.integers(0, 20),
    pm=st.integers(1, 6),
    pe=st.integers(1, 6),
    always=st.just(Cost("matmul", ())),
)
"""As where a router counts."""
widths = st.integers(1, 60)
experts = st.integers(2, 60)


def found(solution: ExactSolution) -> set[tuple[Any, Any]]:
    return {(point.d_expert, point.num_experts) for point in (solution.point, solution.other) if point}


@given(coefficients, widths, experts)
def test_a_solution_in_integers_is_found_as_rationals(u: Unknowns, d_expert: int, num_experts: int) -> None:
    solution = solve_exactly(u, u.flops(d_expert, num_experts), u.params(d_expert, num_experts))
    points = [point for point in (solution.point, solution.other) if point]
    assert all(point.rational for point in points)
    # There may be a third: two with a router, and one with a single expert and none.
    wider = [point for point in points if point.d_expert > d_expert]
    assert (Fraction(d_expert), Fraction(num_experts)) in found(solution) or len(wider) == 2


@given(coefficients, st.integers(0, 60), st.integers(1, 60))
def test_no_solution_has_no_width_or_a_router_for_one_expert(u: Unknowns, d_expert: int, num_experts: int) -> None:
    flops = u.f0 + u.fm * d_expert + u.fe * num_experts
    params = u.p0 + num_experts * (u.pm * d_expert + u.pe)
    for width, number in found(solve_exactly(u, flops, params)):
        assert width > 0
        assert number != 1 or (flops, params) == (u.flops(width, 1), u.params(width, 1))


@given(st.integers(1, 60), st.integers(0, 60), st.integers(0, 20), st.integers(0, 20))
def test_where_both_solutions_meet_there_is_one(d_expert: int, more: int, f0: int, p0: int) -> None:
    num_experts = d_expert + more + 1  # FLOPs are least here, at m = E - pe for these coefficients
    u = Unknowns(f0, 1, 1, p0, 1, more + 1, Cost("matmul", ()))
    solution = solve_exactly(u, u.flops(d_expert, num_experts), u.params(d_expert, num_experts))
    assert solution == ExactSolution(Point(Fraction(d_expert), Fraction(num_experts)))
    less = solve_exactly(u, u.flops(d_expert, num_experts) - 1, u.params(d_expert, num_experts))
    assert less.point is None
    assert less.reason == "no real solution: with the router counted, no width and number of experts meet both"


@given(coefficients, st.integers(-50, 10_000))
def test_the_meant_side_begins_where_flops_along_parameter_parity_are_least(u: Unknowns, params: int) -> None:
    def flops(width: Fraction) -> Fraction:
        return u.fm * width + u.fe * (params - u.p0) / (u.pm * width + u.pe)

    first, little = Fraction(narrowest_meant(u, params)), Fraction(1, 10**9)
    assert first >= 1
    assert flops(first) < flops(first + little) < flops(first + 1)
    assert first == 1 or flops(first - 1) > flops(first - 1 + little)


@given(coefficients, experts, st.integers(-20, 20))
def test_experts_whose_router_takes_all_flops_leave_no_width(u: Unknowns, num_experts: int, left: int) -> None:
    solution = solve_given_experts(u, u.flops(0, num_experts) + left, num_experts)
    if left > 0:
        assert found(solution) == {(Fraction(left, u.fm), num_experts)}
    else:
        assert solution.point is None
        assert solution.reason == f"no solution: the router of num_experts={num_experts} alone exceeds the FLOPs"


@given(coefficients, widths, st.integers(-20, 100))
def test_flops_that_a_width_leaves_are_a_router_of_other_than_one_expert_or_none(
    u: Unknowns, d_expert: int, left: int
) -> None:
    flops = u.flops(d_expert, 1) + left
    solution = solve_given_width(u, flops, 1000, d_expert)
    if solution.point is None:
        assert solution.reason == f"no solution: with d_expert={d_expert} no router meets the FLOPs"
        assert all(u.flops(d_expert, number) != flops for number in range(1, 200))
        assert left < 0 or left == u.fe  # else a rational number of experts does
    else:
        ((width, number),) = found(solution)
        assert width == d_expert
        assert number > 0
        assert u.flops(d_expert, 1) + (u.fe * number if number != 1 else 0) == flops


@given(layers(), st.sampled_from(CONVENTIONS))
def test_what_is_always_there_are_the_projections_and_the_shared_experts(layer: MoELayer, convention: str) -> None:
    rows = tuple(row for row in cost(layer, convention).rows if row.op in ("head", "merge", "shared"))
    assert unknowns(dimensions(layer), convention_named(convention)).always == Cost(convention, rows)


@pytest.mark.parametrize(("fe", "coupled"), [(0, False), (1, True), (2, True)])
def test_any_flop_of_a_router_couples_the_equations(fe: int, coupled: bool) -> None:
    assert Unknowns(0, 1, fe, 0, 1, 1, Cost("matmul", ())).coupled == coupled
