"""Compare: designs side by side, what their FLOPs hide, and op by op under each convention."""

import streamlit as st

from app import charts, designs, pictures
from app.controls import Controls, in_pairs
from app.downloads import downloads
from app.reports import show_costs, show_notes, show_table, show_tables
from app.text import plain
from parity.builtin import BUILTIN
from parity.conventions import CONVENTIONS
from parity.cost import cost
from parity.design import MoELayer
from parity.errors import InputError
from parity.hidden.setting import Setting, parse_factor
from parity.machine import remembered
from parity.models.builtin import builtin_models
from parity.precision import ATTAINABLE
from parity.ref import resolve
from parity.report.compare import compare_report
from parity.report.layer import ledger_table

FIRST = ("paper-smoe", "paper-fine-grained", "paper-mh-moe-2", "paper-mh-moe-3")
MOST = 12
ABOUT = {
    "tokens": "Tokens of a batch, over all devices.",
    "ep": "Devices that experts and tokens are spread over.",
    "tile": "Rows that an expert's products are rounded up to a multiple of.",
}
DEFAULT = Setting()


def page() -> None:
    """Draw the page."""
    controls = Controls("compare")
    st.title("Compare")
    st.markdown("Put designs side by side. The first is the baseline that the errors are against.")
    with st.expander("A model of your own", icon=":material/upload_file:"):
        designs.drop_zone()
    own = designs.dropped_layer()
    chosen = controls.several(
        "designs",
        "Designs",
        [*([designs.DROPPED] if own else []), *BUILTIN, *builtin_models()],
        FIRST,
        "Built-in names, or fields typed in: d_model=768,d_expert=512,num_experts=93,top_k=3,heads=3",
    )
    convention = controls.choice("convention", "Convention of the charts", list(CONVENTIONS), "How the charts count.")
    with st.expander("The batch and the devices", icon=":material/memory:"):
        setting = ask_setting(controls)

    def layer_of(ref: str) -> MoELayer:
        return own if own is not None and ref == designs.DROPPED else resolve(ref, files=False)

    layers = controls.parsed("designs", " ".join(chosen), lambda _: [(ref, layer_of(ref)) for ref in chosen])
    if not chosen or len(chosen) > MOST:
        controls.refuse(InputError(f"{len(chosen)} designs: accepted are 1 to {MOST}"), name="designs")
    if layers and setting:
        check(layers, setting, controls)
    controls.done()
    if layers and setting and not controls.refused:
        show(layers, convention, setting)


def check(layers: list[tuple[str, MoELayer]], setting: Setting, controls: Controls) -> None:
    """Say where a design cannot be run so."""
    try:
        for name, layer in layers:
            setting.check(name, layer)
    except InputError as error:
        controls.refuse(error)


def ask_setting(controls: Controls) -> Setting | None:
    """Draw the controls of how the designs are run; None where a value cannot work."""
    numbers: dict[str, int] = {}
    for name, place in zip(ABOUT, in_pairs(len(ABOUT) + 2), strict=False):
        with place:
            value = controls.required(name, str(getattr(DEFAULT, name)), ABOUT[name])
        numbers |= {} if value is None else {name: value}
    left, right = st.columns(2)
    with left:
        precision = controls.choice(
            "precision",
            "precision",
            [DEFAULT.precision, *(name for name in ATTAINABLE if name != DEFAULT.precision)],
            "Of weights and activations.",
        )
    with right:
        about = "Slots of an expert over its rows under balanced routing. Left empty, no row is dropped."
        text = controls.text("capacity_factor", "capacity_factor", "", about, placeholder="none")
        capacity = controls.parsed("capacity_factor", text, lambda given: parse_factor("capacity_factor", given))
    if controls.refused:
        return None
    return Setting(**numbers, precision=precision, capacity_factor=capacity)


def show(layers: list[tuple[str, MoELayer]], convention: str, setting: Setting) -> None:
    """Draw what sums it up, the charts and the tables."""
    costs = {name: cost(layer, convention) for name, layer in layers}
    report = compare_report(layers, setting, remembered())
    for sentence in report.data["summary"]:
        st.markdown(f":material/timer: **{plain(sentence)}**")
    show_costs(costs, charts.QUANTITIES)
    show_tables(report)
    show_notes(report.notes[len(report.data["summary"]) :])
    for tab, name in zip(st.tabs(list(CONVENTIONS)), CONVENTIONS, strict=True):
        with tab:
            show_table(ledger_table(layers, name))
    downloads("parity-compare", report, lambda: pictures.costs(costs, charts.QUANTITIES))


page()
