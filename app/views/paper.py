"""Paper: published claims of parity with their verdicts, the paper's tables, and certificates of anyone's."""

import streamlit as st

from app import charts, pictures
from app.certificates import check_certificate
from app.controls import Controls
from app.downloads import downloads
from app.reports import show_in_place, show_table, show_tables
from app.text import plain
from parity.audit import Finding, audit, builtin_claims
from parity.paper import PaperTable, published
from parity.report.audit import audit_report
from parity.report.claims import ABOUT, RATIOS_ARE, VERDICTS, claim_tables, overview, said, verdict_counts
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
    with st.expander("Check a certificate", icon=":material/verified:"):
        check_certificate()
    found = findings()
    verdicts = list(dict.fromkeys(finding.verdict for finding in found))
    tables = {f"{table.name}: {table.title}": table for table in published().tables}
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Claims")
        st.markdown(plain(f"{ABOUT} {verdict_counts(found)}"))
        wanted = controls.choice("verdict", "Verdict", ["all", *verdicts], "Show the claims with this verdict.")
        show_claims([finding for finding in found if wanted in ("all", finding.verdict)])
        st.code("parity audit", language="bash")
        downloads("parity-audit", audit_report(found))
    with right:
        st.subheader("Published tables")
        chosen = controls.choice("table", "Table", list(tables), "Perplexity: the less the better.")
        show_published(tables[chosen])
    controls.done()


def show_claims(found: list[Finding]) -> None:
    """Draw all claims in one table, what verdicts mean, and each claim by itself."""
    show_table(overview(found))
    with st.expander("How to read this", icon=":material/help:"):
        show_in_place(VERDICTS)
        st.markdown(plain(RATIOS_ARE))
    for finding in found:
        color = COLORS.get(finding.verdict, "orange")
        with st.expander(f":{color}-badge[{finding.verdict}] {plain(finding.claim.id)}"):
            show_claim(finding)


def show_claim(finding: Finding) -> None:
    """Draw one claim: its source and what it says, why the verdict, both designs, and what was computed."""
    claim = finding.claim
    source = f"[{plain(claim.paper)}](https://arxiv.org/abs/{claim.arxiv})"
    st.markdown(f"{source}, {plain(f'arXiv:{claim.arxiv}, {claim.where}: {claim.in_words}.')}")
    st.markdown(f"{'Equation' if claim.equation else 'Claimed'}: {plain(said(finding))}.")
    st.markdown(f"**{plain(finding.verdict)}**: {plain(finding.reason)}")
    for table in claim_tables(finding):
        show_in_place(table)


def show_published(table: PaperTable) -> None:
    """Draw one published table as dots and as numbers, with what its designs cost."""
    report = table_report(table)
    for place, dataset in enumerate(published().datasets):
        words = charts.describe_perplexities(table, place, dataset)
        st.vega_lite_chart(spec=charts.perplexities(table, place, dataset), alt=words)
    show_tables(report)
    downloads(f"parity-{table.name}", report, lambda: pictures.perplexities(table))


page()
