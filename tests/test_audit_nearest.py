"""The nearest design holds where it says so, and no design in a box around the claim's is nearer."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parity import InfeasibleError, MoELayer, solve
from parity.audit import Finding
from tests.audits import finding, holds
from tests.examples import examples
from tests.strategies import layers

QUANTITIES = ("flops", "params", "active_params", "flops at most")
claimed = st.lists(st.sampled_from(QUANTITIES), min_size=1, max_size=3, unique=True)
small = layers(most_experts=8, widest_expert=24).filter(lambda layer: layer.expert_pool == "shared")

WIDEST, MOST = 40, 24


def audited(claims: list[str], baseline: MoELayer, design: MoELayer) -> Finding:
    return finding(claims=claims, baseline=baseline.to_dict(), design=design.to_dict())


def box(design: MoELayer) -> Iterator[dict[str, Any]]:
    """The design with any small width and number of experts."""
    for width, experts in product(range(1, WIDEST + 1), range(design.top_k, MOST + 1)):
        yield {**design.to_dict(), "d_expert": width, "num_experts": experts}


def change(design: MoELayer, other: dict[str, Any]) -> tuple[int, Fraction]:
    """How many numbers differ, and the sum of their changes as shares."""
    pairs = [(design.d_expert, other["d_expert"]), (design.num_experts, other["num_experts"])]
    return sum(b != a for b, a in pairs), sum((Fraction(abs(a - b), b) for b, a in pairs), Fraction(0))


@examples(40)
@given(claimed, layers(), layers())
def test_in_its_place_the_nearest_design_makes_the_claim_hold(
    claims: list[str], baseline: MoELayer, design: MoELayer
) -> None:
    near = audited(claims, baseline, design).nearest
    assume(near is not None)
    assert near is not None
    again = audited(claims, baseline, near.design)
    if near.holds:
        assert again.verdict == {"matmul": "holds", "paper": "holds-without-router"}[near.convention]
    else:
        assert again.verdict == "off"
        assert not isinstance(again.off_by, str | None)
        assert again.off_by[near.convention] == near.off_by
        assert again.nearest is not None
        assert not again.nearest.holds
    kept = {name: value for name, value in design.to_dict().items() if name not in ("d_expert", "num_experts")}
    assert kept.items() <= near.design.to_dict().items()


@examples(40)
@given(claimed, small, small)
def test_no_design_in_a_box_holds_under_a_stricter_convention_or_with_less_change(
    claims: list[str], baseline: MoELayer, design: MoELayer
) -> None:
    near = audited(claims, baseline, design).nearest
    assume(near is not None)
    assert near is not None
    for convention in ("matmul", "paper"):
        changes = [
            change(design, other) for other in box(design) if holds(claims, other, baseline.to_dict(), convention)
        ]
        if near.holds and near.convention == convention:
            ours = change(design, near.design.to_dict())
            # Of designs that claim no equality and change both numbers not all are looked at.
            assert not changes or (ours <= min(changes) if claims != ["flops at most"] else ours[0] <= min(changes)[0])
            return
        assert not changes


@examples(40)
@given(layers(), layers())
def test_where_nothing_holds_the_closest_is_as_close_as_what_the_solver_finds(
    baseline: MoELayer, design: MoELayer
) -> None:
    near = audited(["flops", "params"], baseline, design).nearest
    assume(near is not None)
    assert near is not None
    fields = {name: value for name, value in design.to_dict().items() if name not in ("d_expert", "num_experts")}
    try:
        best = solve(baseline, **fields, limit=1).best  # type: ignore[arg-type]
    except InfeasibleError:
        assume(False)
    if near.holds:
        assert near.convention == "matmul" or not (best.flops_error or best.params_error)
    else:
        found = (abs(near.off_by["flops"]), abs(near.off_by["params"]))
        assert found == (abs(best.flops_error), abs(best.params_error))


LARGE = [1, 2, 3, 2**20, 2**62, 2**62 - 57, 2**63 - 1]


@given(claimed, st.lists(st.sampled_from(LARGE), min_size=6, max_size=6))
def test_numbers_of_any_size_have_a_nearest_design_that_can_be_claimed(claims: list[str], numbers: list[int]) -> None:
    one, other = (
        MoELayer(d_model=numbers[0], d_expert=width, num_experts=max(experts, 2), top_k=min(experts, 2))
        for width, experts in (numbers[2:4], numbers[4:6])
    )
    near = audited(claims, one, other).nearest
    if near is not None:
        assert near.holds == audited(claims, one, near.design).verdict.startswith("holds")


@pytest.mark.parametrize(
    ("claims", "design", "changed", "convention"),
    [
        (["flops", "params"], {"num_experts": 16, "top_k": 2, "d_expert": 25}, {"d_expert": (25, 24)}, "paper"),
        (["params"], {"num_experts": 8, "top_k": 1, "d_expert": 47}, {"d_expert": (47, 48)}, "matmul"),
        (["params"], {"num_experts": 9, "top_k": 1, "d_expert": 48}, {"num_experts": (9, 8)}, "matmul"),
        (["flops at most"], {"num_experts": 8, "top_k": 1, "d_expert": 49}, {"d_expert": (49, 48)}, "matmul"),
    ],
)
def test_one_number_is_changed_where_one_is_enough(
    claims: list[str], design: dict[str, int], changed: dict[str, tuple[int, int]], convention: str
) -> None:
    baseline = {"d_model": 32, "num_experts": 8, "top_k": 1, "d_expert": 48}
    near = finding(claims=claims, baseline=baseline, design={"d_model": 32, **design}).nearest
    assert near is not None
    assert (near.changed, near.convention, near.holds) == (changed, convention, True)
