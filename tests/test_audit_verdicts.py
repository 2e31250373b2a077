"""Each row of the table of verdicts, by a small claim that is made up for it."""

from typing import Any

import pytest

from tests.audits import finding

# Ungated, d = 8. SMOE costs 2 * 2 * 8 * 16 = 512 FLOPs and holds 4 * 2 * 8 * 16 = 1024 parameters, without the router.
SMOE = {"d_model": 8, "num_experts": 4, "top_k": 1, "d_expert": 16, "gated": False}
SPLIT = {**SMOE, "num_experts": 8, "top_k": 2, "d_expert": 8}
DENSE = {**SMOE, "num_experts": 1}
ALL = ["flops", "params", "active_params"]


@pytest.mark.parametrize(
    ("verdict", "entry"),
    [
        ("holds", {"claims": ALL, "baseline": SMOE, "design": SMOE}),
        # Two experts fewer save 2 * 8 * 2 FLOPs of router, which one more column of both matrices takes: 2 * 2 * 8.
        ("holds", {"claims": ["flops"], "baseline": {**SMOE, "num_experts": 2, "d_expert": 17}, "design": SMOE}),
        ("holds", {"claims": ["flops at most"], "baseline": SMOE, "design": {**SMOE, "d_expert": 15}}),
        ("holds-without-router", {"claims": ALL, "baseline": SMOE, "design": SPLIT}),
        ("holds-without-router", {"claims": ["flops at most"], "baseline": SMOE, "design": SPLIT}),
        ("holds-at-capacity-1", {"claims": ["flops"], "baseline": DENSE, "design": SMOE, "capacity_factors": ["2"]}),
        ("holds-without-router", {"claims": ["flops"], "baseline": DENSE, "design": SMOE, "capacity_factors": ["1"]}),
        ("off", {"claims": ALL, "baseline": SMOE, "design": {**SPLIT, "d_expert": 9}}),
        ("off", {"claims": ["flops at most"], "baseline": SMOE, "design": {**SMOE, "d_expert": 17}}),
        ("off", {"claims": ["flops"], "baseline": DENSE, "design": {**SMOE, "top_k": 2}, "capacity_factors": ["2"]}),
        ("not-computable", {"claims": ["flops"], "baseline": SMOE, "design": {"d_model": 8}}),
        ("not-computable", {"claims": ["flops"], "design": SMOE}),
    ],
)
def test_two_designs_get_the_verdict_of_the_first_row_that_fits(verdict: str, entry: dict[str, Any]) -> None:
    assert finding(**entry).verdict == verdict


SPARSE = {"d_model": "d", "heads": 1, "top_k": "k", "d_expert": "m", "num_experts": "E", "gated": False}


@pytest.mark.parametrize(
    ("verdict", "printed"),
    [
        ("holds", "4*d*k*m"),
        ("holds", "2*k*(d*m + m*d)"),
        ("holds-in-leading-order", "4*d*k*m - d"),
        ("holds-in-leading-order", "4*d*k*m + 7*k"),
        ("off", "4*d*k*m + d*m"),
        ("off", "4*d*m"),
        ("not-computable", "4*d*k*m*x"),
    ],
)
def test_an_equation_gets_the_verdict_of_the_first_row_that_fits(verdict: str, printed: str) -> None:
    equation = {"quantity": "flops_per_token", "convention": "paper", "printed": printed}
    assert finding(equation=equation, design=SPARSE).verdict == verdict


@pytest.mark.parametrize("side", ["baseline", "design"])
@pytest.mark.parametrize("field", ["d_model", "num_experts", "top_k", "d_expert"])
def test_a_number_that_is_missing_is_named_and_so_is_its_side(side: str, field: str) -> None:
    lacking = {name: value for name, value in SMOE.items() if name != field}
    found = finding(**{"claims": ["flops"], "baseline": SMOE, "design": SMOE, side: lacking})
    assert (found.verdict, found.computed, found.nearest) == ("not-computable", None, None)
    assert found.missing == (f"the {side} lacks {field}",)
    assert f"{side} lacks {field}" in found.reason
