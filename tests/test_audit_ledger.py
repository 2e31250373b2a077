"""The built-in claims: the ratios are those of formulas written from the papers, and the page shows them."""

import json
import subprocess
import sys
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from parity.audit import audit, builtin_claims
from parity.report.audit import audit_report
from parity.report.formats import to_text
from tests.audits import holds, ratios
from tests.conftest import Answer

ROOT = Path(__file__).resolve().parents[1]
ENTRIES: list[dict[str, Any]] = json.loads(files("parity").joinpath("data/claims.json").read_text("utf-8"))
FINDINGS = {finding.claim.id: finding for finding in audit(builtin_claims())}
OF_DESIGNS = [entry for entry in ENTRIES if "claims" in entry and entry["baseline"]]


@pytest.mark.parametrize("entry", OF_DESIGNS, ids=lambda entry: entry["id"])
def test_ratios_and_verdicts_are_those_of_formulas_written_by_hand(entry: dict[str, Any]) -> None:
    found = FINDINGS[entry["id"]]
    for convention in ("paper", "matmul", "scalar"):
        by_hand = ratios(entry["design"], entry["baseline"], convention)
        assert isinstance(found.computed, dict)
        assert found.computed[convention] == {f"{name}_ratio": str(ratio) for name, ratio in by_hand.items()}
    held = [c for c in ("matmul", "paper") if holds(entry["claims"], entry["design"], entry["baseline"], c)]
    if "capacity_factors" in entry:
        assert found.verdict == "holds-at-capacity-1"
    else:
        assert found.verdict == {"matmul": "holds", "paper": "holds-without-router"}.get(held[0] if held else "", "off")


@pytest.mark.parametrize("entry", OF_DESIGNS, ids=lambda entry: entry["id"])
def test_what_is_off_says_by_how_much_and_what_would_hold(entry: dict[str, Any]) -> None:
    found = FINDINGS[entry["id"]]
    if found.verdict != "off":
        assert found.off_by is None
        assert found.nearest is None
        return
    assert not isinstance(found.off_by, str | None)
    assert found.nearest is not None
    for convention, errors in found.off_by.items():
        by_hand = ratios(entry["design"], entry["baseline"], convention)
        for claimed, error in errors.items():
            ratio = by_hand["flops" if claimed == "flops at most" else claimed]
            assert error == ratio - 1
            assert error == 0 or f"{ratio} of the baseline's" in found.reason
    near = found.nearest.design.to_dict()
    assert found.nearest.holds == holds(entry["claims"], near, entry["baseline"], found.nearest.convention)


NEAREST = {
    "mhmoe-v2-h2": ("paper", {"num_experts": (40, 41)}, {"flops": 0, "params": Fraction(-1, 128)}),
    "mhmoe-v2-h3": ("paper", {"num_experts": (96, 93)}, {"flops": 0, "params": 0}),
    "mhmoe-v1-flops-appD1": ("matmul", {"d_expert": (3024, 2304)}, {"flops at most": 0}),
    "latentmoe-95b-acc": (
        "paper",
        {"d_expert": (2688, 2517), "num_experts": (512, 545)},
        {"flops": Fraction(-1, 10752), "params": Fraction(-79, 279552)},
    ),
}


def test_the_nearest_designs_are_those_worked_out_by_hand() -> None:
    near = {name: found.nearest for name, found in FINDINGS.items() if found.nearest}
    assert {name: (one.convention, one.changed, one.off_by) for name, one in near.items()} == NEAREST


def test_a_claim_without_its_numbers_says_which_are_missing() -> None:
    found = FINDINGS["peer-not-auditable"]
    assert found.missing == (
        "the baseline lacks d_model, d_expert, num_experts, top_k",
        "the design lacks d_model",
    )
    assert all(words in found.reason for words in found.missing)


def test_the_printed_counts_of_deepseekmoe_are_right_when_rounded_and_those_of_whole_models_are_left_alone() -> None:
    shown = FINDINGS["dsmoe-2b-vs-gshard"].printed
    # 16 experts of 2 x 1280 x 5120 in 9 layers, of which two are active; as much in 64 of a quarter, 8 active.
    assert {(one.name, one.computed) for one in shown} == {
        ("expert_params", 9 * 16 * 2 * 1280 * 5120),
        ("active_expert_params", 9 * 2 * 2 * 1280 * 5120),
    }
    assert all(one.rounded and not one.exact for one in shown)
    whole = FINDINGS["latentmoe-95b-acc"]
    assert [one.computed for one in whole.printed] == [None, None]
    assert "not computable from the layer alone" in whole.reason


def test_a_rule_for_ungated_experts_read_for_gated_ones_is_told_as_that() -> None:
    assert "ungated experts" in FINDINGS["mhmoe-v2-eq8-gated"].reason
    assert FINDINGS["mhmoe-v2-eq8-gated"].off_by == "d/(3*k)"


def test_each_id_is_there_once_and_each_claim_has_its_source() -> None:
    assert len(FINDINGS) == len(ENTRIES)
    for entry in ENTRIES:
        assert all(entry[name] for name in ("paper", "arxiv", "where", "in_words"))


def test_the_json_has_the_fields_of_the_interface_and_what_was_found(answer: Answer) -> None:
    for entry, claim in zip(ENTRIES, answer("audit")["claims"], strict=True):
        found = FINDINGS[entry["id"]]
        assert (claim["id"], claim["verdict"], claim["reason"]) == (entry["id"], found.verdict, found.reason)
        assert claim["computed"] == found.computed
        assert claim["design"] == entry["design"]
        assert (claim["nearest"] is not None) == (entry["id"] in NEAREST)
        assert claim["missing"] == list(found.missing)
        if entry["id"] == "mhmoe-v2-h2":
            assert claim["off_by"]["paper"]["params"] == {"exact": "-1/32", "percent": "-3.125%"}
            assert claim["nearest"]["changed"] == {"num_experts": {"from": 40, "to": 41}}
            assert claim["nearest"]["off_by"]["params"]["exact"] == "-1/128"


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_a_terminal_and_no_word_of_a_reason_is_lost(width: int) -> None:
    text = to_text(audit_report(list(FINDINGS.values())), width=width)
    assert max(map(len, text.splitlines())) <= width
    for found in FINDINGS.values():
        assert " ".join(found.reason.split()) in " ".join(text.split())
    assert "…" not in text


def test_the_page_of_claims_is_what_is_computed() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts/published-claims"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    page = (ROOT / "docs/claims.md").read_text("utf-8")
    assert printed.stdout == page
    for name, found in FINDINGS.items():
        assert f"\n## {name}\n" in page
        assert f"**{found.verdict}**" in page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
