"""The sweep against a reading of cli.md that looks at every pair: nothing missing, nothing besides, exact."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from math import isclose

from hypothesis import assume, given
from hypothesis import strategies as st

import parity
from parity import Constraints, MoELayer
from tests.examples import examples
from tests.strategies import CONVENTIONS, layers
from tests.sweeps import QUANTITIES, Among, SweepQuestion, among, layers_of, listed, sweep_questions, undominated

BOTH_ERRORS = ("flops_error", "params_error")

many = examples(100)
some = examples(40)


@many
@given(sweep_questions())
def test_the_designs_are_those_found_by_looking_at_every_pair(question: SweepQuestion) -> None:
    found, expected = listed(question.sweep()), {design.layer for design in question.designs()}
    assert set(found) == expected
    assert len(found) == len(expected)


@some
@given(sweep_questions(conventions=("matmul",)))
def test_a_sweep_keeps_to_the_meant_side_where_the_router_counts(question: SweepQuestion) -> None:
    assert set(listed(question.sweep())) == {design.layer for design in question.designs()}


@some
@given(sweep_questions())
def test_every_feasible_design_is_counted_once_and_in_its_own_group(question: SweepQuestion) -> None:
    result, expected = question.sweep(), Counter(design.group for design in question.designs())
    groups = [(group.heads, group.top_k, group.expert_pool) for group in result.groups]
    assert {key: group.feasible for key, group in zip(groups, result.groups, strict=True)} == dict(expected)
    assert len(set(groups)) == len(groups)
    assert result.feasible == expected.total() <= result.examined
    assert not result.partial


@some
@given(sweep_questions())
def test_the_columns_hold_what_each_design_costs(question: SweepQuestion) -> None:
    wanted = question.wanted
    rows = listed(question.sweep(), "flops_per_token", "params", "active_params", "flops_error", "params_error")
    expected = {design.layer: design for design in question.designs()}
    for layer, flops, params, active_params, flops_error, params_error in rows:
        assert (flops, params) == expected[layer].costs
        assert active_params == expected[layer].active_params
        assert isclose(flops_error, Fraction(flops - wanted.flops, wanted.flops), rel_tol=1e-12)
        assert isclose(params_error, Fraction(params - wanted.params, wanted.params), rel_tol=1e-12)


@many
@given(sweep_questions())
def test_the_frontiers_are_the_undominated_designs_with_all_ties(question: SweepQuestion) -> None:
    result, designs, wanted = question.sweep(), question.designs(), question.wanted
    assert Counter(layers_of(result.frontier)) == Counter(undominated(designs, BOTH_ERRORS, wanted))
    for group in result.groups:
        own = [design for design in designs if design.group == (group.heads, group.top_k, group.expert_pool)]
        assert Counter(layers_of(group.frontier)) == Counter(undominated(own, BOTH_ERRORS, wanted))


@many
@given(sweep_questions(), st.permutations(QUANTITIES), st.integers(1, len(QUANTITIES)))
def test_the_frontiers_are_exact_over_any_objectives(question: SweepQuestion, names: list[str], number: int) -> None:
    designs, wanted, objectives = question.designs(), question.wanted, names[:number]
    assume(len(designs) <= 300)
    result = question.sweep(objectives=objectives)
    assert result.objectives == tuple(objectives)
    assert Counter(layers_of(result.frontier)) == Counter(undominated(designs, objectives, wanted))
    for group in result.groups:
        own = [design for design in designs if design.group == (group.heads, group.top_k, group.expert_pool)]
        assert Counter(layers_of(group.frontier)) == Counter(undominated(own, objectives, wanted))


@some
@given(sweep_questions())
def test_the_columns_tell_which_designs_are_on_a_frontier(question: SweepQuestion) -> None:
    result = question.sweep()
    rows = listed(result, "on_frontier", "on_group_frontier")
    of_groups = [layer for group in result.groups for layer in layers_of(group.frontier)]
    assert Counter(layer for layer, overall, _ in rows if overall) == Counter(layers_of(result.frontier))
    assert Counter(layer for layer, _, in_group in rows if in_group) == Counter(of_groups)


@some
@given(sweep_questions())
def test_a_frontier_is_in_the_order_in_which_solve_prefers_flops(question: SweepQuestion) -> None:
    result = question.sweep()
    for frontier in (result.frontier, *(group.frontier for group in result.groups)):
        preference = [
            (abs(found.flops_error), abs(found.params_error), found.design.num_experts, found.design.d_expert)
            for found in frontier
        ]
        assert preference == sorted(preference)


@some
@given(sweep_questions())
def test_the_solutions_of_a_frontier_have_exact_costs_and_errors_with_signs(question: SweepQuestion) -> None:
    wanted = question.wanted
    for found in question.sweep().frontier:
        assert found.cost == parity.cost(found.design, question.convention)
        assert found.cost.flops_per_token == wanted.flops * (1 + found.flops_error)
        assert found.cost.params == wanted.params * (1 + found.params_error)


@some
@given(sweep_questions(), st.data())
def test_a_tolerance_admits_the_designs_that_just_meet_it(question: SweepQuestion, data: st.DataObject) -> None:
    designs, wanted = question.designs(), question.wanted
    assume(designs)
    spent = data.draw(st.sampled_from(designs), label="just within").costs
    errors = Fraction(spent.flops - wanted.flops, wanted.flops), Fraction(spent.params - wanted.params, wanted.params)
    tolerance = max(map(abs, errors))
    narrowed = replace(question, constraints=replace(question.constraints, tolerance=tolerance))
    assert set(listed(narrowed.sweep())) == {design.layer for design in narrowed.designs()} != set()


@some
@given(layers(most_experts=4), st.integers(1, 3), among(0, 3, including=1), st.sampled_from(CONVENTIONS))
def test_a_design_without_shared_experts_is_listed_once_whatever_the_width_of_others(
    layer: MoELayer, d_shared: int, widths: Among, convention: str
) -> None:
    question = SweepQuestion(
        baseline=replace(layer, num_shared_experts=1, d_shared=d_shared),
        among={
            "heads": Among.of([(layer.heads, layer.heads)]),
            "top_k": Among.of([(1, 2)]),
            "num_shared_experts": Among.of([(0, 2)]),
            "d_shared": widths,
        },
        convention=convention,
        constraints=Constraints(tolerance=Fraction(2, 5)),
    )
    found = listed(question.sweep())
    assert Counter(found) == Counter(design.layer for design in question.designs())
    assert all(design.d_shared == 0 for design in found if design.num_shared_experts == 0)
