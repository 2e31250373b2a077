"""The targets by name, and the files of an export in memory."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from parity.design import shown
from parity.errors import InputError
from parity.exporters.hf import export_hf, export_model
from parity.exporters.megatron import export_megatron
from parity.exporters.models import config_of
from parity.exporters.olmo_core import export_olmo_core
from parity.exporters.request import Computation, Export, Request
from parity.exporters.torch_layer import export_torch
from parity.ref import Found

TARGETS: Mapping[str, Callable[[Request], Export]] = {
    "hf": export_hf,
    "megatron": export_megatron,
    "olmo-core": export_olmo_core,
    "torch": export_torch,
}
"""How each is written."""

DESIGN = "design.json"
"""What was exported, which any command takes as a reference."""


def export(target: str, request: Request) -> Export:
    """The export of a layer, its design beside it.

    Raises:
        InputError: the target is unknown or cannot express the request; the message says why.
    """
    if target not in TARGETS:
        raise InputError(f"{shown(target)!r} is not a target: accepted are {', '.join(TARGETS)}")
    return _with_design(TARGETS[target](request), {"design": request.layer.to_dict()})


def export_found(
    found: Found, target: str, how: Computation | None = None, *, host: Found | None = None, ep: int = 1
) -> Export:
    """The export of what a reference stands for: to `hf` goes a model whole, elsewhere its MoE layer.

    Raises:
        InputError: the reference has no layer, or several kinds; an option does not go with the target; or the target
            cannot express the design.
    """
    computation = how or Computation()
    if host is not None and target != "hf":
        raise InputError(f"--host with --to {target}: accepted is --host with --to hf")
    if ep != 1 and target != "megatron":
        raise InputError(f"--ep {ep} with --to {target}: accepted is --ep with --to megatron")
    if found.model is None or host is not None:
        return export(target, Request(found.design, computation, host=None if host is None else _host(host), ep=ep))
    config = config_of(found)
    if target != "hf":
        made = export(target, Request(found.design, computation, model=config, ep=ep))
        return replace(made, notes=(*made.notes, _OF_A_MODEL))
    if computation != Computation():
        raise InputError("a whole model says itself how it computes: accepted is --to hf without further options")
    return _with_design(export_model(config), config)


_OF_A_MODEL = (
    "Of the model this is the MoE layer as parity's design has it: what its router adds to a softmax, gates of shared "
    "experts and biases are left out, and so is the rest of the model."
)


def _host(host: Found) -> Mapping[str, Any]:
    if host.model is None:
        raise InputError(f"--host {shown(host.name)} is no model: accepted are built-in models and config.json")
    return config_of(host)


def _with_design(made: Export, content: Mapping[str, Any]) -> Export:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return replace(made, files={**made.files, DESIGN: text.encode()})
