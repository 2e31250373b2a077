"""Which family, and its config: the paper's decoder, a host with its MoE layers replaced, or a model as it is."""

import json
from collections.abc import Mapping
from typing import Any

from parity.design import MoELayer, shown
from parity.errors import InputError
from parity.exporters.decoder import described
from parity.exporters.hf.around import AROUND, BECAUSE, DENSE_UNGATED, dense_decoder
from parity.exporters.hf.forms import FORMS
from parity.exporters.hf.spelling import fields_of, what_differs, why_not
from parity.exporters.plain import check_whole_tokens, refused
from parity.exporters.request import Export, Request
from parity.exporters.same import same
from parity.exporters.versions import TRANSFORMERS
from parity.models import import_config

FILE = "config.json"

ELSEWHERE = {"deepseek": "code beside its weights", "grok-1": "its authors' own code"}
"""Families that transformers does not build itself."""

SAME_CLASS = {"kimi_k2": "deepseek_v3"}
"""Families that transformers builds with another one's class."""


def export_hf(request: Request) -> Export:
    """The config of the request.

    Raises:
        InputError: no family can express the layer, or the host's cannot.
    """
    check_whole_tokens(request.layer, "every family of transformers")
    return _around_paper(request) if request.host is None else _in_host(request, request.host)


def export_model(config: Mapping[str, Any]) -> Export:
    """A whole model's own config.

    Raises:
        InputError: transformers does not build its family.
    """
    family = str(config.get("model_type"))
    if family in ELSEWHERE:
        raise InputError(
            f"model_type={family} is built by {ELSEWHERE[family]} and not by transformers: accepted are the families "
            "it has, or --host with one of them"
        )
    built = SAME_CLASS.get(family, family)
    notes = [f"model_type {family}: the model's own config, as it is but for transformers_version."]
    fields = dict(config)
    if built != family:
        notes.append(f"transformers builds {family} as {built}, which the file says.")
        fields = {name: value for name, value in fields.items() if name != "auto_map"} | {"model_type": built}
    return _written(fields, notes)


def _around_paper(request: Request) -> Export:
    layer = request.layer
    if layer.num_experts == 1 and not layer.num_shared_experts and not layer.head_layer:
        config = dense_decoder(layer, request.activation)
        notes = [
            _chosen(config["model_type"], BECAUSE["qwen3"] if layer.gated else DENSE_UNGATED),
            f"{described(layer)} --host MODEL takes another.",
        ]
        return _exported(config, layer, notes)
    reasons = {}
    for family, around in AROUND.items():
        lacking = why_not(request, FORMS[family])
        if lacking is None:
            config = {"model_type": family, **around(layer), **fields_of(request, FORMS[family])}
            notes = [
                _chosen(family, BECAUSE[family]),
                *what_differs(FORMS[family]),
                f"{described(layer)} --host MODEL takes another.",
            ]
            return _exported(config, layer, notes)
        reasons[family] = lacking
    told = "; ".join(f"{family} cannot have {reason}" for family, reason in reasons.items())
    raise refused("the design", f"no family of transformers with MoE in every second layer expresses it: {told}")


def _chosen(family: str, because: str) -> str:
    return f"model_type {family}: {because}."


def _in_host(request: Request, host: Mapping[str, Any]) -> Export:
    layer, family = request.layer, host.get("model_type")
    model = import_config(host)
    if not model.moe_layers:
        raise InputError(f"--host of model_type={shown(family)} has no MoE layers: accepted are models with")
    beside = sorted({part.name for placed in model.moe_blocks for part in placed.block.parts})
    if beside:
        raise InputError(
            f"--host of model_type={shown(family)}: its MoE layers have a {', a '.join(beside)}, which the design "
            "lacks and whose parameters would be counted; accepted are models without"
        )
    form = FORMS.get(str(family))
    if form is None:
        raise InputError(f"--host of model_type={shown(family)}: accepted are models of {', '.join(FORMS)}")
    width = next(iter(model.layers)).d_model
    if width != layer.d_model:
        raise InputError(f"d_model={layer.d_model} in a host of hidden_size={width}: accepted is a host as wide")
    lacking = why_not(request, form)
    if lacking is not None:
        raise refused(
            f"--host of model_type={shown(family)}", f"it cannot have {lacking}", "other hosts, or --to torch"
        )
    config = {**host, **fields_of(request, form)}
    layers = f"its {model.moe_layers} MoE layers of {model.num_layers} are replaced, the rest is as it was"
    return _exported(config, layer, [f"model_type {family}, the host's: {layers}.", *what_differs(form)])


def _exported(config: dict[str, Any], layer: MoELayer, notes: list[str]) -> Export:
    """The config, once what parity reads out of it is the layer and nothing beside it."""
    model = import_config(config)
    found = {same(other) for other in model.layers}
    if found != {same(layer)} or any(placed.block.parts for placed in model.moe_blocks):
        raise InputError(f"the config of {config['model_type']} would hold another layer: accepted is --to torch")
    return _written(config, notes)


def _written(config: Mapping[str, Any], notes: list[str]) -> Export:
    text = json.dumps({**config, "transformers_version": TRANSFORMERS}, indent=2, ensure_ascii=False) + "\n"
    family = str(config["model_type"])
    return Export("hf", f"transformers {TRANSFORMERS}", {FILE: text.encode()}, tuple(notes), family)
