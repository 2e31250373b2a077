"""Paper: published claims of parity with their verdicts, and the paper's tables."""

import streamlit as st

from app import charts, pictures
from app.controls import Controls
from app.downloads import downloads
from app.reports import show_tables
from app.text import plain
from parity.audit import Finding, audit, builtin_claims
from parity.paper import PaperTable, published
from parity.report.audit import audit_report
from parity.report.paper import table_report

COLORS = {"holds": "green", "off": "red", "not-computable": "gray"}


@st.cache_data(show_spinner="Computing the verdicts")
def findings() -> list[Finding]:
    """The built-in claims, audited once."""
    return audit(builtin_claims())


def page() -> None:
    """Draw the page."""
    controls = Controls("paper")
    st.title("Paper")
    st.markdown("What papers claim to be equal, computed; and the tables of MH-MoE as published.")
    found = findings()
    verdicts = list(dict.fromkeys(finding.verdict for finding in found))
    wanted = controls.choice("verdict", "Verdict", ["all", *verdicts], "Show the claims with this verdict.")
    tables = {f"{table.name}: {table.title}": table for table in published().tables}
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Claims")
        show_claims([finding for finding in found if wanted in ("all", finding.verdict)])
        downloads("parity-audit", audit_report(found))
    with right:
        st.subheader("Published tables")
        chosen = controls.choice("table", "Table", list(tables), "Perplexity: the less the better.")
        show_table(tables[chosen])
    controls.done()


def show_claims(found: list[Finding]) -> None:
    """Draw each claim: its verdict, the reason, and what was computed."""
    for finding in found:
        color = COLORS.get(finding.verdict, "orange")
        with st.expander(f":{color}-badge[{finding.verdict}] {plain(finding.claim.id)}"):
            st.markdown(plain(finding.reason))
            st.caption(plain(f"{finding.claim.paper}, arXiv:{finding.claim.arxiv}, {finding.claim.where}"))
            if finding.computed is not None:
                st.json(finding.computed, expanded=2)


def show_table(table: PaperTable) -> None:
    """Draw one published table as dots and as numbers, with what its designs cost."""
    report = table_report(table)
    for place, dataset in enumerate(published().datasets):
        words = charts.describe_perplexities(table, place, dataset)
        st.vega_lite_chart(spec=charts.perplexities(table, place, dataset), alt=words)
    show_tables(report)
    downloads(f"parity-{table.name}", report, lambda: pictures.perplexities(table))


page()
