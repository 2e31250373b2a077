"""Compare: designs side by side, op by op under each convention."""

import streamlit as st

from app import charts, pictures
from app.controls import Controls
from app.downloads import downloads
from app.reports import show_costs, show_notes, show_table, show_tables
from parity.builtin import BUILTIN
from parity.conventions import CONVENTIONS
from parity.cost import cost
from parity.design import MoELayer
from parity.errors import InputError
from parity.ref import resolve
from parity.report.layer import compare_report, ledger_table

FIRST = ("paper-smoe", "paper-fine-grained", "paper-mh-moe-2", "paper-mh-moe-3")
MOST = 12


def page() -> None:
    """Draw the page."""
    controls = Controls("compare")
    st.title("Compare")
    st.markdown("Put designs side by side. The first is the baseline that the errors are against.")
    chosen = controls.several(
        "designs",
        "Designs",
        list(BUILTIN),
        FIRST,
        "Built-in names, or fields typed in: d_model=768,d_expert=512,num_experts=93,top_k=3,heads=3",
    )
    convention = controls.choice("convention", "Convention of the charts", list(CONVENTIONS), "How the charts count.")
    layers = controls.parsed(
        "designs", " ".join(chosen), lambda _: [(ref, resolve(ref, files=False)) for ref in chosen]
    )
    if not chosen or len(chosen) > MOST:
        controls.refuse(InputError(f"{len(chosen)} designs: accepted are 1 to {MOST}"), name="designs")
    controls.done()
    if layers and not controls.refused:
        show(layers, convention)


def show(layers: list[tuple[str, MoELayer]], convention: str) -> None:
    """Draw the charts and the tables."""
    costs = {name: cost(layer, convention) for name, layer in layers}
    show_costs(costs, charts.QUANTITIES)
    report = compare_report(layers)
    show_tables(report)
    show_notes(report.notes)
    for tab, name in zip(st.tabs(list(CONVENTIONS)), CONVENTIONS, strict=True):
        with tab:
            show_table(ledger_table(layers, name))
    downloads("parity-compare", report, lambda: pictures.costs(costs, charts.QUANTITIES))


page()
