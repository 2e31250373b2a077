"""What a sweep cannot do it refuses, showing the value, and what is enormous but can be done it does."""

from fractions import Fraction
from typing import Any

import pytest

from parity import Constraints, InputError, MoELayer, RawTarget
from parity.builtin import BUILTIN
from parity.design import LARGEST_INTEGER
from parity.ranges import MOST_SPANS
from parity.sweep import SweepResult, sweep
from tests.sweeps import layers_of

SMOE = BUILTIN["paper-smoe"].design
EVERYTHING = f"1-{LARGEST_INTEGER}"
RANGES = ("heads", "top_k", "d_expert", "num_experts", "granularity", "d_latent", "num_shared_experts", "d_shared")


def exactly(baseline: MoELayer | RawTarget, limits: dict[str, Any] | None = None, **asked: Any) -> SweepResult:
    """The designs at parity with the baseline."""
    return sweep(baseline, constraints=Constraints(tolerance=Fraction(0), **limits or {}), **asked)


NO_SETS = [
    # what is given, what the message shows of it
    ("", "="),
    ("8-4", "8-4"),
    ("1.5", "1.5"),
    (1.5, "1.5"),
    (-1, "-1"),
    (LARGEST_INTEGER + 1, str(LARGEST_INTEGER + 1)),
    ([], "empty"),
    (range(1, LARGEST_INTEGER, 2), str(MOST_SPANS)),
]


@pytest.mark.parametrize(("value", "shows"), NO_SETS, ids=lambda value: ascii(value)[:30])
@pytest.mark.parametrize("name", RANGES)
def test_what_is_no_set_of_integers_is_refused_and_shown(name: str, value: Any, shows: str) -> None:
    with pytest.raises(InputError) as refusal:
        sweep(SMOE, **{name: value})
    assert name in str(refusal.value)
    assert shows in str(refusal.value)


@pytest.mark.parametrize("name", ["heads", "top_k"])
def test_heads_and_top_k_must_be_given(name: str) -> None:
    without: dict[str, Any] = {name: None}
    with pytest.raises(InputError, match=f"{name}=None"):
        sweep(SMOE, **without)


@pytest.mark.parametrize("name", [name for name in RANGES if name not in ("num_shared_experts", "d_shared")])
def test_zero_is_refused_where_there_must_be_one(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}=0"):
        sweep(SMOE, **{name: "0-4"})  # type: ignore[arg-type]  # one range of several that it may be


@pytest.mark.parametrize(
    ("asked", "shows"),
    [
        ({"expert_pool": "private"}, "private"),
        ({"expert_pool": ("shared", "private")}, "private"),
        ({"expert_pool": 3}, "3"),
        ({"expert_pool": ()}, "expert_pool"),
        ({"objectives": ["speed"]}, "speed"),
        ({"objectives": ["flops", "params", "flops"]}, "flops"),
        ({"objectives": ()}, "objectives"),
        ({"convention": "mine"}, "mine"),
        ({"granularity": 2, "d_expert": 1024}, "1024"),
        ({"granularity": "3,5-7"}, "3,5-7"),
        ({"d_shared": "1-4"}, "1-4"),
        ({"d_shared": "1-4", "num_shared_experts": 0}, "1-4"),
        ({"num_shared_experts": "1-3"}, "1-3"),
        ({"num_shared_experts": "1-3", "d_shared": 0}, "1-3"),
        ({"width": 3}, "width"),
        ({"d_model": 0}, "d_model=0"),
        ({"gated": "yes"}, "yes"),
        ({"router_input": "token", "heads": 2}, "token"),
        ({"d_latent": 96, "merge_layer": False}, "96"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_and_shown(asked: dict[str, Any], shows: str) -> None:
    with pytest.raises(InputError) as refusal:
        sweep(SMOE, **asked)
    assert shows in str(refusal.value)
    assert "accepted" in str(refusal.value) or "is not a field" in str(refusal.value)


@pytest.mark.parametrize("granularity", ["5000-6000", EVERYTHING.replace("1-", "4097-")])
def test_a_granularity_beyond_the_baselines_width_is_refused(granularity: str) -> None:
    with pytest.raises(InputError, match=f"granularity={granularity}: accepted are divisors .* d_expert=2048"):
        sweep(SMOE, granularity=granularity)


def test_a_granularity_of_costs_alone_is_refused() -> None:
    target = RawTarget(d_model=768, flops_per_token=9_437_184, params=37_748_736)
    with pytest.raises(InputError, match="granularity=2 without a baseline: accepted where a baseline has a d_expert"):
        sweep(target, granularity=2)


def test_more_than_can_be_divided_listed_or_examined_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"heads": "1-4", "top_k": "1-3", "d_latent": "600,700,768"}
    with monkeypatch.context() as limited:
        limited.setattr("parity.sweep.shapes.MOST_DIVISIONS", 7)
        with pytest.raises(InputError, match=r"2 latent widths with 4 values of heads .*accepted are narrower"):
            sweep(SMOE, **asked)
    with pytest.raises(InputError, match=r"hold up to .* designs or more: accepted are up to 1e\+00, with narrower"):
        sweep(SMOE, **asked, most=1)
    number = sweep(SMOE, **asked, keep=False).feasible
    monkeypatch.setattr("parity.sweep.findings.MOST_KEPT", number - 1)
    with pytest.raises(InputError, match=f"more than {number - 1:,} designs are feasible, .*accepted are narrower"):
        sweep(SMOE, **asked, keep=True)
    assert sweep(SMOE, **asked, keep=False).feasible == number


def test_fronts_do_not_depend_on_how_often_they_are_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {"heads": "1-8", "top_k": "1-4", "expert_pool": ("shared", "per_head")}
    seldom = sweep(SMOE, **asked)
    monkeypatch.setattr("parity.sweep.findings.PENDING", 0)
    often = sweep(SMOE, **asked)
    assert layers_of(often.frontier) == layers_of(seldom.frontier)
    assert [layers_of(group.frontier) for group in often.groups] == [
        layers_of(group.frontier) for group in seldom.groups
    ]


@pytest.mark.parametrize("convention", ["paper", "matmul", "scalar"])
@pytest.mark.parametrize("name", RANGES)
def test_an_enormous_range_holds_the_baseline(name: str, convention: str) -> None:
    layer = MoELayer(
        d_model=6, heads=2, d_latent=4, d_expert=8, num_experts=6, top_k=2, num_shared_experts=2, d_shared=3
    )
    own: dict[str, Any] = {"heads": 2, "top_k": 2} | ({} if name in ("d_expert", "granularity") else {"d_expert": 8})
    result = exactly(layer, convention=convention, **own | {name: EVERYTHING})
    assert layer in layers_of(result.frontier)


@pytest.mark.parametrize("name", ["heads", "top_k", "d_latent", "d_shared", "num_shared_experts", "granularity"])
def test_an_enormous_range_of_an_enormous_baseline_is_swept_or_refused(name: str) -> None:
    prime = 2**61 - 1
    layer = MoELayer(d_model=prime, d_expert=prime, num_experts=8, top_k=1, num_shared_experts=1, d_shared=prime)
    own: dict[str, Any] = {"heads": 1, "top_k": 1} | {name: EVERYTHING}
    try:
        result = exactly(layer, num_experts=8, **own)
    except InputError as refusal:
        assert "accepted are ranges with up to" in str(refusal)  # noqa: PT017  either answer will do
    else:
        assert layer in layers_of(result.frontier)


@pytest.mark.parametrize("asked", [{"d_latent": f"8,{2**40}"}, {"d_latent": EVERYTHING}, {"heads": LARGEST_INTEGER}])
def test_widths_and_heads_beyond_what_the_target_affords_are_passed_over(asked: dict[str, Any]) -> None:
    layer = MoELayer(d_model=8, d_expert=16, num_experts=4, top_k=1)
    result = exactly(layer, **{"heads": 1, "top_k": 1} | asked)
    assert (layer in layers_of(result.frontier)) == ("heads" not in asked)


@pytest.mark.parametrize("name", ["d_latent", "d_shared", "num_shared_experts", "d_expert", "num_experts", "top_k"])
def test_the_largest_integer_is_a_value_like_any_other(name: str) -> None:
    fields: dict[str, Any] = {"d_model": 3, "d_expert": 2, "num_experts": 2, "top_k": 1}
    fields |= {"num_shared_experts": 1, "d_shared": 1, "d_latent": 5}
    fields |= {name: LARGEST_INTEGER} | ({"num_experts": LARGEST_INTEGER} if name == "top_k" else {})
    layer = MoELayer(**fields)
    own: dict[str, Any] = {"heads": 1, "top_k": layer.top_k} | {name: f"{LARGEST_INTEGER - 1}-{LARGEST_INTEGER}"}
    assert layer in layers_of(exactly(layer, **own).frontier)


@pytest.mark.parametrize(
    ("limits", "asked"),
    [
        ({"d_expert_multiple_of": 2}, {"d_expert": LARGEST_INTEGER}),
        ({"ep": 2}, {"num_experts": LARGEST_INTEGER}),
        ({"ep": 2**62 + 1, "experts_multiple_of": 2**62}, {}),
        ({"tp": 2**62 + 1, "d_expert_multiple_of": 2**62}, {}),
        ({"tp": LARGEST_INTEGER, "profile": "tile128"}, {}),
        ({"max_experts": LARGEST_INTEGER, "ep": LARGEST_INTEGER}, {}),
    ],
    ids=str,
)
def test_multiples_beyond_every_design_leave_none(limits: dict[str, Any], asked: dict[str, Any]) -> None:
    for baseline in (SMOE, MoELayer(d_model=128, d_expert=2**62, num_experts=2**62, top_k=1)):
        result = exactly(baseline, limits, **{"heads": 1, "top_k": 1} | asked)
        assert result.feasible == len(result.frontier) == 0


@pytest.mark.parametrize(
    ("width", "experts"), [(2**64 - 1, 2**64 + 3), (2**64 + 12345, 2**63 + 9), (2**66 + 1, 2**64 + 3)]
)
def test_the_meant_side_is_exact_where_it_begins_beyond_63_bits(width: int, experts: int) -> None:
    layer = MoELayer(d_model=1, d_expert=width, num_experts=experts, top_k=1, gated=False)
    target = RawTarget(d_model=1, flops_per_token=4 * width + 2 * experts, params=experts * (2 * width + 1))
    result = exactly(target, heads=1, top_k=1, gated=False, convention="matmul")
    assert layer in layers_of(result.frontier)


def test_a_width_of_the_token_that_the_design_replaces_is_not_checked_against_the_baselines_latent() -> None:
    baseline = MoELayer(d_model=2, d_expert=1, num_experts=1, top_k=1, heads=2, head_layer=False, merge_layer=False)
    asked: dict[str, Any] = {"heads": 1, "top_k": 1, "d_model": 3, "d_latent": 3}
    result = sweep(baseline, constraints=Constraints(tolerance=Fraction(2)), **asked)
    assert layers_of(result.frontier)
