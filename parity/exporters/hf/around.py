"""The paper's decoder around a layer, in the words of the families that have an MoE layer in every n-th layer."""

from collections.abc import Callable, Mapping
from typing import Any

from parity.design import MoELayer
from parity.exporters.decoder import ATTENTION_HEADS, LAYERS, MOE_EVERY, POSITIONS, VOCABULARY, dense_width, head_width


def _frame(layer: MoELayer) -> dict[str, Any]:
    return {
        "hidden_size": layer.d_model,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": ATTENTION_HEADS,
        "num_key_value_heads": ATTENTION_HEADS,
        "head_dim": head_width(layer),
        "vocab_size": VOCABULARY,
        "max_position_embeddings": POSITIONS,
        "tie_word_embeddings": False,
    }


def _qwen3_moe(layer: MoELayer) -> dict[str, Any]:
    return {
        **_frame(layer),
        "intermediate_size": dense_width(layer),
        "decoder_sparse_step": MOE_EVERY,
        "mlp_only_layers": [],
        "attention_bias": False,
    }


def _exaone_moe(layer: MoELayer) -> dict[str, Any]:
    # Layers that see everything have no positions in this family, so all see a window, as wide as there are positions.
    return {
        **_frame(layer),
        "intermediate_size": dense_width(layer),
        "mlp_layer_types": ["dense", "sparse"] * (LAYERS // MOE_EVERY),
        "layer_types": ["sliding_attention"] * LAYERS,
        "sliding_window": POSITIONS,
    }


def _nemotron_h(layer: MoELayer) -> dict[str, Any]:
    """Each letter is half of a layer of the decoder: attention, and a dense or MoE block."""
    pattern = "*-*E" * (LAYERS // MOE_EVERY) if layer.num_experts > 1 else "*-" * LAYERS
    fields = {**_frame(layer), "hybrid_override_pattern": pattern, "intermediate_size": dense_width(layer)}
    del fields["num_hidden_layers"]  # which this family takes from the pattern
    return fields


AROUND: Mapping[str, Callable[[MoELayer], dict[str, Any]]] = {
    "qwen3_moe": _qwen3_moe,
    "exaone_moe": _exaone_moe,
    "nemotron_h": _nemotron_h,
}
"""The decoder in each family that has an MoE layer in every second layer, in order of preference."""

DENSE_UNGATED = "a layer of one expert is a dense decoder's, and this one has two matrices and no biases"

BECAUSE: Mapping[str, str] = {
    "qwen3": "a layer of one expert is a dense decoder's, and this one differs from qwen3_moe in nothing else",
    "qwen3_moe": "MoE in every n-th layer, no shared expert, and a field for whether gates are divided by their sum",
    "exaone_moe": "MoE in the layers that are listed, and shared experts without a gate of their own",
    "nemotron_h": "experts of two matrices, with a latent space or without",
}
"""Why a family is chosen."""


def dense_decoder(layer: MoELayer, activation: str) -> dict[str, Any]:
    """The decoder whose every layer has this feed-forward block."""
    if layer.gated:
        frame = {"model_type": "qwen3", **_frame(layer), "hidden_act": activation, "attention_bias": False}
    else:
        frame = {"model_type": "nemotron_h", **_nemotron_h(layer), "mlp_hidden_act": activation, "mlp_bias": False}
    return {**frame, "intermediate_size": layer.d_expert}
