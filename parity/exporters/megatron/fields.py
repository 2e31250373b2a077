"""The fields of Megatron-Core's TransformerConfig that a design determines, and those that it silently requires."""

from typing import Any

from parity.exporters.decoder import ATTENTION_HEADS, LAYERS, dense_width, head_width
from parity.exporters.megatron.pattern import listed
from parity.exporters.request import Request

BALANCE = 0.01
"""The coefficient of the load-balancing loss, without which nothing balances the experts (arXiv:2101.03961)."""


def decoder_fields(request: Request) -> dict[str, Any]:
    """The paper's decoder, or of a whole model no more than its width."""
    layer = request.layer
    if request.model is not None:
        return {"hidden_size": layer.d_model}
    return {
        "num_layers": LAYERS,
        "hidden_size": layer.d_model,
        "num_attention_heads": ATTENTION_HEADS,
        "kv_channels": head_width(layer),
        "ffn_hidden_size": dense_width(layer) if layer.num_experts > 1 else layer.d_expert,
        "normalization": "RMSNorm",
    }


def _activation_field(request: Request) -> str:
    """The activation in the words of Megatron's YAML."""
    return "swiglu" if request.layer.gated else "gelu"


def layer_fields(request: Request, pattern: str | None) -> dict[str, Any]:
    """The MoE layer; softmax before top-k leaves gates as they are, softmax after it is their division by their sum."""
    layer = request.layer
    fields: dict[str, Any] = {"activation_func": _activation_field(request), "add_bias_linear": False}
    if layer.num_experts == 1:
        return fields | ({"ffn_hidden_size": layer.d_expert} if request.model is not None else {})
    fields |= {
        "num_moe_experts": layer.num_experts,
        "moe_ffn_hidden_size": layer.d_expert,
        "moe_router_topk": layer.top_k,
        "moe_router_score_function": "softmax",
    }
    if not request.renormalize:
        fields["moe_router_pre_softmax"] = True
    fields |= {
        "moe_router_dtype": "fp32",
        "moe_router_load_balancing_type": "aux_loss",
        "moe_aux_loss_coeff": BALANCE,
        "moe_token_dispatcher_type": "alltoall",
        "moe_grouped_gemm": True,
    }
    if layer.num_shared_experts:
        fields["moe_shared_expert_intermediate_size"] = request.shared_width
    if layer.head_layer:
        fields["moe_latent_size"] = layer.d_latent
    if pattern is not None:
        fields["moe_layer_freq"] = listed(pattern)
    return fields


def parallel_fields(request: Request) -> dict[str, Any]:
    """Over how many ranks the experts are divided."""
    return {"expert_model_parallel_size": request.ep} if request.layer.num_experts > 1 else {}
