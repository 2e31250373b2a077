"""`olmo-core`: its MoE configuration, and for a layer design the paper's decoder around it."""

from collections.abc import Mapping
from typing import Any

from parity.exporters.decoder import ATTENTION_HEADS, LAYERS, VOCABULARY, dense_width, described, head_width
from parity.exporters.plain import check_whole_tokens, refused
from parity.exporters.request import Export, Request
from parity.exporters.versions import OLMO_CORE, own_version
from parity.exporters.yaml_text import to_yaml

MOE_FILE, MODEL_FILE = "moe.yaml", "model.yaml"
NN = "olmo_core.nn"


def export_olmo_core(request: Request) -> Export:
    """The configuration of the request.

    Raises:
        InputError: OLMo-core has no such layer.
    """
    check_expressible(request)
    layer = request.layer
    moe = moe_config(request)
    files = {MOE_FILE: _file("MoEConfig", "olmo_core.nn.moe", f".build(d_model={layer.d_model})", moe)}
    notes = [f"{MOE_FILE}: MoEConfig.from_yaml reads it; dropless, gates are a softmax over all experts."]
    if layer.num_shared_experts:
        notes.append(
            "OLMo-core weighs the shared expert by 1 / (k + 1) and the routed ones by k / (k + 1), where the reference "
            f"adds both: k = {layer.top_k}. Shapes and costs are the same."
        )
    if request.model is None:
        files[MODEL_FILE] = _file("TransformerConfig", "olmo_core.nn.transformer", ".build()", _model(request, moe))
        notes.append(f"{MODEL_FILE}: TransformerConfig.from_yaml reads it. {described(layer)}")
    return Export("olmo-core", f"OLMo-core {OLMO_CORE}", files, tuple(notes))


def check_expressible(request: Request) -> None:
    """Refuse what OLMo-core's MoE layer cannot be.

    Raises:
        InputError: it cannot be this layer.
    """
    layer = request.layer
    check_whole_tokens(layer, "OLMo-core")
    if layer.num_experts == 1:
        raise refused("num_experts=1", "OLMo-core's MoE layer always has a router, the design none")
    if not layer.gated:
        raise refused("gated=false", "OLMo-core's experts have three matrices")
    if request.activation != "silu":
        raise refused(f"activation={request.activation}", "OLMo-core's experts have SiLU", "silu, or --to torch")
    if layer.head_layer and layer.d_latent >= layer.d_model:
        given = f"d_latent={layer.d_latent} behind projections, with d_model={layer.d_model}"
        raise refused(given, "OLMo-core's latent space is narrower than the token")


def moe_config(request: Request) -> dict[str, Any]:
    """OLMo-core's MoEConfig, in the form in which it writes its own configurations."""
    layer = request.layer
    config: dict[str, Any] = {
        "_CLASS_": f"{NN}.moe.moe.MoEConfig",
        "name": "dropless",
        "num_experts": layer.num_experts,
        "hidden_size": layer.d_expert,
        "router": {
            "_CLASS_": f"{NN}.moe.router.MoERouterConfig",
            "name": "default",
            "top_k": layer.top_k,
            "gating_function": "softmax",
            **({"normalize_expert_weights": 1.0} if request.renormalize else {}),
        },
        "lb_loss_weight": 0.01,
    }
    if layer.num_shared_experts:
        config["shared_mlp"] = _feed(request.shared_width)
    if layer.head_layer:
        config["latent_moe"] = {
            "_CLASS_": f"{NN}.moe.moe.LatentMoEConfig",
            "latent_dim": layer.d_latent,
            "bias": layer.projection_bias,
        }
    return config


def _model(request: Request, moe: Mapping[str, Any]) -> dict[str, Any]:
    layer = request.layer
    norm = {"_CLASS_": f"{NN}.layer_norm.LayerNormConfig", "name": "rms", "bias": False}
    common = {
        "_CLASS_": f"{NN}.transformer.config.TransformerBlockConfig",
        "sequence_mixer": {
            "_CLASS_": f"{NN}.attention.AttentionConfig",
            "type": "attention",
            "n_heads": ATTENTION_HEADS,
            "head_dim": head_width(layer),
            "bias": False,
            "rope": {"_CLASS_": f"{NN}.rope.RoPEConfig", "name": "default"},
        },
        "layer_norm": norm,
    }
    return {
        "_CLASS_": f"{NN}.transformer.config.TransformerConfig",
        "name": "moe",
        "d_model": layer.d_model,
        "vocab_size": VOCABULARY,
        "n_layers": LAYERS,
        "block": {
            "dense": {**common, "name": "default", "feed_forward": _feed(dense_width(layer))},
            "sparse": {**common, "name": "moe", "feed_forward_moe": moe},
        },
        "block_pattern": ["dense", "sparse"],
        "lm_head": {"_CLASS_": f"{NN}.lm_head.LMHeadConfig", "layer_norm": norm, "bias": False},
    }


def _feed(width: int) -> dict[str, Any]:
    return {
        "_CLASS_": f"{NN}.feed_forward.FeedForwardConfig",
        "hidden_size": width,
        "bias": False,
        "activation": "silu",
    }


def _file(kind: str, module: str, build: str, content: Mapping[str, Any]) -> bytes:
    comment = (
        f"Written by parity {own_version()}, checked with OLMo-core {OLMO_CORE}.\n"
        f"from {module} import {kind}; {kind}.from_yaml(THIS_FILE){build}"
    )
    return to_yaml(content, comment).encode()
