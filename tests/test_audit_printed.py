"""Printed figures are right if the computed count, rounded to their last digit, gives them."""

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import InputError
from parity.audit.printed import figure
from tests.audits import costs, finding

POWERS = {"": 0, "k": 3, "K": 3, "M": 6, "G": 9, "B": 9, "T": 12, "e5": 5}

counts = st.integers(0, 10**20) | st.integers(0, 3000).map(lambda n: n * 5 * 10**8)
forms = st.tuples(st.sampled_from(sorted(POWERS)), st.integers(0, 6))


def shown(count: int, form: tuple[str, int], rounding: str, steps: int = 0) -> str:
    """The count as printed with this suffix and so many decimals, some steps of the last digit away."""
    suffix, decimals = form
    with localcontext(prec=80):
        value = Decimal(count).scaleb(-POWERS[suffix]).quantize(Decimal(1).scaleb(-decimals), rounding)
        return f"{value + steps * Decimal(1).scaleb(-decimals):f}{suffix}"


@given(counts, forms, st.sampled_from([ROUND_HALF_UP, ROUND_HALF_EVEN]))
def test_a_count_that_is_rounded_is_right_and_two_steps_away_it_is_not(
    count: int, form: tuple[str, int], rounding: str
) -> None:
    printed = figure(shown(count, form, rounding))
    further = figure(shown(count, form, rounding, 2))
    assert printed is not None
    assert further is not None
    assert printed.rounded_from(count)
    assert not further.rounded_from(count)
    assert not further.truncated_from(count)


@given(counts, forms)
def test_a_count_that_is_truncated_is_told_apart_where_rounding_goes_up(count: int, form: tuple[str, int]) -> None:
    down, up = shown(count, form, ROUND_DOWN), shown(count, form, ROUND_HALF_UP)
    printed, rounded = figure(down), figure(up)
    assert printed is not None
    assert rounded is not None
    assert printed.truncated_from(count)
    assert printed.like_this(count) == up
    if down != up:
        assert not rounded.truncated_from(count)
        assert printed.rounded_from(count) == (shown(count, form, ROUND_HALF_DOWN) == down)


@given(counts, forms)
def test_a_figure_is_exact_where_its_digits_are_all_there_are(count: int, form: tuple[str, int]) -> None:
    printed = figure(shown(count, form, ROUND_DOWN))
    assert printed is not None
    suffix, decimals = form
    assert printed.is_exactly(count) == (decimals >= POWERS[suffix] or count % 10 ** (POWERS[suffix] - decimals) == 0)


@given(st.integers(1000, 10**15))
def test_thousands_may_be_separated(count: int) -> None:
    printed = figure(f"{count:,}")
    assert printed is not None
    assert printed.is_exactly(count)
    assert printed.like_this(count + 1000) == f"{count + 1000:,}"


@pytest.mark.parametrize("text", ["", "x", "1.", ".5", "1,00", "1 000", "-3", "+3", "3X", "3 BB", "1e100", "٣", "3\n"])
def test_what_is_no_figure_is_none(text: str) -> None:
    assert figure(text) is None


SMOE = {"d_model": 768, "num_experts": 8, "top_k": 1, "d_expert": 2048}
"""Under paper it holds 8 x 3 x 768 x 2048 = 37,748,736 parameters, and the router 6,144 more."""


def said(printed: dict[str, Any], **more: Any) -> str:
    entry = {"claims": ["flops"], "baseline": SMOE, "design": SMOE, "moe_layers": 1, "printed": printed, **more}
    found = finding(**entry)
    assert found.verdict == finding(**{**entry, "printed": {}}).verdict
    return found.reason


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"params": "37.7M"}, "37.7M, is right when rounded, and when truncated"),
        ({"params": "38M"}, "38M, is right when rounded:"),
        ({"params": "37M"}, "37M, is right only when truncated, and 38M when rounded"),
        ({"params": "36.9M"}, "36.9M, is not right, and would be 37.7M"),
        ({"expert_params": "37,748,736"}, "37,748,736, is exact"),
        (
            {"params": "37748736"},
            "is exact: the baseline's and the design's come to 37,748,736 in 1 MoE layer under paper",
        ),
        ({"params": "37748736"}, "would be 37754880"),
        ({"params": "38M and 36M"}, "36M, is not right, and would be 38M: the design's"),
        ({"params": "about 38M"}, "is not compared"),
        ({"params": "1M and 2M and 3M"}, "is not compared"),
        ({"total": "38M"}, "is not compared: the claim does not say"),
    ],
)
def test_the_reason_says_what_becomes_of_a_figure_and_the_verdict_stays(figures: dict[str, Any], words: str) -> None:
    assert words in said(figures)


def test_a_claim_may_say_what_its_figures_count_or_why_they_cannot_be() -> None:
    assert "38M, is right when rounded" in said({"total": "38M"}, printed_counts={"total": "params"}, moe_layers=None)
    assert "not compared: attention too" in said({"total": "38M"}, printed_counts="attention too")
    assert "not compared: the claim does not say" in said({"params": "38M"}, moe_layers=None)
    assert "not compared" in finding(claims=["flops"], design=SMOE, printed={"params": "38M"}).reason


@given(st.integers(1, 10**6), st.integers(1, 64), st.integers(1, 64))
def test_figures_count_all_the_layers_there_are(layers: int, d_expert: int, num_experts: int) -> None:
    design = {**SMOE, "d_expert": d_expert, "num_experts": num_experts, "num_shared_experts": 1, "d_shared": 7}
    found = finding(
        claims=["flops"],
        baseline=design,
        design=design,
        moe_layers=layers,
        printed=dict.fromkeys(("flops_per_token", "params", "active_params", "expert_params"), "1"),
    )
    assert len(found.printed) == 16
    for one in found.printed:
        by_hand = costs(design, "paper" if one.name == "expert_params" else one.convention)
        assert (
            one.computed
            == layers * by_hand[{"flops_per_token": "flops", "expert_params": "params"}.get(one.name, one.name)]
        )


@pytest.mark.parametrize(
    "wrong",
    [
        {"printed": []},
        {"printed": {"params": 3}},
        {"printed": {"params": "1" * 61}},
        {"printed": {str(number): "1" for number in range(21)}},
        {"moe_layers": 0},
        {"moe_layers": True},
        {"moe_layers": 2**63},
        {"printed_counts": {"params": "weights"}},
        {"printed_counts": {"params": []}},
        {"printed_counts": 3},
        {"scope": "model"},
        {"paper": 3},
        {"where": "x" * 1001},
        {"id": "x" * 101},
    ],
)
def test_what_is_not_in_the_form_of_a_claim_is_refused_with_what_would_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="accepted"):
        finding(**{"claims": ["flops"], "baseline": SMOE, "design": SMOE, **wrong})
