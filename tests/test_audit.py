"""Verdicts come out of the computation: a changed number changes them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import InputError
from parity.audit import Finding, audit, builtin_claims, read_claims
from parity.builtin import BUILTIN
from parity.report.claims import equation_table
from tests.conftest import Run
from tests.examples import examples

Judge = Callable[..., Finding]

SMOE = {"d_model": 768, "num_experts": 8, "top_k": 1, "d_expert": 2048}


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """The finding on one claim, written to a file first as a stranger would."""

    def judged(**entry: Any) -> Finding:
        path = tmp_path / "claims.json"
        path.write_text(json.dumps([{"id": "a stranger's", **entry}]))
        (finding,) = audit(read_claims(str(path)))
        return finding

    return judged


def builtin(name: str) -> Finding:
    (finding,) = audit([claim for claim in builtin_claims() if claim.id == name])
    return finding


def ratios(finding: Finding, convention: str) -> dict[str, str]:
    assert isinstance(finding.computed, dict)
    return dict(finding.computed[convention])


VERDICTS = {
    "mhmoe-v2-h2": "off",
    "mhmoe-v2-h3": "off",
    "mhmoe-v2-finegrained": "holds-without-router",
    "mhmoe-v2-eq9-example": "holds-without-router",
    "mhmoe-v1-flops-appD1": "off",
    "dsmoe-2b-vs-gshard": "holds-without-router",
    "dsmoe-2b-finegrained": "holds-without-router",
    "olmoe-granularity": "holds-without-router",
    "krajewski-flop-match-g16": "holds-without-router",
    "latentmoe-95b-acc": "off",
    "switch-base": "holds-at-capacity-1",
    "peer-not-auditable": "not-computable",
    "mhmoe-v2-eq6": "holds",
    "mhmoe-v2-eq7": "holds",
    "mhmoe-v2-eq8": "holds",
    "mhmoe-v2-eq8-gated": "off",
    "mhmoe-v2-example-smoe": "holds",
    "mhmoe-v2-example-h2": "holds-in-leading-order",
    "mhmoe-v2-example-h2-top2": "holds-in-leading-order",
    "mhmoe-v2-example-v1": "holds-in-leading-order",
    "mhmoe-v2-table4-without": "holds-without-router",
    "mhmoe-v2-table4-with": "holds-without-router",
    "mhmoe-v2-width-gated": "holds",
}


def test_the_verdicts_on_the_field_are_those_worked_out_by_hand() -> None:
    assert {finding.claim.id: finding.verdict for finding in audit(builtin_claims())} == VERDICTS


def test_forty_and_ninety_six_experts_miss_by_a_thirty_second_either_way() -> None:
    for name, ratio in (("mhmoe-v2-h2", "31/32"), ("mhmoe-v2-h3", "33/32")):
        finding = builtin(name)
        assert ratios(finding, "paper")["params_ratio"] == ratio
        assert ratios(finding, "paper")["flops_ratio"] == "1"
    assert "num_experts=93" in builtin("mhmoe-v2-h3").reason


def test_two_printed_counts_share_the_slip_of_one_dropped_head() -> None:
    slips = {name: builtin(name).reason.partition("One slip")[2] for name in VERDICTS}
    assert slips["mhmoe-v2-example-h2"] == slips["mhmoe-v2-example-v1"] != ""
    assert "the factor h dropped from h*m" in slips["mhmoe-v2-example-h2"]
    assert slips["mhmoe-v2-example-h2-top2"] == ""


def test_what_is_inferred_says_so() -> None:
    for finding in audit(builtin_claims()):
        assert finding.claim.inferred == finding.reason.startswith("Inferred")
    assert [f.claim.id for f in audit(builtin_claims()) if f.claim.inferred] == [
        "mhmoe-v2-table4-without",
        "mhmoe-v2-table4-with",
        "mhmoe-v2-width-gated",
    ]


TWO_HEADS = {"d_model": "d", "heads": 2, "top_k": 1, "d_expert": "3*d", "num_experts": "E", "gated": False}


@pytest.mark.parametrize(
    ("printed", "verdict"),
    [
        ("16*d**2 - 9*d", "holds"),
        ("16*d**2 - 6*d", "holds-in-leading-order"),
        ("d*(16*d - 9)", "holds"),
        ("15*d**2 - 9*d", "off"),
        ("16*d**3", "off"),
        ("16*d**2 - 9*q", "not-computable"),
    ],
)
def test_a_changed_digit_changes_the_verdict(judge: Judge, printed: str, verdict: str) -> None:
    equation = {"quantity": "flops_per_token", "convention": "scalar", "printed": printed}
    assert judge(equation=equation, design=TWO_HEADS).verdict == verdict


def test_a_root_that_is_none_for_positive_numbers_is_no_difference(judge: Judge) -> None:
    equation = {"quantity": "d_expert", "convention": "matmul", "printed": "m"}
    base = {"d_model": 1, "d_expert": "m", "num_experts": 2, "top_k": 1}
    assert judge(equation=equation, design={"d_model": 1, "top_k": 1}, baseline=base).verdict == "holds"


def test_parameters_and_experts_can_be_equated_too(judge: Judge) -> None:
    mh_moe = {"d_model": "d", "heads": "h", "top_k": 1, "gated": False}
    params = {"quantity": "params", "convention": "paper", "printed": "2*d**2 + 2*d*m*E/h"}
    assert judge(equation=params, design={**mh_moe, "d_expert": "m", "num_experts": "E"}).verdict == "holds"
    # Section 2.3 of the paper: with top-1 and width 4d, parity is at width 3d and (4E - 1) h / 3 experts.
    experts = {"quantity": "num_experts", "convention": "paper", "printed": "h*(4*E0 - 1)/3"}
    base = {"d_model": "d", "d_expert": "4*d", "num_experts": "E0", "top_k": 1, "gated": False}
    assert judge(equation=experts, design=mh_moe, baseline=base).verdict == "holds"


MH = {"d_model": "d", "heads": "h", "top_k": "k", "gated": False}
SPARSE = {"d_model": "d", "d_expert": "m", "num_experts": "E0", "top_k": "k", "gated": False}


@pytest.mark.parametrize("convention", ["paper", "matmul", "scalar"])
@pytest.mark.parametrize("quantity", ["flops_per_token", "params", "d_expert", "num_experts"])
@pytest.mark.parametrize("given", [{}, {"d_expert": "w"}, {"num_experts": "E"}])
def test_every_quantity_is_computed_under_every_convention(
    judge: Judge, quantity: str, convention: str, given: dict[str, str]
) -> None:
    equation = {"quantity": quantity, "convention": convention, "printed": "d"}
    finding = judge(equation=equation, design={**MH, **given}, baseline=SPARSE)
    if quantity in ("flops_per_token", "params"):
        assert finding.verdict == "not-computable"
        return
    assert isinstance(finding.computed, str)
    if "sqrt" in finding.computed:  # not an expression that can be printed in a claim
        assert (finding.verdict, convention) == ("off", "matmul")
        return
    again = judge(equation={**equation, "printed": finding.computed}, design={**MH, **given}, baseline=SPARSE)
    assert again.verdict == "holds"


def test_more_symbols_than_a_claim_may_have_are_refused(judge: Judge) -> None:
    letters = "*".join("abcdefghijklmno")
    equation = {"quantity": "params", "convention": "paper", "printed": "a"}
    with pytest.raises(InputError, match="15 symbols in one claim: accepted are at most 14"):
        judge(equation=equation, design={"d_model": 8, "d_expert": letters, "num_experts": 2, "top_k": 1})


def test_an_equation_that_is_not_computed_is_shown_as_it_is_printed(judge: Judge) -> None:
    equation = {"quantity": "params", "convention": "paper", "printed": "2*d*m"}
    columns = []
    for design in ({"d_model": "d"}, {**TWO_HEADS, "d_expert": "m", "num_experts": 1}):
        table = equation_table(judge(equation=equation, design=design))
        assert table is not None
        assert table.rows[0] == ("printed", "2*d*m")
        columns.append([row[0] for row in table.rows])
    assert columns == [["printed"], ["printed", "computed", "computed less printed"]]


def test_an_unknown_that_is_given_is_kept(judge: Judge) -> None:
    # The router counts, so the number of experts follows from the FLOPs: 2dE0 + 4dkm = 4d^2 + 2dE + 4dkw.
    equation = {"quantity": "num_experts", "convention": "matmul", "printed": "E0 - 2*d + 2*k*m - 2*k*w"}
    assert judge(equation=equation, design={**MH, "d_expert": "w"}, baseline=SPARSE).verdict == "holds"
    # One expert has no router: 2dE0 + 4dkm = 4d^2 + 4dw.
    dense = {**MH, "top_k": 1, "num_experts": 1}
    equation = {"quantity": "d_expert", "convention": "matmul", "printed": "E0/2 - d + k*m"}
    assert judge(equation=equation, design=dense, baseline=SPARSE).verdict == "holds"


def test_heads_written_in_a_width_are_no_width(judge: Judge) -> None:
    first = {"d_model": "d", "heads": "h", "top_k": 1, "d_expert": "63*h*d/16", "num_experts": "E", "gated": False}
    printed = "4*d**2 - 2*d + 63*h*d**2/4 - d - 63*h*d/16"
    equation = {"quantity": "flops_per_token", "convention": "scalar", "printed": printed}
    assert judge(equation=equation, design=first).verdict == "holds-in-leading-order"


@pytest.mark.parametrize(
    "wrong",
    [
        {"heads": "0"},
        {"heads": "d - d"},
        {"heads": "-2"},
        {"heads": "1/2"},
        {"num_experts": 2, "top_k": 3},
        {"d_latent": "l", "head_layer": False},
        {"router_input": "token"},
        {"d_model": "d + m + k + h + 1", "d_expert": "m + 1"},
        {"d_model": "d/(m + k)"},
        {"d_model": 2**63},
    ],
)
def test_a_layer_that_cannot_be_is_refused_in_symbols_too(judge: Judge, wrong: dict[str, Any]) -> None:
    equation = {"quantity": "params", "convention": "paper", "printed": "d"}
    with pytest.raises(InputError, match="accepted"):
        judge(equation=equation, design={**MH, "d_expert": "m", "num_experts": "E", **wrong})


def test_shared_experts_without_a_width_cannot_be_computed(judge: Judge) -> None:
    equation = {"quantity": "params", "convention": "paper", "printed": "d"}
    layer = {**MH, "d_expert": "m", "num_experts": "E", "num_shared_experts": "s"}
    assert judge(equation=equation, design=layer).verdict == "not-computable"
    assert judge(claims=["params"], baseline=SMOE, design={**SMOE, "num_shared_experts": 2}).verdict == "not-computable"


def test_padding_is_judged_under_the_convention_that_gave_the_verdict(judge: Judge) -> None:
    wide = {"d_model": 4, "num_experts": 64, "top_k": 1, "d_expert": 16}
    narrow = {**wide, "num_experts": 2, "d_expert": 17}
    finding = judge(claims=["flops at most"], baseline=wide, design=narrow, capacity_factors=["1.25"])
    assert finding.verdict == "holds"


def test_what_a_stranger_writes_cannot_steer_a_terminal(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    path.write_text('[{"id": "\\u001b[31mred\\ud800", "where": "\\u0007", "claims": ["flops"]}]')
    result = run("audit", path)
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\\x1b[31mred\\ud800" in result.stdout


@pytest.mark.parametrize("printed", ["__import__('os').getcwd()", "d.real", "9**9**9"])
def test_an_expression_that_is_code_is_refused(judge: Judge, printed: str) -> None:
    equation = {"quantity": "flops_per_token", "convention": "scalar", "printed": printed}
    with pytest.raises(InputError, match="a stranger's"):
        judge(equation=equation, design=TWO_HEADS)
    with pytest.raises(InputError, match="a stranger's"):
        judge(equation={**equation, "printed": "d"}, design={**TWO_HEADS, "d_model": printed})


def test_a_missing_field_is_named_and_nothing_is_computed(judge: Judge) -> None:
    finding = judge(claims=["flops"], baseline={}, design={"heads": 8, "top_k": 16, "num_experts": 99, "d_expert": 1})
    assert (finding.verdict, finding.computed) == ("not-computable", None)
    assert "the design lacks d_model" in finding.reason
    assert "the baseline lacks d_model, d_expert, num_experts, top_k" in finding.reason


def test_a_claim_holds_where_the_router_is_the_same(judge: Judge) -> None:
    finding = judge(claims=["flops", "params", "active_params"], baseline=SMOE, design=SMOE)
    assert finding.verdict == "holds"
    assert set(ratios(finding, "matmul").values()) == {"1"}


def test_padding_breaks_equal_flops_but_not_equal_parameters(judge: Judge) -> None:
    dense = {**SMOE, "num_experts": 1}
    for factors, claims, verdict in (
        (["1.0", "1.25"], ["flops"], "holds-at-capacity-1"),
        (["1.0"], ["flops"], "holds-without-router"),
        (["2"], ["flops at most"], "holds-at-capacity-1"),
    ):
        assert judge(claims=claims, baseline=dense, design=SMOE, capacity_factors=factors).verdict == verdict
    assert judge(claims=["params"], baseline=SMOE, design=SMOE, capacity_factors=["2"]).verdict == "holds"


def test_at_most_admits_less(judge: Judge) -> None:
    narrower = {**SMOE, "d_expert": 1024}
    assert judge(claims=["flops at most"], baseline=SMOE, design=narrower).verdict == "holds"
    assert judge(claims=["flops"], baseline=SMOE, design=narrower).verdict == "off"
    assert judge(claims=["flops at most"], baseline=narrower, design=SMOE).verdict == "off"


@examples(25)
@given(st.sampled_from(sorted(BUILTIN)), st.integers(1, 40))
def test_the_name_of_a_claim_does_not_enter_its_verdict(name: str, number: int) -> None:
    import tempfile

    design = BUILTIN[name].design.to_dict()
    entries = [
        {"id": f"{label} {number}", "claims": ["flops", "params"], "baseline": SMOE, "design": design}
        for label in ("holds", "off")
    ]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(entries, file)
        file.flush()
        first, second = audit(read_claims(file.name))
    assert (first.verdict, first.reason, first.computed) == (second.verdict, second.reason, second.computed)
