"""Controls that describe a design: a built-in name, or each field by itself."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.controls import Controls, in_pairs
from parity.builtin import BUILTIN
from parity.design import CHOICES, LEAST, MEANING, REQUIRED, SWITCHES, MoELayer
from parity.errors import InputError
from parity.problem import RawTarget
from parity.ref import reference_to

OWN_FIELDS, TARGETS = "own fields", "targets"
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


def name_of(baseline: MoELayer | RawTarget) -> str:
    """What to call what is matched."""
    return reference_to(baseline) if isinstance(baseline, MoELayer) else "the targets"


def pick(controls: Controls, first: str) -> MoELayer | None:
    """A design, to begin with that of this name; None where a value cannot work."""
    names = _names(first)
    chosen = controls.choice("design", "Design", names, "A built-in design, or one of your own field by field.")
    return own_design(controls) if chosen == OWN_FIELDS else BUILTIN[chosen].design


def baseline(controls: Controls) -> MoELayer | RawTarget | None:
    """What to match: a design, or the costs themselves; None where a value cannot work."""
    chosen = controls.choice(
        "baseline",
        "Baseline",
        [*_names("paper-smoe"), TARGETS],
        "What to match: a built-in design, one of your own field by field, or the costs themselves.",
    )
    if chosen == OWN_FIELDS:
        return own_design(controls)
    return _targets(controls) if chosen == TARGETS else BUILTIN[chosen].design


def _names(first: str) -> list[str]:
    """The built-in designs, that of this name before the others, and the way to one's own."""
    return [first, *(name for name in BUILTIN if name != first), OWN_FIELDS]


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
