"""Compare: designs side by side, what their FLOPs hide, and op by op under each convention."""

from dataclasses import dataclass, replace
from typing import Self

import streamlit as st

from app import charts, designs, pictures
from app.controls import Controls, in_pairs
from app.downloads import downloads
from app.reports import show_costs, show_notes, show_table, show_tables
from app.text import as_typed, plain
from parity.builtin import BUILTIN
from parity.conventions import CONVENTIONS
from parity.cost import cost
from parity.design import MoELayer
from parity.errors import InputError
from parity.hardware import accelerators
from parity.hidden.setting import Setting, parse_factor
from parity.machine import remembered
from parity.models.builtin import builtin_models
from parity.models.description import Model
from parity.precision import ATTAINABLE
from parity.ref import Found, look_up
from parity.report.compare import compare_report
from parity.report.layer import ledger_table

FIRST = ("paper-smoe", "paper-fine-grained", "paper-mh-moe-2", "paper-mh-moe-3")
MOST = 12
ALL = "all"
ABOUT = {
    "tokens": "Tokens of a batch, over all devices.",
    "ep": "Devices that experts and tokens are spread over.",
    "tile": "Rows that an expert's products are rounded up to a multiple of.",
}
DEFAULT = Setting()


@dataclass(frozen=True)
class Compared:
    """A column: a layer, what to call it, and the model that it is one layer of."""

    name: str
    layer: MoELayer
    model: Model | None

    @classmethod
    def of(cls, found: Found) -> Self:
        """The column of what a reference names."""
        return cls(found.layer_name, found.design, found.model)


def page() -> None:
    """Draw the page."""
    controls = Controls("compare")
    st.title("Compare")
    st.markdown("Put designs side by side. The first is the baseline that the errors are against.")
    with st.expander("A model of your own", icon=":material/upload_file:"):
        own = of_visitor(controls)
    chosen = controls.several(
        "designs",
        "Designs",
        [*([designs.DROPPED] if isinstance(own, Found) else []), *BUILTIN, *builtin_models()],
        FIRST,
        "Built-in names, or fields typed in: d_model=768,d_expert=512,num_experts=93,top_k=3,heads=3",
    )
    convention = controls.choice("convention", "Convention of the charts", list(CONVENTIONS), "How the charts count.")
    with st.expander("The batch and the devices", icon=":material/memory:"):
        setting, accelerator = ask_setting(controls)

    def found(ref: str) -> Found:
        if ref != designs.DROPPED:
            return look_up(ref, files=False)
        if isinstance(own, InputError):
            raise own
        return own

    compared = controls.parsed("designs", " ".join(chosen), lambda _: [Compared.of(found(ref)) for ref in chosen])
    if not chosen or len(chosen) > MOST:
        controls.refuse(InputError(f"{len(chosen)} designs: accepted are 1 to {MOST}"), name="designs")
    if compared and setting:
        check(compared, setting, controls)
    controls.done()
    if compared and setting and not controls.refused:
        show(compared, convention, setting, accelerator)
    else:
        controls.show_refusals()


def of_visitor(controls: Controls) -> Found | InputError:
    """What is in the file that was dropped here or on another page, or why there is nothing."""
    try:
        return replace(designs.dropped(controls)[0], name=designs.DROPPED)
    except InputError as error:
        if designs.is_held():
            st.error(as_typed(str(error)), icon=":material/error:")
        return error


def check(compared: list[Compared], setting: Setting, controls: Controls) -> None:
    """Say where a design cannot be run so."""
    try:
        for each in compared:
            setting.check(each.name, each.layer)
    except InputError as error:
        controls.refuse(error)


def ask_setting(controls: Controls) -> tuple[Setting | None, str]:
    """Draw the controls of how the designs are run, and where; no setting where a value cannot work."""
    numbers: dict[str, int] = {}
    places = in_pairs(len(ABOUT) + 3)
    for name, about in ABOUT.items():
        with next(places):
            value = controls.required(name, str(getattr(DEFAULT, name)), about)
        numbers |= {} if value is None else {name: value}
    with next(places):
        precisions = [DEFAULT.precision, *(name for name in ATTAINABLE if name != DEFAULT.precision)]
        precision = controls.choice("precision", "precision", precisions, "Of weights and activations.")
    with next(places):
        about = "Slots of an expert over its rows under balanced routing. Left empty, no row is dropped."
        text = controls.text("capacity_factor", "capacity_factor", "", about, placeholder="none")
        capacity = controls.parsed("capacity_factor", text, lambda given: parse_factor("capacity_factor", given))
    with next(places):
        accelerator = controls.choice(
            "accelerator", "accelerator", [ALL, *accelerators()], "Times are predicted on it."
        )
    if controls.refused:
        return None, accelerator
    return Setting(**numbers, precision=precision, capacity_factor=capacity), accelerator


def show(compared: list[Compared], convention: str, setting: Setting, accelerator: str) -> None:
    """Draw what sums it up, the charts and the tables."""
    on = None if accelerator == ALL else [accelerators()[accelerator]]
    models = {each.name: each.model for each in compared if each.model}
    report = compare_report([(each.name, each.layer) for each in compared], setting, remembered(), on, models)
    # Fields are long; the report calls such a design by its place, and says which it is.
    called = [(label, each.layer) for label, each in zip(report.tables[0].columns[1:], compared, strict=True)]
    costs = {name: cost(layer, convention) for name, layer in called}
    for sentence in report.data["summary"]:
        st.markdown(f":material/timer: **{plain(sentence)}**")
    show_costs(costs, charts.QUANTITIES)
    show_tables(report)
    show_notes(report.notes[len(report.data["summary"]) :])
    for tab, name in zip(st.tabs(list(CONVENTIONS)), CONVENTIONS, strict=True):
        with tab:
            show_table(ledger_table(called, name))
    downloads("parity-compare", report, lambda: pictures.costs(costs, charts.QUANTITIES))


page()
