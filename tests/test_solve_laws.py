"""Theorems about `solve` that need no search: fixed points, scaling, the exact solution, size."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parity import Constraints, InfeasibleError, InputError, MoELayer, SolveResult, cost, solve
from parity.cost import cost_of
from parity.exact import Point
from parity.ledger import dimensions
from parity.search import Prefer
from tests.examples import examples
from tests.strategies import WITHOUT_ROUTER, Question, divisors, larger_error, layers, questions

PAPER_SMOE = MoELayer(d_model=768, d_expert=2048, num_experts=8, top_k=1)
LARGEST = 2**63 - 1

many = examples(150)
some = examples(60)


def solved(question: Question) -> SolveResult:
    """The answer to a question; one without an answer is not asked."""
    try:
        return question.solve(limit=1)
    except InfeasibleError:
        assume(False)
        raise


def costs_at(result: SolveResult, point: Point) -> tuple[Any, Any]:
    """What the ledger says of the real solution: FLOPs per token and parameters."""
    x = replace(
        dimensions(result.best.design),
        d_expert=point.d_expert,
        num_experts=point.num_experts,
        has_router=point.num_experts != 1,
    )
    priced = cost_of(x, result.problem.convention)
    return priced.flops_per_token, priced.params


@pytest.mark.parametrize(
    ("heads", "top_k", "options", "pair", "errors"),
    [
        (3, 3, {}, (512, 93), ("0", "0")),
        (3, 3, {"constraints": Constraints(experts_multiple_of=8)}, (512, 96), ("0", "1/32")),
        (2, 2, {"constraints": Constraints(experts_multiple_of=8)}, (768, 40), ("0", "-1/32")),
        (2, 2, {}, (768, 41), ("0", "-1/128")),
        (1, 2, {}, (1024, 16), ("0", "0")),
        (3, 3, {"convention": "matmul"}, (502, 95), ("-3/6152", "293/147480")),
        (3, 3, {"num_experts": 96}, (512, 96), ("0", "1/32")),
    ],
)
def test_the_published_examples_are_solved_as_printed(
    heads: int, top_k: int, options: dict[str, Any], pair: tuple[int, int], errors: tuple[str, str]
) -> None:
    best = solve(PAPER_SMOE, heads=heads, top_k=top_k, **options).best
    assert (best.design.d_expert, best.design.num_experts) == pair
    assert (str(best.flops_error), str(best.params_error)) == errors


def test_the_published_exact_solutions_are_rational_only_without_a_router() -> None:
    assert solve(PAPER_SMOE, heads=2, top_k=2).exact.point == Point(Fraction(768), Fraction(124, 3))
    coupled = solve(PAPER_SMOE, heads=3, top_k=3, convention="matmul").exact.point
    assert coupled is not None
    assert isinstance(coupled.d_expert, Decimal)
    assert isinstance(coupled.num_experts, Decimal)


@many
@given(layers(), st.sampled_from(WITHOUT_ROUTER), st.sampled_from(("flops", "balanced")))
def test_every_layer_solves_to_itself_where_the_router_does_not_count(
    layer: MoELayer, convention: str, prefer: Prefer
) -> None:
    result = solve(layer, heads=layer.heads, top_k=layer.top_k, convention=convention, prefer=prefer)
    assert (result.best.design.d_expert, result.best.design.num_experts) == (layer.d_expert, layer.num_experts)
    assert result.best.flops_error == result.best.params_error == 0
    assert result.exact.point == Point(Fraction(layer.d_expert), Fraction(layer.num_experts))


@some
@given(questions(conventions=WITHOUT_ROUTER, constrained=False, fixed=("",)))
def test_a_solution_fed_back_is_its_own_solution(question: Question) -> None:
    design = solved(question).best.design
    again = solve(design, heads=design.heads, top_k=design.top_k, convention=question.convention).best
    assert (again.design.d_expert, again.design.num_experts) == (design.d_expert, design.num_experts)
    assert again.flops_error == again.params_error == 0


@some
@given(questions(conventions=("paper",), constrained=False, fixed=("",)), st.integers(2, 9))
def test_widths_scale_the_exact_width_and_leave_the_exact_experts(question: Question, factor: int) -> None:
    factors = dict.fromkeys(("d_model", "d_latent", "d_expert", "d_shared"), factor)
    factors |= dict.fromkeys(("flops_per_token", "params"), factor**2)

    def widened(fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value * factors[name] for name, value in fields.items() if name in factors}

    baseline = replace(question.baseline, **widened(vars(question.baseline)))
    larger = replace(question, baseline=baseline, flags=question.flags | widened(question.flags))
    exact, scaled = solved(question).exact.point, solved(larger).exact.point
    assert exact is not None
    assert scaled is not None
    assert (scaled.d_expert / factor, scaled.num_experts) == (exact.d_expert, exact.num_experts)


@many
@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 6), st.integers(1, 6), st.sampled_from((True, False)))
def test_granularity_divides_the_width_and_multiplies_experts_and_top_k(
    d_model: int, d_fine: int, num_experts: int, granularity: int, gated: bool
) -> None:
    coarse = MoELayer(d_model=d_model, d_expert=d_fine * granularity, num_experts=num_experts, top_k=1, gated=gated)
    fine = solve(coarse, heads=1, top_k=granularity).best
    assert (fine.design.d_expert, fine.design.num_experts) == (d_fine, num_experts * granularity)
    assert fine.flops_error == fine.params_error == 0


@many
@given(st.integers(1, 40), st.integers(2, 6), st.integers(1, 9), st.integers(1, 9), st.data())
def test_ungated_heads_take_their_projections_from_the_experts_as_in_equation_8(
    width: int, heads: int, top_k: int, spare_experts: int, data: st.DataObject
) -> None:
    d = width * heads
    d_expert = data.draw(st.integers(d // top_k + 1, 9 * d), label="d_expert")
    smoe = MoELayer(d_model=d, d_expert=d_expert, num_experts=top_k + spare_experts, top_k=top_k, gated=False)
    assume(2 * d * d < 2 * d * d_expert * smoe.num_experts)
    exact = solve(smoe, heads=heads, top_k=top_k).exact.point
    assert exact is not None
    assert exact.d_expert == d_expert - Fraction(d, top_k)
    experts = 2 * width * Fraction(exact.d_expert) * Fraction(exact.num_experts)
    assert 2 * d * d_expert * smoe.num_experts == 2 * d**2 + experts


@many
@given(questions(constrained=False, fixed=("",)))
def test_the_exact_solutions_meet_both_targets_and_the_wider_is_meant(question: Question) -> None:
    result = solved(question)
    target = result.problem.target
    points = [point for point in (result.exact.point, result.exact.other) if point is not None]
    assume(points)
    assert points == sorted(points, key=lambda point: point.d_expert, reverse=True)
    for point in points:
        assert point.d_expert > 0 < point.num_experts
        with localcontext(prec=400):
            flops, params = costs_at(result, point)
            if point.rational:
                assert (flops, params) == (target.flops_per_token, target.params)
            else:
                assert abs(flops / target.flops_per_token - 1) < Decimal("1e-40")
                assert abs(params / target.params - 1) < Decimal("1e-40")


@many
@given(questions(conventions=("matmul",), constrained=False, fixed=("",)), st.fractions(Fraction(1, 50), 50))
def test_wider_than_the_meant_solution_parameter_parity_takes_more_flops(question: Question, wider: Fraction) -> None:
    result = solved(question)
    target, meant = result.problem.target, result.exact.point
    routed = replace(dimensions(result.best.design), num_experts=Fraction(1), has_router=True)
    held = sum(row.params for row in result.best.cost.rows if row.op not in ("router", "experts"))

    def flops_at_parity(d_expert: Fraction) -> Fraction:
        one_expert = replace(routed, d_expert=d_expert)
        num_experts = (target.params - held) / (cost_of(one_expert, "matmul").params - held)
        return Fraction(cost_of(replace(one_expert, num_experts=num_experts), "matmul").flops_per_token)

    without_width, with_one = (cost_of(replace(routed, d_expert=m), "matmul").params for m in (0, 1))
    widest = Fraction(target.params - without_width, with_one - without_width)
    assume(widest <= 0 or flops_at_parity(widest) != target.flops_per_token)  # one expert, so not a solution
    assert (meant is None) == bool(result.exact.reason)
    assert flops_at_parity(wider + (Fraction(meant.d_expert) if meant else 0)) > target.flops_per_token


@some
@given(questions(constrained=False, fixed=("num_experts",)))
def test_with_experts_fixed_the_width_comes_from_the_flops(question: Question) -> None:
    result = solved(question)
    target, point, num_experts = result.problem.target, result.exact.point, question.num_experts
    assert num_experts is not None
    if point is None:
        assert costs_at(result, Point(Fraction(0), Fraction(num_experts)))[0] >= target.flops_per_token
    else:
        assert point.num_experts == num_experts
        assert costs_at(result, point)[0] == target.flops_per_token


@some
@given(questions(conventions=WITHOUT_ROUTER, constrained=False, fixed=("d_expert",)))
def test_with_the_width_fixed_the_experts_come_from_the_parameters(question: Question) -> None:
    result = solved(question)
    point = result.exact.point
    assert point is not None
    assert point.d_expert == question.d_expert
    assert costs_at(result, point)[1] == result.problem.target.params


@some
@given(questions(conventions=("matmul",), constrained=False, fixed=("d_expert",)))
def test_with_the_width_fixed_the_experts_come_from_the_flops_where_the_router_counts(question: Question) -> None:
    result = solved(question)
    flops, point, d_expert = result.problem.target.flops_per_token, result.exact.point, question.d_expert
    assert d_expert is not None
    if point is None:
        without, with_two = (costs_at(result, Point(Fraction(d_expert), Fraction(n)))[0] for n in (0, 2))
        assert without >= flops or without + with_two == 2 * flops
    else:
        assert point.d_expert == d_expert
        assert costs_at(result, point)[0] == flops


@some
@given(layers(), st.integers(1, 9), st.integers(1, 9))
def test_fixing_both_unknowns_or_fewer_experts_than_top_k_is_wrong_input(
    layer: MoELayer, number: int, width: int
) -> None:
    with pytest.raises(InputError, match=str(width)):
        solve(layer, heads=1, top_k=1, num_experts=number, d_expert=width)
    with pytest.raises(InputError, match=f"top_k={number + 1}.*num_experts={number}"):
        solve(layer, heads=1, top_k=number + 1, num_experts=number)


huge = st.integers(LARGEST - 9, LARGEST) | st.integers(1, LARGEST) | st.integers(1, 99)


@examples(15)
@given(st.data(), st.sampled_from(("paper", "matmul", "scalar")), st.sampled_from(("flops", "balanced")))
def test_enormous_layers_are_solved_exactly(data: st.DataObject, convention: str, prefer: Prefer) -> None:
    heads = data.draw(st.sampled_from((1, *divisors(5040))), label="heads")
    num_experts = data.draw(huge, label="num_experts")
    baseline = MoELayer(
        d_model=max(1, data.draw(huge, label="d_model") // heads) * heads,
        d_expert=data.draw(huge, label="d_expert"),
        num_experts=num_experts,
        top_k=data.draw(st.integers(1, num_experts), label="top_k of the baseline"),
    )
    top_k = data.draw(huge, label="top_k")
    target = cost(baseline, convention)
    try:
        result = solve(baseline, heads=heads, top_k=top_k, convention=convention, prefer=prefer)
    except InfeasibleError:
        projections = 4 * baseline.d_model**2 - (2 * baseline.d_model if convention == "scalar" else 0)
        assert heads > 1
        assert projections >= target.flops_per_token or 2 * baseline.d_model**2 >= target.params
        return
    for found in result.solutions:
        priced = cost(found.design, convention)
        assert found.design.num_experts >= top_k
        assert found.flops_error == Fraction(priced.flops_per_token - target.flops_per_token, target.flops_per_token)
        assert found.params_error == Fraction(priced.params - target.params, target.params)
    if result.optimal and prefer == "balanced":
        (m, n), least = (result.best.design.d_expert, result.best.design.num_experts), larger_error(result.best)
        for d_expert, experts in ((m + 1, n), (m, n + 1), (m, max(n - 1, top_k))):
            beside = cost(replace(result.best.design, d_expert=d_expert, num_experts=experts), convention)
            assert abs(Fraction(beside.flops_per_token, target.flops_per_token) - 1) >= least or (
                abs(Fraction(beside.params, target.params) - 1) >= least
            )


def test_the_paper_convention_flops_first_and_ten_solutions_are_the_defaults() -> None:
    asked: dict[str, Any] = {"heads": 2, "top_k": 2}
    written_out: dict[str, Any] = {"convention": "paper", "prefer": "flops", "limit": 10}
    default = solve(PAPER_SMOE, **asked)
    assert default == solve(PAPER_SMOE, **asked, **written_out)
    assert len(default.solutions) == 10 < len(solve(PAPER_SMOE, **asked, limit=11).solutions)
