"""Theorems about `solve` under constraints: they only take away, and the largest published layer satisfies them."""

from dataclasses import replace
from fractions import Fraction
from math import inf
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parity import Constraints, InfeasibleError, MoELayer, solve
from tests.examples import examples
from tests.strategies import WITHOUT_ROUTER, Question, larger_error, questions

many = examples(150)
some = examples(60)

comparable = questions(prefers=("balanced",)) | questions(conventions=WITHOUT_ROUTER)
"""Where fewer pairs are never a better choice. By FLOPs with the router, a constraint pairs a width anew."""


def best_errors(question: Question, **changed: Any) -> tuple[float | Fraction, ...]:
    """The errors of the best in order of preference under changed constraints; infinite where nothing is feasible."""
    try:
        best = replace(question, constraints=replace(question.constraints, **changed)).solve(limit=1).best
    except InfeasibleError:
        return inf, inf
    errors = abs(best.flops_error), abs(best.params_error)
    return (larger_error(best), sum(errors)) if question.prefer == "balanced" else errors


@many
@given(comparable, st.sampled_from(("experts_multiple_of", "d_expert_multiple_of", "ep", "tp")), st.integers(2, 4))
def test_a_coarser_multiple_never_improves_the_best(question: Question, name: str, factor: int) -> None:
    coarser = {name: getattr(question.constraints, name) * factor}
    assert best_errors(question, **coarser) >= best_errors(question)


@many
@given(comparable, st.integers(1, 24), st.fractions(0, Fraction(1, 4)))
def test_a_bound_never_improves_the_best(question: Question, max_experts: int, tolerance: Fraction) -> None:
    free = best_errors(question, max_experts=None, tolerance=None)
    assert best_errors(question, max_experts=max_experts, tolerance=None) >= free
    assert best_errors(question, max_experts=None, tolerance=tolerance) >= free


@some
@given(questions(prefers=("balanced",)), st.fractions(0, Fraction(99, 100)))
def test_the_larger_error_of_the_balanced_best_is_the_least_tolerance(question: Question, share: Fraction) -> None:
    larger, both = best_errors(question, tolerance=None)
    assume(0 < larger < inf)
    assert best_errors(question, tolerance=larger) == (larger, both)
    assert best_errors(question, tolerance=share * Fraction(larger)) == (inf, inf)


@pytest.mark.parametrize(
    ("profile", "multiple"), [("none", 1), ("bf16", 8), ("fp8", 16), ("mxfp8", 32), ("tile128", 128)]
)
@pytest.mark.parametrize("convention", ["paper", "matmul", "scalar"])
def test_the_largest_published_layer_is_solved_for_every_profile(profile: str, multiple: int, convention: str) -> None:
    largest = MoELayer(d_model=7168, d_expert=2048, num_experts=384, top_k=8)
    constraints = Constraints(profile=profile, ep=64, tp=2)
    result = solve(largest, heads=8, top_k=8, convention=convention, constraints=constraints)
    assert result.optimal
    for found in result.solutions:
        assert found.design.num_experts % 64 == 0
        assert found.design.d_expert % (2 * multiple) == 0
        assert found.design.d_sub_token % multiple == 0
