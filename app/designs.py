"""Controls that describe a design: a built-in name, each field by itself, or a config.json that is dropped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.controls import Controls, in_pairs
from app.text import as_typed, plain
from parity.builtin import BUILTIN
from parity.design import CHOICES, LEAST, MEANING, REQUIRED, SWITCHES, MoELayer
from parity.errors import InputError
from parity.models.builtin import builtin_models
from parity.models.cost import cost_of_model
from parity.models.description import Model
from parity.problem import RawTarget
from parity.ref import Found, look_up, of_bytes, reference_to, resolve
from parity.text import counted, integer

OWN_FIELDS, TARGETS, DROPPED = "own fields", "targets", "config.json"
ZONE = f"{DROPPED} zone"
EXAMPLE = {"d_model": "768", "d_expert": "2048", "num_experts": "8", "top_k": "1"}
"""The paper's SMoE, to start from."""
DEFAULT = {"heads": "1", "d_latent": "d_model", "num_shared_experts": "0", "d_shared": "0"}
SOLVED_FOR = {
    "d_expert": "solved for",
    "num_experts": "solved for",
    **dict.fromkeys(("d_latent", "num_shared_experts", "d_shared"), "as the baseline"),
}
"""What stands in fields that are left empty, of a design by itself and of one that is solved for."""
NOTHING: Mapping[str, str] = {}
YES_OR_NO = {"yes": True, "no": False}


@dataclass(frozen=True)
class Baseline:
    """What is matched, and what to call it."""

    ref: str
    """As the command line names it; costs that are given by themselves have a name for people."""
    target: MoELayer | RawTarget
    model: Model | None = None
    """The model whose layer it is."""
    layer_alone: bool = False
    """Whether of a config only the MoE layer was read."""
    dropped: bool = False
    """Whether it is from a file of the visitor's."""

    @property
    def name(self) -> str:
        """What to call it in titles, which are Markdown: the name that a file has may be markup."""
        return DROPPED if self.dropped else self.ref


def pick(controls: Controls, first: str) -> tuple[str, MoELayer] | None:
    """A design and what to call it, to begin with that of this name; None where a value cannot work."""
    about = "A design or model by name, or one of your own."
    chosen = _chosen(controls, "design", "Design", _names(first), about)
    return None if chosen is None or isinstance(chosen.target, RawTarget) else (chosen.name, chosen.target)


def baseline(controls: Controls) -> Baseline | None:
    """What to match: a design, a model, or the costs themselves; None where a value cannot work."""
    names = [*_names("paper-smoe"), TARGETS]
    about = "What to match: a design or model by name, one of your own, or the costs themselves."
    return _chosen(controls, "baseline", "Baseline", names, about)


def _chosen(controls: Controls, name: str, label: str, names: list[str], about: str) -> Baseline | None:
    chosen = controls.choice(name, label, names, about)
    if chosen == OWN_FIELDS:
        layer = own_design(controls)
        return None if layer is None else Baseline(reference_to(layer), layer)
    if chosen == TARGETS:
        target = _targets(controls)
        return None if target is None else Baseline("the targets", target)
    if chosen != DROPPED:
        found = look_up(chosen, files=False)
        return Baseline(found.name, found.design, found.model)
    with st.container(border=True):
        try:
            found, alone = dropped(controls)
        except InputError as error:
            controls.refuse(error, name=name)
            return None
    return Baseline(found.name, found.design, found.model, alone, dropped=True)


def _names(first: str) -> list[str]:
    """The built-in designs, that of this name before the others, the models, and the ways to one's own."""
    return [first, *(name for name in BUILTIN if name != first), *builtin_models(), DROPPED, OWN_FIELDS]


def dropped(controls: Controls) -> tuple[Found, bool]:
    """What the visitor drops, here or on another page, and whether only its MoE layer was read; a link has that alone.

    Raises:
        InputError: there is no file yet, or it holds neither a model nor a design.
    """
    about = "A model's config.json as on the Hugging Face hub, or a design that parity wrote. It stays on this machine."
    st.file_uploader("Drop a config.json", type="json", key=ZONE, help=about, on_change=_hold, args=(controls,))
    alone = controls.switch(
        "moe_layer", "MoE layer alone", "Read that layer alone, where the rest of the model may not be understood."
    )
    if not is_held():
        layer = controls.carried("layer", lambda ref: resolve(ref, files=False))
        if layer is None:
            raise InputError("no file yet: accepted is a config.json that is dropped here")
        st.caption("The link has the MoE layer of a config.json, and not the file.")
        return Found(reference_to(layer), layer), False
    name, content = st.session_state[DROPPED]
    found = of_bytes(name, content, moe_layer=alone)
    controls.carry("layer", reference_to(found.design))
    st.markdown(as_typed(name) + (f" {plain(_summary(found.model))}" if found.model else ""))
    return found, alone


def is_held() -> bool:
    """Whether there is a file that the visitor dropped."""
    return DROPPED in st.session_state


def _hold(controls: Controls) -> None:
    """Keep the file that was dropped in memory for this visit, so that other pages have it too, or let go of it."""
    file = st.session_state[ZONE]
    if file is None:
        st.session_state.pop(DROPPED, None)
        controls.forget("layer")
    else:
        st.session_state[DROPPED] = (file.name, file.getvalue())


def _summary(model: Model) -> str:
    priced = cost_of_model(model)
    moe = f"{integer(model.moe_layers)} of them MoE" if model.moe_layers else "all dense"
    return (
        f"{model.family}: {counted(model.num_layers, 'layer')}, {moe}; {integer(priced.params)} parameters, "
        f"{integer(priced.active_params)} active"
    )


def own_design(controls: Controls) -> MoELayer | None:
    """A design field by field, of which most have defaults."""
    with st.container(border=True):
        fields = numbers(controls, "own.", tuple(LEAST), EXAMPLE, DEFAULT) | switches(controls, "own.")
        missing = [name for name in REQUIRED if name not in fields]
        if missing and not controls.refused:
            controls.refuse(InputError(f"{missing[0]} is empty: accepted are integers of at least 1"), "own.")
        if controls.refused:
            return None
        try:
            return MoELayer(**fields)
        except InputError as error:
            controls.refuse(error, "own.")
            return None


def numbers(
    controls: Controls,
    prefix: str,
    names: tuple[str, ...],
    defaults: Mapping[str, str] = NOTHING,
    placeholders: Mapping[str, str] = NOTHING,
) -> dict[str, Any]:
    """Fields that are integers, in two columns; those left empty are left out."""
    given: dict[str, Any] = {}
    for name, place in zip(names, in_pairs(len(names)), strict=False):
        with place:
            value = controls.integer(
                prefix + name, name, defaults.get(name, ""), MEANING[name], LEAST[name], placeholders.get(name, "")
            )
        given |= {} if value is None else {name: value}
    return given


def switches(controls: Controls, prefix: str) -> dict[str, Any]:
    """Fields that are one of a few words, in two columns; those left alone are left out."""
    given: dict[str, Any] = {}
    names = (*SWITCHES, *CHOICES)
    for name, place in zip(names, in_pairs(len(names)), strict=False):
        options = CHOICES.get(name, tuple(YES_OR_NO))
        with place:
            word = controls.choice(prefix + name, name, ["default", *options], MEANING[name])
        given |= {} if word == "default" else {name: YES_OR_NO.get(word, word)}
    return given


def _targets(controls: Controls) -> RawTarget | None:
    d_model = controls.integer("d_model", "d_model", "768", MEANING["d_model"])
    flops = controls.integer("target_flops", "FLOPs per token", "9437184", "Forward FLOPs per token to match.")
    params = controls.integer("target_params", "Parameters", "37748736", "Parameters to match.")
    if d_model is None or flops is None or params is None:
        if not controls.refused:
            controls.refuse(InputError("targets: accepted are d_model, FLOPs and parameters together"))
        return None
    return RawTarget(d_model, flops, params)
