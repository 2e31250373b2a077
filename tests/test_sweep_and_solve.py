"""A sweep of one shape and `solve` see the same designs, and what surrounds a sweep changes it only as it says."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from parity import InfeasibleError
from parity.sweep import SweepResult, sweep
from tests.examples import examples
from tests.strategies import Question, questions
from tests.sweeps import Among, SweepQuestion, layers_of, listed, sweep_questions
from tests.test_solve_is_never_beaten import always_held, always_made, target

SPLIT = ("heads", "top_k", "d_latent")
"""Ranges that can be swept in parts: whether an unknown is fixed does not depend on them."""

many = examples(150)
some = examples(60)


def swept(question: Question) -> SweepResult:
    """The sweep of the one shape that `solve` is asked for."""
    flags = dict(question.flags)
    if flags.get("num_shared_experts") == 0:
        flags.pop("d_shared", None)  # a range of widths is for shared experts that exist
    unknowns: dict[str, Any] = {"num_experts": question.num_experts, "d_expert": question.d_expert}
    return sweep(
        question.baseline,
        heads=question.heads,
        top_k=question.top_k,
        convention=question.convention,
        constraints=question.constraints,
        **unknowns,
        **flags,
    )


@many
@given(questions(prefers=("balanced",)), st.fractions(0, Fraction(1, 2)))
def test_the_frontier_of_one_shape_is_what_solve_finds_within_the_tolerance(
    question: Question, tolerance: Fraction
) -> None:
    question = replace(question, constraints=replace(question.constraints, tolerance=tolerance))
    try:
        solved = Counter((s.design.d_expert, s.design.num_experts) for s in question.solve().solutions)
    except InfeasibleError:
        shape, wanted = question.design(1, question.num_experts or question.top_k), target(question)
        made = always_made(shape) if question.convention == "scalar" else 0
        assume(2 * always_held(shape) - made < wanted.flops and always_held(shape) < wanted.params)
        solved = Counter()
    assert Counter((layer.d_expert, layer.num_experts) for layer in layers_of(swept(question).frontier)) == solved


@some
@given(sweep_questions(), st.data())
def test_neither_the_order_nor_the_overlap_of_ranges_matters(question: SweepQuestion, data: st.DataObject) -> None:
    again = {
        name: Among.of((value, value) for value in data.draw(st.permutations(sorted(among.values) * 2), label=name))
        for name, among in question.among.items()
    }
    other = replace(question, among=again, pools=question.pools and question.pools[::-1])
    assert Counter(listed(other.sweep())) == Counter(listed(question.sweep()))


@some
@given(sweep_questions(), st.sampled_from(SPLIT), st.data())
def test_a_sweep_is_the_union_of_the_sweeps_of_its_parts(
    question: SweepQuestion, name: str, data: st.DataObject
) -> None:
    assume(name in question.among)
    values = sorted(question.among[name].values)
    first = data.draw(st.sets(st.sampled_from(values), min_size=1), label="first part")
    parts = [part for part in (first, set(values) - first) if part]
    together: Counter[Any] = Counter()
    for part in parts:
        among = question.among | {name: Among.of((value, value) for value in part)}
        together += Counter(listed(replace(question, among=among).sweep()))
    assert together == Counter(listed(question.sweep()))


@some
@given(sweep_questions(), st.sampled_from(("experts_multiple_of", "d_expert_multiple_of", "ep", "tp")))
def test_a_constraint_takes_away_what_does_not_meet_it_and_nothing_else(question: SweepQuestion, name: str) -> None:
    multiple = getattr(question.constraints, name)
    free = replace(question, constraints=question.constraints.without(name))
    unknown = "num_experts" if name in ("experts_multiple_of", "ep") else "d_expert"
    alignment = question.constraints.alignment if name == "tp" else 1
    left = [layer for layer in listed(free.sweep()) if getattr(layer, unknown) % (multiple * alignment) == 0]
    assert Counter(listed(question.sweep())) == Counter(left)


@some
@given(sweep_questions(), st.fractions(0, 1))
def test_a_smaller_tolerance_leaves_the_designs_within_it(question: SweepQuestion, part: Fraction) -> None:
    larger = question.constraints.tolerance or Fraction(1, 100)
    constraints = replace(question.constraints, tolerance=larger)
    narrower = replace(constraints, tolerance=part * larger)
    wanted = question.wanted
    within = [
        layer
        for layer, flops, params in listed(question.sweep(constraints=constraints), "flops_per_token", "params")
        if abs(flops - wanted.flops) <= part * larger * wanted.flops
        and abs(params - wanted.params) <= part * larger * wanted.params
    ]
    assert Counter(listed(question.sweep(constraints=narrower))) == Counter(within)


@some
@given(sweep_questions())
def test_designs_that_are_not_kept_are_counted_and_compared_all_the_same(question: SweepQuestion) -> None:
    kept, counted = question.sweep(), question.sweep(keep=False)
    assert counted.columns is None
    assert (counted.feasible, counted.examined) == (kept.feasible, kept.examined)
    assert layers_of(counted.frontier) == layers_of(kept.frontier)
    for one, other in zip(kept.groups, counted.groups, strict=True):
        assert (one.heads, one.top_k, one.expert_pool) == (other.heads, other.top_k, other.expert_pool)
        assert one.feasible == other.feasible
        assert layers_of(one.frontier) == layers_of(other.frontier)


@some
@given(sweep_questions())
def test_progress_grows_to_one_and_an_interrupt_keeps_what_was_found(question: SweepQuestion) -> None:
    reports: list[tuple[float, int]] = []
    whole = question.sweep(progress=lambda *report: reports.append(report))
    assert reports == sorted(reports)
    assert not reports or reports[-1] == (1, whole.examined)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    part = question.sweep(progress=interrupt)
    assert part.partial == bool(reports)
    assert not Counter(listed(part)) - Counter(listed(whole))
