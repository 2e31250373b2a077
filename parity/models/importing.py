"""From a Hugging Face `config.json` to a model, or to its MoE layer alone: right, or refused."""

from collections.abc import Mapping
from dataclasses import replace

from parity.design import MoELayer, shown
from parity.errors import InputError
from parity.models.description import Model, Part
from parity.models.families.common import Family
from parity.models.families.table import FAMILIES
from parity.models.reading import Config

OF_THE_MOE_LAYER = ("expert", "moe", "router", "intermediate", "ffn", "mlp", "latent", "shared", "top")
"""Words in the names of fields that may change an MoE layer."""

OF_ITS_PLACE = [
    "intermediate_size",
    "intermediate_size_mlp",
    "mlp_only_layers",
    "mlp_layer_types",
    "moe_layer_freq",
    "moe_layer_start_index",
    "moe_layer_end_index",
    "moe_layer_interval",
    "moe_layers",
    "interleave_moe_layer_step",
    "expert_layer_period",
    "expert_layer_offset",
]
"""Fields with such names that say which layers are MoE, or how wide dense ones are where experts have another field."""


WITH_LM_HEAD = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel")
"""Endings of the classes that are language models."""

BESIDE_FIELD = "vision_config"
BESIDE = "Counted is the text model; the vision tower beside it is not."

OF_OTHER_INPUTS = [
    BESIDE_FIELD,
    *("boi_token_index", "eoi_token_index", "image_token_index", "image_token_id", "video_token_id"),
    *("vision_start_token_id", "vision_end_token_id"),
]
"""Fields of a larger config beside that of its text model."""


def import_config(config: object) -> Model:
    """The whole model that a config describes.

    Raises:
        InputError: the family, a field or a value is not understood.
    """
    family, fields, whole = _family(config)
    model = family.model(fields)
    whole.finish()
    return replace(model, notes=(*model.notes, BESIDE)) if whole is not fields and BESIDE_FIELD in whole else model


def import_moe_layer(config: object) -> tuple[MoELayer, tuple[Part, ...]]:
    """The MoE layer of a config whose family is known, whatever else the config holds; and what it has beside.

    Raises:
        InputError: the layer is not understood, or the family has none.
    """
    family, fields, _ = _family(config)
    if family.moe is None:
        raise InputError("--moe-layer of a dense family: accepted are families with MoE layers")
    block = family.moe(fields)
    fields.unused(*OF_ITS_PLACE)
    fields.finish(OF_THE_MOE_LAYER)
    if block.layer is None:
        raise InputError("the config describes a model without MoE layers: accepted are configs with")
    return block.layer, block.parts


def is_config(content: object) -> bool:
    """Whether the content of a file is the config of a model."""
    return isinstance(content, Mapping) and ("model_type" in content or "architectures" in content)


def _family(config: object) -> tuple[Family, Config, Config]:
    """The family of a config, the fields of the text model, and those of the whole file, which are mostly the same."""
    if not isinstance(config, Mapping):
        raise InputError(f"{shown(config)} is not a config: accepted is an object with a model_type")
    kind = config.get("model_type")
    family = FAMILIES.get(kind) if isinstance(kind, str) else None
    if family is None:
        raise InputError(
            f"model_type={shown(kind)} is not a family that is understood: accepted are {', '.join(sorted(FAMILIES))}"
        )
    whole = Config(config)
    _check_heads(whole)
    if family.text is None:
        return family, whole, whole
    whole.only("tie_word_embeddings", False, absent=False)  # tied as a whole, which the text model does not say
    whole.unused(*OF_OTHER_INPUTS)
    text = whole.section(family.text)
    text.unused("architectures")
    return family, text, whole


def _check_heads(fields: Config) -> None:
    """Refuse what is built for another task: an encoder alone, no head, or another one."""
    named = fields.raw("architectures")
    for name in named if isinstance(named, list) else () if named is None else (named,):
        if not isinstance(name, str) or not name.endswith(WITH_LM_HEAD):
            raise fields.wrong("architectures", name, f"names that end in {', '.join(WITH_LM_HEAD)}")
