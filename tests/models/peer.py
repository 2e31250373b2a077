"""What `transformers` builds, counted by the names of its parameters; the tensors are on the meta device."""

import json
import re
import warnings
from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from math import prod
from typing import Any

import torch
import transformers

transformers.logging.set_verbosity_error()

CLASS_OF = {"kimi_k2": "deepseek_v3"}
"""Families that have no class of their own and are another one in all that counts."""

INSIDE = r"\.(self_attn|linear_attn|mamba|mixer)"
PATTERNS = {
    "shared_gate": r"shared_expert_gate",
    "shared": r"shared_(experts?|mlp)\.",
    "dense": r"_latent_proj",
    "experts": r"\.experts\.",
    "router": r"\.router\.|\.gate\.|expert_bias",
    "lm_head": r"^lm_head",
    "positions": r"\.wpe\.|relative_attention_bias",
    "embedding": r"embed_tokens|\.wte\.|embeddings\.weight|^shared\.weight",
    "mixer_norms": rf"{INSIDE}\.(\w*_)?(layer)?norm\.",
    "norms": r"norm\w*\.(weight|bias)$|\.ln_",
    "mixer": r"\.(self_attn|linear_attn|mamba|conv|SelfAttention|EncDecAttention|attn)\.|"
    r"\.mixer\.([qkvo]_proj|in_proj|out_proj|conv1d|A_log|D$|dt_bias)",
    "dense ": r"\.(mlp|feed_forward|DenseReluDense)\.|\.mixer\.(up|down)_proj",
}
"""What a part is called, in the order in which names are looked up."""


COLUMNS = (
    "params",
    "active_params",
    "embedding",
    "positions",
    "mixer",
    "mixer_norms",
    "dense",
    "router",
    "experts",
    "shared",
    "shared_gate",
    "norms",
    "lm_head",
)
"""All, what one token reaches, and the parts that add up to all."""


def built(config: Mapping[str, Any]) -> Any:
    """The model that a config describes, its parameters without values."""
    fields = json.loads(json.dumps(config))
    kind = fields.pop("model_type")
    for name in ("architectures", "auto_map"):
        fields.pop(name, None)
    made = transformers.AutoConfig.for_model(CLASS_OF.get(kind, kind), **fields)
    auto = transformers.AutoModelForSeq2SeqLM if made.is_encoder_decoder else transformers.AutoModelForCausalLM
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matrices of no columns are meant
        return auto.from_config(made)


def counted(config: Mapping[str, Any]) -> dict[str, int]:
    """Parameters of each part of what a config describes, those that one token reaches, and all."""
    return counted_in(built(config))


def counted_in(model: Any) -> dict[str, int]:
    """The same for a model that is built."""
    parts: Counter[str] = Counter()
    for name, parameter in model.named_parameters():
        parts[part_of(re.sub(r"\.\d+\.", ".0.", name))] += prod(parameter.shape)
    if not parts["experts"]:
        parts["dense"] += parts.pop("shared", 0)  # Granite's shared block where there are no experts
    total = sum(parts.values())
    reached = parts["experts"] * chosen_of(model.config.get_text_config(decoder=True)) if parts["experts"] else 0
    active = total - parts["experts"] + reached
    assert active == int(active)
    return {"params": total, "active_params": int(active)} | {name: n for name, n in sorted(parts.items()) if n}


@cache
def part_of(name: str) -> str:
    """The part that a parameter of that name belongs to."""
    for part, pattern in PATTERNS.items():
        if re.search(pattern, f".{name}" if not name.startswith(("lm_head", "shared.")) else name):
            return part.strip()
    raise LookupError(name)


def chosen_of(config: Any) -> Any:
    """The share of experts that one token is sent to."""
    if hasattr(config, "ffn_config"):
        config = config.ffn_config
    top_k = next((v for n in ("num_experts_per_tok", "moe_top_k") if (v := getattr(config, n, None)) is not None), 1)
    number = next(
        number
        for name in ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
        if (number := getattr(config, name, None))
    )
    return Fraction(top_k[0] if isinstance(top_k, list) else top_k, number)
