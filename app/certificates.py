"""Certificates on the page: one is made of what was solved, and one that is dropped is checked."""

import shlex
from typing import Any, get_args

import streamlit as st

from app.command import command
from app.designs import Baseline
from app.downloads import downloads, save
from app.reports import show_notes, show_tables
from app.tasks import certified, checked
from app.text import as_typed
from app.work import Work
from parity.certificate import Claim, canonical
from parity.certificate.claim import Fixed
from parity.certificate.reading import LARGEST_CERTIFICATE
from parity.design import MoELayer
from parity.ref import is_builtin, reference_to
from parity.report.certificate import certificate_report
from parity.report.formats import to_latex
from parity.report.model import Report

UNKNOWNS: tuple[Fixed, ...] = get_args(Fixed)
MADE = "parity-certificate.json"


def make_certificate(design: MoELayer, baseline: Baseline, asked: dict[str, Any]) -> None:
    """Draw the way to a certificate of how close a design comes, and the certificate once it is made.

    `asked` are the arguments of `solve` that gave the design.
    """
    if not isinstance(baseline.target, MoELayer):
        st.caption("A certificate is of two designs, and costs that are given by themselves are none.")
        return
    fixed = next((name for name in UNKNOWNS if name in asked), None)
    shared = {name: asked[name] for name in ("convention", "prefer", "constraints")}
    claim = Claim(baseline=baseline.target, design=design, fixed=fixed, **shared)
    ref = reference_to(design)
    called = {"baseline": "" if baseline.dropped else baseline.ref, "design": ref}
    names = {which: name for which, name in called.items() if is_builtin(name)}
    options = {name: asked[name] for name in ("convention", "prefer", fixed) if name}
    line = command("certify", baseline, options, claim.constraints, [ref, "--output", MADE])
    st.code(line, language="bash", wrap_lines=True)
    work = Work("certify", (claim, names))
    about = "Search again, execute the design and write down what anyone can check. It takes seconds."
    if st.button("Make a certificate", icon=":material/verified:", help=about):
        work.start(certified, claim, names)
    certificate = work.follow()
    if certificate is not None:
        _show_certificate(certificate)


def _show_certificate(certificate: dict[str, Any]) -> None:
    report = certificate_report(certificate)
    show_notes(report.notes)
    with st.container(horizontal=True):
        # As `parity certify` writes it.
        content = canonical(certificate) + b"\n"
        save("Certificate", content, MADE, "application/json", "Save what `parity check` takes.", "verified")
        about = "Save a paragraph and tables for a paper."
        save("Certificate as LaTeX", lambda: to_latex(report), "parity-certificate.tex", "text/x-tex", about)


def check_certificate() -> None:
    """Draw where a certificate can be dropped, and what is found of it: it may be anyone's, and hostile."""
    st.markdown(
        "Drop a certificate, whoever wrote it. All of it is derived again from its two designs: no number in it is "
        "believed, and no digest. It stays on this machine."
    )
    about = "What Solve or `parity certify` saved."
    file = st.file_uploader("Drop a certificate", type="json", key="certificate zone", help=about)
    # One byte more than is accepted is enough to refuse it.
    data = file.getvalue()[: LARGEST_CERTIFICATE + 1] if file is not None else b""
    work = Work("check", (file and file.file_id, data))
    if file is None:
        return
    if not work.started or (work.cancelled and st.button("Check again", icon=":material/replay:")):
        work.start(checked, data)
    report = work.follow()
    if report is not None:
        _show_check(file.name, report)


def _show_check(name: str, report: Report) -> None:
    if report.data["holds"]:
        st.success(f"{as_typed(name)} holds: all of it follows from its two designs.", icon=":material/verified:")
    else:
        st.error(f"{as_typed(name)} does **not** hold: below is what differs.", icon=":material/error:")
    show_tables(report)
    show_notes(report.notes)
    path = f"./{name}" if name.startswith("-") else name
    st.code(shlex.join(["parity", "check", path]), language="bash", wrap_lines=True)
    downloads("parity-check", report)
