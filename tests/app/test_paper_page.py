"""Paper shows the whole ledger of `parity audit` and the published tables."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from parity.audit import Finding, audit, builtin_claims
from parity.audit.printed import outcome
from parity.conventions import CONVENTIONS
from parity.paper import published
from parity.report.claims import VERDICTS
from parity.report.paper import table_report
from parity.text import integer, percent
from tests.app.conftest import answers, cells, changed, charts, control, link, messages, opened, tables, written

FOUND = audit(builtin_claims())
VERDICTS_FOUND = list(dict.fromkeys(finding.verdict for finding in FOUND))
TABLES = {f"{table.name}: {table.title}": table for table in published().tables}

Rows = list[list[str]]


def title(finding: Finding) -> str:
    """The verdict and the name of a claim as the page has them, less what escapes the name."""
    return f"[{finding.verdict}] {finding.claim.id}"


def sections(shown: AppTest) -> dict[str, Any]:
    """What the page shows of each claim by itself, by its title."""
    labelled = [(section.label.replace("\\", ""), section) for section in shown.expander]
    return {label.partition("-badge")[2]: section for label, section in labelled if "-badge[" in label}


def ledger(section: Any) -> list[Rows]:
    """The tables of a claim, row by row under the headings, less what escapes their words."""
    frames = [table.value for table in section.table]
    rows = [[list(map(str, frame.columns)), *frame.to_numpy().tolist()] for frame in frames]
    return [[[cell.replace("\\", "").strip() for cell in row] for row in table] for table in rows]


def spelled(value: Any) -> str:
    """The value of a field as people read it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return integer(value) if isinstance(value, int) else str(value)


@pytest.fixture(scope="module")
def shown() -> AppTest:
    """The page with all claims."""
    return opened("paper")


@pytest.mark.parametrize("verdict", ["all", *VERDICTS_FOUND])
def test_the_claims_shown_are_those_with_the_verdict(verdict: str) -> None:
    shown = changed(opened("paper"), {"verdict": verdict})
    claims = [finding for finding in FOUND if verdict in ("all", finding.verdict)]
    assert not shown.exception
    assert list(sections(shown)) == [title(claim) for claim in claims] != []
    assert [row[:2] for row in tables(shown)[0]] == [[claim.claim.id, claim.verdict] for claim in claims]
    assert link(shown) == ({} if verdict == "all" else {"v": "1", "verdict": verdict})
    again = opened("paper", link(shown))
    assert list(sections(again)) == list(sections(shown))


@pytest.mark.parametrize("name", TABLES)
def test_the_table_shown_is_the_one_that_is_chosen(name: str) -> None:
    shown = changed(opened("paper"), {"table": name})
    table = TABLES[name]
    assert tables(shown)[1:] == cells(table_report(table))
    assert len(charts(shown)) == len(published().datasets)
    for words, dataset in zip(charts(shown), published().datasets, strict=True):
        assert dataset in words
        assert all(row.variant in words for row in table.rows)
    again = opened("paper", link(shown))
    assert answers(again) == answers(shown)
    assert control(again, "table").value == name
    assert not messages(again)


each = pytest.mark.parametrize("finding", FOUND, ids=[finding.claim.id for finding in FOUND])


@each
def test_each_claim_has_its_source_what_it_says_its_verdict_and_the_reason(shown: AppTest, finding: Finding) -> None:
    words, claim = written(sections(shown)[title(finding)]), finding.claim
    assert f"[{claim.paper}](https://arxiv.org/abs/{claim.arxiv})" in words
    assert f"arXiv:{claim.arxiv}, {claim.where}: {claim.in_words}." in words
    assert f"**{finding.verdict}**: {finding.reason}" in words
    if claim.equation:
        assert claim.equation.printed in words


@each
def test_each_claim_has_both_designs_field_by_field_and_the_nearest_that_would_hold(
    shown: AppTest, finding: Finding
) -> None:
    head, *rows = ledger(sections(shown)[title(finding)])[0]
    given = {"baseline": finding.claim.baseline, "design": finding.claim.design}
    if finding.nearest:
        given[head[3]] = finding.nearest.design.to_dict()
        assert head[3] == f"{'holds' if finding.nearest.holds else 'closest'} under {finding.nearest.convention}"
    assert head == ["field", *given]
    assert {row[0] for row in rows} == {*finding.claim.baseline, *finding.claim.design}
    for name, *values in rows:
        for value, fields in zip(values, given.values(), strict=True):
            assert value == spelled(fields.get(name, ""))


@each
def test_each_claim_has_the_ratios_that_are_computed_under_every_convention(shown: AppTest, finding: Finding) -> None:
    of_ratios = [table for table in ledger(sections(shown)[title(finding)]) if table[0][0] == "convention"]
    overview = next(row for row in tables(shown)[0] if row[0] == finding.claim.id)
    if not isinstance(finding.computed, Mapping):
        assert of_ratios == []
        assert overview[2:6] == [""] * 4
        return
    ((head, *rows),) = of_ratios
    assert head == ["convention", "FLOPs", "parameters", "active parameters"]
    assert [row[0] for row in rows] == list(CONVENTIONS)
    for convention, *ratios in rows:
        exact = [finding.computed[convention][f"{name}_ratio"] for name in ("flops", "params", "active_params")]
        errors = [percent(Fraction(ratio) - 1) for ratio in exact]
        assert ratios == [r if r == "1" else f"{r} ({error})" for r, error in zip(exact, errors, strict=True)]
        if convention != "scalar":
            at = 2 if convention == "paper" else 4
            assert overview[at : at + 2] == errors[:2]


@each
def test_each_claim_has_every_printed_figure_with_what_is_computed(shown: AppTest, finding: Finding) -> None:
    figures = [table for table in ledger(sections(shown)[title(finding)]) if table[0][0] == "figure"]
    rows = [row for table in figures for row in table[1:]]
    assert bool(rows) == bool(finding.printed)
    for entry in finding.printed:
        (row,) = [row for row in rows if row[:2] == [entry.name, entry.printed] and entry.side in row[2]]
        assert entry.convention in row[3]
        computed = entry.computed
        assert row[4] == ("" if computed is None else integer(computed))
        assert row[5] == (outcome(entry) if computed is not None else f"is not compared: {entry.why_not}")


@each
def test_each_claim_has_the_equation_that_is_printed_and_the_one_that_is_computed(
    shown: AppTest, finding: Finding
) -> None:
    expressions = [table for table in ledger(sections(shown)[title(finding)]) if table[0][1] == "expression"]
    assert bool(expressions) == bool(finding.claim.equation)
    if finding.claim.equation:
        less = finding.off_by or "0"
        assert [row[1] for row in expressions[0][1:]] == [finding.claim.equation.printed, finding.computed, less]


def test_every_verdict_is_explained(shown: AppTest) -> None:
    explained = [cell.replace("\\", "") for cell in shown.table[0].value["verdict"]]
    assert explained == [row[0] for row in VERDICTS.rows]
    assert {finding.verdict for finding in FOUND} <= set(explained)


def test_nothing_on_the_page_is_shown_as_raw_json(shown: AppTest) -> None:
    assert len(shown.json) == 0
