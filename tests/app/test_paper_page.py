"""Paper shows the verdicts of `parity audit` and the published tables."""

import pytest

from parity.audit import Finding, audit, builtin_claims
from parity.paper import published
from parity.report.paper import table_report
from tests.app.conftest import answers, cells, changed, charts, control, link, messages, opened, tables

FOUND = audit(builtin_claims())
VERDICTS = list(dict.fromkeys(finding.verdict for finding in FOUND))
TABLES = {f"{table.name}: {table.title}": table for table in published().tables}


def title(finding: Finding) -> str:
    """The verdict and the name of a claim as the page has them, less what escapes the name."""
    return f"[{finding.verdict}] {finding.claim.id}"


@pytest.mark.parametrize("verdict", ["all", *VERDICTS])
def test_the_claims_shown_are_those_with_the_verdict(verdict: str) -> None:
    shown = changed(opened("paper"), {"verdict": verdict})
    claims = [finding for finding in FOUND if verdict in ("all", finding.verdict)]
    headings = [claim.label.replace("\\", "") for claim in shown.expander]
    assert not shown.exception
    assert len(headings) == len(claims) > 0
    assert all(heading.endswith(title(claim)) for heading, claim in zip(headings, claims, strict=True))
    assert link(shown) == ({} if verdict == "all" else {"v": "1", "verdict": verdict})
    again = opened("paper", link(shown))
    assert [claim.label for claim in again.expander] == [claim.label for claim in shown.expander]


@pytest.mark.parametrize("name", TABLES)
def test_the_table_shown_is_the_one_that_is_chosen(name: str) -> None:
    shown = changed(opened("paper"), {"table": name})
    table = TABLES[name]
    assert tables(shown) == cells(table_report(table))
    assert len(charts(shown)) == len(published().datasets)
    for words, dataset in zip(charts(shown), published().datasets, strict=True):
        assert dataset in words
        assert all(row.variant in words for row in table.rows)
    again = opened("paper", link(shown))
    assert answers(again) == answers(shown)
    assert control(again, "table").value == name
    assert not messages(again)


def test_each_claim_has_its_reason_and_where_it_stands() -> None:
    words = "\n".join(block.value.replace("\\", "") for block in opened("paper").main.markdown)
    captions = "\n".join(block.value.replace("\\", "") for block in opened("paper").main.caption)
    for finding in FOUND:
        assert finding.reason in words
        assert f"{finding.claim.paper}, arXiv:{finding.claim.arxiv}, {finding.claim.where}" in captions
