"""The solver against a reading of cli.md that looks at every pair.

Beyond the pairs looked at, both costs have reached the target and only grow, so no other pair is ranked
first or is on the Pareto front. Costs come straight from the table of design.md, written a second time.
"""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import count
from typing import Any, NamedTuple

from hypothesis import assume, given
from hypothesis import strategies as st

import parity
from parity import InfeasibleError, MoELayer, RawTarget
from tests.examples import examples
from tests.strategies import CONVENTIONS, WHOLE_FRONT, Question, layers, questions

ALIGNMENT = {"none": 1, "bf16": 8, "fp8": 16, "mxfp8": 32, "tile128": 128}
SOLVED_FOR = ("d_expert", "num_experts", "heads", "top_k")
Real = Any
"""An int, or a Fraction where the reals are meant."""


class Costs(NamedTuple):
    flops: Real
    params: Real


class Pair(NamedTuple):
    """A pair of the unknowns, and how far its costs are from the target."""

    d_expert: int
    num_experts: int
    flops_gap: Real
    params_gap: Real


def costs(x: MoELayer, convention: str, d_expert: Real, num_experts: Real, routed: bool) -> Costs:
    """The table of design.md for layer `x` with other unknowns."""
    d, latent, width, h, k, m = x.d_model, x.d_latent, x.d_latent // x.heads, x.heads, x.top_k, d_expert
    matrices, pools = 3 if x.gated else 2, h if x.expert_pool == "per_head" else 1
    always = always_held(x)
    flops = 2 * always + 2 * matrices * k * latent * m
    params = always + pools * num_experts * matrices * width * m
    if convention == "matmul" and routed:
        flops += 2 * (d if x.router_input == "token" else latent) * num_experts
        params += (d if x.router_input == "token" else width) * pools * num_experts
    if convention == "scalar":
        flops -= always_made(x) + h * k * ((matrices - 1) * m + width)
    return Costs(flops, params)


def always_held(x: MoELayer) -> int:
    """Parameters of head, merge and shared experts."""
    projections = x.d_model * x.d_latent * (x.head_layer + x.merge_layer)
    return projections + (3 if x.gated else 2) * x.num_shared_experts * x.d_model * x.d_shared


def always_made(x: MoELayer) -> int:
    """Elements that the products of head, merge and shared experts put out: each is a sum, of one addition less."""
    shared = x.num_shared_experts * ((2 if x.gated else 1) * x.d_shared + x.d_model)
    return x.d_latent * x.head_layer + x.d_model * x.merge_layer + shared


def target(question: Question) -> Costs:
    baseline = question.baseline
    if isinstance(baseline, RawTarget):
        return Costs(baseline.flops_per_token, baseline.params)
    routed = baseline.num_experts > 1
    return costs(baseline, question.convention, baseline.d_expert, baseline.num_experts, routed)


def allowed_experts(question: Question) -> Iterator[int]:
    """The allowed numbers of experts, growing; without end unless something bounds them."""
    limits = question.constraints
    candidates = count(question.top_k) if question.num_experts is None else iter([question.num_experts])
    for num_experts in candidates:
        if limits.max_experts is not None and num_experts > limits.max_experts:
            return
        if num_experts % limits.experts_multiple_of == 0 and num_experts % limits.ep == 0:
            yield num_experts


def allowed_widths(question: Question, design: MoELayer, wanted: Costs) -> Iterator[int]:
    """The allowed d_expert, growing; without end unless one is fixed."""
    limits, alignment = question.constraints, ALIGNMENT[question.constraints.profile]
    if design.d_latent // design.heads % alignment:
        return
    has_sides = question.convention == "matmul" and question.num_experts is None and question.d_expert is None
    for width in count(1) if question.d_expert is None else iter([question.d_expert]):
        fits = (
            width % limits.d_expert_multiple_of == 0 and width % limits.tp == 0 and width // limits.tp % alignment == 0
        )
        if fits and (not has_sides or is_on_the_meant_side(design, wanted, width)):
            yield width


def is_on_the_meant_side(design: MoELayer, wanted: Costs, width: int) -> bool:
    """Whether FLOPs along parameter parity do not fall as experts grow wider from here."""

    def flops_at_parity(width: Fraction) -> Real:
        each_expert = costs(design, "matmul", width, 1, routed=True).params - always_held(design)
        return costs(design, "matmul", width, (wanted.params - always_held(design)) / each_expert, routed=True).flops

    return bool(flops_at_parity(width + Fraction(1, 10**20)) >= flops_at_parity(Fraction(width)))


def pairs(question: Question, design: MoELayer, wanted: Costs) -> Iterator[Pair]:
    """Every allowed pair but those that another beats because both have reached the target and it goes further."""
    fewest = next(allowed_experts(question), None)
    if fewest is None:
        return
    share = question.constraints.tolerance
    for width in allowed_widths(question, design, wanted):
        for num_experts in allowed_experts(question):
            spent = costs(design, question.convention, width, num_experts, routed=num_experts > 1)
            pair = Pair(width, num_experts, abs(spent.flops - wanted.flops), abs(spent.params - wanted.params))
            if share is None or (pair.flops_gap <= share * wanted.flops and pair.params_gap <= share * wanted.params):
                yield pair
            both_reached = spent.flops >= wanted.flops and spent.params >= wanted.params
            if both_reached or (spent.params >= wanted.params and question.convention != "matmul"):
                break
        if both_reached and num_experts == fewest:
            break


def ranked(question: Question) -> list[Pair]:
    """The Pareto front of the ranked pairs in order of preference; empty where no design is feasible."""
    design, wanted = question.design(d_expert=1, num_experts=question.top_k), target(question)
    always = 2 * always_held(design) - (always_made(design) if question.convention == "scalar" else 0)
    if always >= wanted.flops or always_held(design) >= wanted.params:
        return []
    candidates = pairs(question, design, wanted)
    if question.prefer == "balanced":

        def by_larger_error(pair: Pair) -> tuple[Real, ...]:
            errors = Fraction(pair.flops_gap, wanted.flops), Fraction(pair.params_gap, wanted.params)
            return max(errors), sum(errors), pair.num_experts, pair.d_expert

        return sorted(front(list(candidates)), key=by_larger_error)
    nearest: dict[int, Pair] = {}
    for pair in candidates:
        rival = nearest.setdefault(pair.d_expert, pair)
        nearest[pair.d_expert] = min(rival, pair, key=lambda p: (p.params_gap, p.num_experts))
    return sorted(front(list(nearest.values())), key=lambda p: (p.flops_gap, p.params_gap, p.num_experts, p.d_expert))


def front(candidates: list[Pair]) -> list[Pair]:
    """Those that no other is at least as good as in both errors and better in one."""
    least: dict[Real, Real] = {}
    for pair in candidates:
        least[pair.flops_gap] = min(pair.params_gap, least.get(pair.flops_gap, pair.params_gap))
    undominated: set[tuple[Real, Real]] = set()
    smallest: Real | None = None
    for flops_gap in sorted(least):
        if smallest is None or least[flops_gap] < smallest:
            smallest = least[flops_gap]
            undominated.add((flops_gap, smallest))
    return [pair for pair in candidates if pair[2:] in undominated]


Answer = tuple[int, int, Fraction, Fraction]


def answers(question: Question, limit: int = WHOLE_FRONT) -> list[Answer]:
    """What `solve` finds, and nothing where it finds nothing feasible."""
    try:
        solutions = question.solve(limit).solutions
    except InfeasibleError:
        return []
    return [(s.design.d_expert, s.design.num_experts, abs(s.flops_error), abs(s.params_error)) for s in solutions]


def expected_answers(question: Question) -> list[Answer]:
    wanted = target(question)
    return [
        (m, num_experts, Fraction(flops, wanted.flops), Fraction(params, wanted.params))
        for m, num_experts, flops, params in ranked(question)
    ]


@examples(200)
@given(layers(), st.sampled_from(CONVENTIONS))
def test_the_table_counts_what_the_ledger_counts(layer: MoELayer, convention: str) -> None:
    by_table = costs(layer, convention, layer.d_expert, layer.num_experts, routed=layer.num_experts > 1)
    by_ledger = parity.cost(layer, convention)
    assert by_table == (by_ledger.flops_per_token, by_ledger.params)


@examples(400)
@given(questions())
def test_the_solutions_are_the_whole_pareto_front_in_order_of_preference(question: Question) -> None:
    assert answers(question) == expected_answers(question)


@examples(200)
@given(questions(conventions=("matmul",), fixed=("",)))
def test_the_search_keeps_to_the_meant_side_where_the_router_counts(question: Question) -> None:
    assert answers(question) == expected_answers(question)


@examples(100)
@given(questions(conventions=("matmul",), fixed=("num_experts", "d_expert")))
def test_a_fixed_unknown_is_kept_on_either_side(question: Question) -> None:
    assert answers(question) == expected_answers(question)


@examples(150)
@given(questions(conventions=("paper", "matmul", "matmul")), st.data())
def test_a_tolerance_admits_the_pairs_that_just_meet_it(question: Question, data: st.DataObject) -> None:
    found = expected_answers(replace(question, constraints=replace(question.constraints, tolerance=None)))
    assume(found)
    tolerance = max(data.draw(st.sampled_from(found), label="just within")[2:])
    question = replace(question, constraints=replace(question.constraints, tolerance=tolerance))
    assert answers(question) == expected_answers(question) != []


@examples(150)
@given(layers(), st.sampled_from(CONVENTIONS), st.integers(0, 2), st.integers(0, 2))
def test_without_constraints_a_problem_is_infeasible_just_where_nothing_is_left_for_the_experts(
    layer: MoELayer, convention: str, flops_left: int, params_left: int
) -> None:
    held = [row for row in parity.cost(layer, convention).rows if row.op not in ("router", "experts")]
    assume(held)
    wanted = RawTarget(
        d_model=layer.d_model,
        flops_per_token=sum(row.flops_per_token for row in held) + flops_left,
        params=sum(row.params for row in held) + params_left,
    )
    given_fields = {name: value for name, value in layer.to_dict().items() if name not in SOLVED_FOR}
    question = Question(
        baseline=wanted, heads=layer.heads, top_k=layer.top_k, flags=given_fields, convention=convention
    )
    assert bool(answers(question, limit=1)) == (flops_left > 0 < params_left)


@examples(100)
@given(questions(), st.integers(1, 12))
def test_a_limit_keeps_the_beginning_of_the_list(question: Question, limit: int) -> None:
    assert answers(question, limit) == expected_answers(question)[:limit]


@examples(200)
@given(questions())
def test_a_solution_is_the_design_asked_for_and_its_errors_have_signs(question: Question) -> None:
    assume(answers(question, limit=1))
    result, wanted = question.solve(), target(question)
    assert result.optimal
    assert result.complete
    for found in result.solutions:
        assert found.design == question.design(found.design.d_expert, found.design.num_experts)
        assert found.cost == parity.cost(found.design, question.convention)
        assert found.cost.flops_per_token == wanted.flops * (1 + found.flops_error)
        assert found.cost.params == wanted.params * (1 + found.params_error)
