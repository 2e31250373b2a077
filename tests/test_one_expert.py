"""With one expert there is nothing to route, also where the equations are solved."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from parity import RawTarget, cost, solve
from parity.exact import Point
from parity.family import dense


@given(st.integers(2, 60), st.integers(1, 300), st.booleans(), st.sampled_from(["paper", "matmul", "scalar"]))
def test_a_dense_layer_is_matched_by_itself_without_a_router(d: int, m: int, gated: bool, convention: str) -> None:
    layer = dense(d, m, gated=gated)
    result = solve(layer, heads=1, top_k=1, convention=convention)
    assert result.exact.point == Point(Fraction(m), Fraction(1))
    assert result.best.design == layer
    assert result.best.flops_error == result.best.params_error == 0


@given(st.integers(2, 60), st.integers(1, 300))
def test_flops_that_leave_the_router_of_one_expert_have_no_solution(d: int, m: int) -> None:
    left = cost(dense(d, m)).flops_per_token + 2 * d  # the router of one expert would cost 2 d, but there is none
    result = solve(RawTarget(d, left, 10**6), heads=1, top_k=1, convention="matmul", d_expert=m)
    assert result.exact.point is None
    assert result.exact.reason
    exactly = solve(RawTarget(d, left - 2 * d, 10**6), heads=1, top_k=1, convention="matmul", d_expert=m)
    assert exactly.exact.point == Point(Fraction(m), Fraction(1))
