"""Laws of sweeps that need no looking at every pair, and what a sweep refuses."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import parity
from parity import Constraints, InfeasibleError, InputError, MoELayer, RawTarget
from parity.builtin import BUILTIN
from parity.design import LARGEST_INTEGER
from parity.sweep import SweepResult, evaluate, sweep
from tests.strategies import CONVENTIONS, layers
from tests.sweeps import layers_of, listed

SMOE = BUILTIN["paper-smoe"].design
EVERYTHING = f"1-{LARGEST_INTEGER}"
some = settings(max_examples=40)


def within(baseline: MoELayer, percent: int, **asked: Any) -> SweepResult:
    return sweep(baseline, constraints=Constraints(tolerance=Fraction(percent, 100)), **asked)


@some
@given(layers(), st.sampled_from(CONVENTIONS))
def test_sweeps_over_apart_heads_add_up(layer: MoELayer, convention: str) -> None:
    both, few, many = (
        within(layer, 20, heads=heads, top_k="1-3", convention=convention) for heads in ("1-4", "1-2", "3-4")
    )
    assert set(listed(both)) == set(listed(few)) | set(listed(many))
    assert both.feasible == few.feasible + many.feasible


@some
@given(layers(), st.integers(0, 30), st.integers(0, 30))
def test_a_smaller_tolerance_gives_some_of_the_designs(layer: MoELayer, one: int, other: int) -> None:
    smaller, larger = (set(listed(within(layer, percent, top_k="1-3"))) for percent in sorted((one, other)))
    assert smaller <= larger


@some
@given(layers(), st.sampled_from(CONVENTIONS))
def test_frontiers_do_not_depend_on_whether_designs_are_kept(layer: MoELayer, convention: str) -> None:
    kept, counted = (within(layer, 20, top_k="1-3", convention=convention, keep=keep) for keep in (True, False))
    assert counted.columns is None
    assert layers_of(kept.frontier) == layers_of(counted.frontier)
    assert [(g.heads, g.top_k, g.feasible) for g in kept.groups] == [
        (g.heads, g.top_k, g.feasible) for g in counted.groups
    ]


@some
@given(layers(), st.integers(1, 3), st.integers(1, 40), st.sampled_from(CONVENTIONS))
def test_the_balanced_best_of_solve_is_on_the_frontier(
    layer: MoELayer, top_k: int, percent: int, convention: str
) -> None:
    limits = Constraints(tolerance=Fraction(percent, 100))
    try:
        solved = parity.solve(layer, heads=1, top_k=top_k, prefer="balanced", constraints=limits, convention=convention)
    except InfeasibleError:
        assume(False)
    assume(solved.optimal)
    found = sweep(layer, heads=1, top_k=top_k, constraints=limits, convention=convention)
    assert solved.best.design in layers_of(found.frontier)


@st.composite
def columns(draw: st.DrawFn, most: int) -> dict[str, Any]:
    rows = draw(st.lists(st.tuples(*[st.integers(1, most)] * 3), min_size=1, max_size=6))
    experts = [max(number, top_k) for number, top_k, _ in rows]
    return {
        "num_experts": np.array(experts),
        "top_k": np.array([top_k for _, top_k, _ in rows]),
        "d_expert": np.array([width for *_, width in rows]),
    }


@given(st.data(), layers(), st.sampled_from(CONVENTIONS), st.sampled_from((3, 1000, 2**62)))
def test_arrays_cost_what_each_design_costs(data: st.DataObject, layer: MoELayer, convention: str, most: int) -> None:
    given = data.draw(columns(most))
    costs = evaluate(layer, given, convention)
    for place, values in enumerate(zip(*given.values(), strict=True)):
        fields = layer.to_dict() | {name: int(value) for name, value in zip(given, values, strict=True)}
        expected = parity.cost(MoELayer(**fields), convention).totals()  # type: ignore[arg-type]
        assert [int(column[place]) for column in costs] == list(expected.values())


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"heads": "4-2"}, "heads=4-2"),
        ({"top_k": 0}, "top_k=0"),
        ({"d_expert": []}, "d_expert"),
        ({"granularity": 2, "d_expert": 5}, "granularity=2"),
        ({"granularity": "3,5"}, "d_expert=2048"),
        ({"d_shared": "1-4"}, "d_shared=1-4"),
        ({"num_shared_experts": 1, "d_shared": 0}, "num_shared_experts=1"),
        ({"objectives": ["speed"]}, "speed"),
        ({"objectives": ["flops", "flops"]}, "flops"),
        ({"objectives": []}, "objectives"),
        ({"expert_pool": "own"}, "expert_pool=own"),
        ({"router_input": "token", "heads": "1-4"}, "router_input=token"),
        ({"head_layer": False, "d_latent": "384,768"}, "head_layer=false"),
        ({"most": 100}, "smaller tolerance"),
    ],
)
def test_what_cannot_work_is_refused_with_its_value(asked: dict[str, Any], shown: str) -> None:
    with pytest.raises(InputError) as refused:
        sweep(SMOE, **asked)
    assert shown in str(refused.value)


def test_a_granularity_needs_a_width_to_divide() -> None:
    with pytest.raises(InputError, match="granularity"):
        sweep(RawTarget(768, 9_437_184, 37_748_736), granularity=2)


@pytest.mark.parametrize(
    "asked",
    [
        {"heads": EVERYTHING, "top_k": 3},
        {"heads": 3, "top_k": EVERYTHING, "d_expert": EVERYTHING, "num_experts": EVERYTHING},
        {"heads": 3, "top_k": 3, "granularity": EVERYTHING},
    ],
)
def test_enormous_ranges_find_what_is_there(asked: dict[str, Any]) -> None:
    result = sweep(SMOE, keep=False, constraints=Constraints(tolerance=Fraction(0)), **asked)
    expected = MoELayer(d_model=768, heads=3, top_k=3, d_expert=512, num_experts=93)
    assert (expected in layers_of(result.frontier)) or asked.get("granularity")
    assert all(found.flops_error == found.params_error == 0 for found in result.frontier)


def test_a_prime_width_has_two_heads() -> None:
    prime = 2**61 - 1
    layer = MoELayer(d_model=prime, d_expert=2, num_experts=2, top_k=1)
    found = within(layer, 0, heads=EVERYTHING, top_k=1, head_layer=False, merge_layer=False)
    assert {group.heads for group in found.groups} == {1, prime}


def test_shared_experts_of_every_size_are_refused_or_found() -> None:
    layer = MoELayer(d_model=4, d_expert=8, num_experts=2, top_k=1)
    everything: dict[str, Any] = {"num_shared_experts": f"0-{LARGEST_INTEGER}", "d_shared": f"0-{LARGEST_INTEGER}"}
    result = sweep(layer, heads=1, top_k=1, d_latent=EVERYTHING, **everything)
    assert layer in layers_of(result.frontier)
    with pytest.raises(InputError, match="accepted are ranges with up to"):
        sweep(MoELayer(d_model=2**40, d_expert=2**40, num_experts=8, top_k=1), heads=1, top_k=EVERYTHING)
