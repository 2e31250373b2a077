"""Decoders whose layers are MoE all, or every n-th: Mixtral and its kin, Qwen's."""

from parity.models.description import Block, Model
from parity.models.families.common import decoder
from parity.models.feeds import routed
from parity.models.mixers import AS_MANY, attention, even_head_dim
from parity.models.reading import Config


def mixtral_moe(c: Config) -> Block:
    """Experts whose width is called that of a dense block, and whose number is `num_local_experts`."""
    return routed(c, experts="num_local_experts", hidden="intermediate_size")


def mixtral(c: Config) -> Model:
    """Mixtral 8x7B and 8x22B (arXiv:2401.04088)."""
    mixer = attention(c, window=c.integer("sliding_window", default=None))
    return decoder(c, "Mixtral", mixers=mixer, feeds=mixtral_moe(c))


def olmoe_moe(c: Config) -> Block:
    """Experts whose width is called that of a dense block, and whose number is `num_experts`."""
    return routed(c, experts="num_experts", hidden="intermediate_size")


def olmoe(c: Config) -> Model:
    """OLMoE (arXiv:2409.02060), whose query and key norms are as wide as all heads together."""
    d = even_head_dim(c.integer("hidden_size"), c.integer("num_attention_heads"))
    c.only("head_dim", d, absent=d)
    bias = c.switch("attention_bias", default=False)
    mixer = attention(c, kv_heads=AS_MANY, head_width=d, bias=bias, qk_norm="width")
    return decoder(c, "OLMoE", mixers=mixer, feeds=olmoe_moe(c))


def flex_olmo(c: Config) -> Model:
    """FlexOlmo (arXiv:2507.07024): norms after the blocks, as many as others have before."""
    bias = c.switch("attention_bias", default=False)
    mixer = attention(c, kv_heads=AS_MANY, bias=bias, qk_norm="width")
    return decoder(c, "FlexOlmo", mixers=mixer, feeds=olmoe_moe(c))


def phimoe(c: Config) -> Model:
    """Phi-3.5-MoE: LayerNorm with biases."""
    bias, window = c.switch("attention_bias", default=False), c.integer("sliding_window", default=None)
    return decoder(
        c,
        "Phi-3.5-MoE",
        mixers=attention(c, bias=bias, window=window),
        feeds=mixtral_moe(c),
        norm_bias=True,
        head_bias=c.switch("lm_head_bias", default=False),
    )


def minimax_m2_moe(c: Config) -> Block:
    """MiniMax-M2's experts; the correction of its router is a buffer."""
    c.unused("use_routing_bias", "mlp_intermediate_size", "shared_moe_mode")
    c.only("shared_intermediate_size", 0, absent=0)
    return mixtral_moe(c)


def minimax_m2(c: Config) -> Model:
    """MiniMax-M2, whose query and key norms are as wide as all heads together."""
    c.only("use_qk_norm", True, absent=True)
    c.only("qk_norm_type", "per_layer", absent="per_layer")
    c.only("sliding_window", None, absent=None)
    c.of_each_layer("attn_type_list", c.integer("num_hidden_layers"), (1,), default=None)
    mixer = attention(c, qk_norm="width", default_head_dim=128)
    return decoder(c, "MiniMax-M2", mixers=mixer, feeds=minimax_m2_moe(c))


def grok_1(c: Config) -> Model:
    """Grok-1: a norm before and after each block."""
    return decoder(c, "Grok-1", mixers=attention(c), feeds=olmoe_moe(c), norms_per_layer=4, tied=True)
