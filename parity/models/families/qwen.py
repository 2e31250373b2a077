"""Qwen's MoE decoders: a shared expert behind a gate, and MoE in each n-th layer but for some that are listed."""

from parity.models.description import Block, Layers, Model, Placed
from parity.models.families.common import Feeds, decoder
from parity.models.families.dense import feed
from parity.models.feeds import dense, routed
from parity.models.mixers import attention, by_type, every, windowed
from parity.models.reading import Config
from parity.models.recurrent import gated_delta


def qwen2_moe_moe(c: Config) -> Block:
    """Routed experts and one shared expert, whose total width is given, behind a sigmoid gate."""
    width = c.integer("shared_expert_intermediate_size")
    return routed(c, experts="num_experts", shared=1, d_shared=width, shared_gate=True)


def qwen2_moe(c: Config) -> Model:
    """Qwen1.5-MoE and Qwen2-MoE (arXiv:2407.10671), whose query, key and value have biases by default."""
    bias, layers = c.switch("qkv_bias", default=True), c.integer("num_hidden_layers")
    window, last = None, 0
    if c.switch("use_sliding_window", default=False):
        window = c.integer_or_null("sliding_window", absent=4096)
        last = min(c.integer("max_window_layers", default=28, least=0), layers)
    else:
        c.unused("sliding_window", "max_window_layers")
    mixers = windowed(
        c, lambda w: attention(c, bias=bias, output_bias=False, window=w), window, sliding=range(0, last, 2)
    )
    return decoder(c, "Qwen2-MoE", mixers=mixers, feeds=feeds(c, qwen2_moe_moe(c)))


def qwen3_moe_moe(c: Config) -> Block:
    """Qwen3's experts."""
    return routed(c, experts=("num_experts", "num_local_experts"))


def qwen3_moe(c: Config) -> Model:
    """Qwen3-MoE (arXiv:2505.09388): a window, if in use, in all layers."""
    c.only("use_qk_norm", True, absent=True)
    bias, window = c.switch("attention_bias", default=False), None
    if c.switch("use_sliding_window", default=False):
        window = c.integer_or_null("sliding_window", absent=4096)
    else:
        c.unused("sliding_window")
    mixer = attention(c, bias=bias, qk_norm="head", window=window)
    return decoder(c, "Qwen3-MoE", mixers=mixer, feeds=feeds(c, qwen3_moe_moe(c)))


def qwen3_next(c: Config) -> Model:
    """Qwen3-Next: three layers of four have the gated delta rule, the others attention with a gate."""
    return decoder(c, "Qwen3-Next", mixers=_hybrid(c), feeds=feeds(c, qwen2_moe_moe(c)))


def qwen3_5_moe(c: Config) -> Model:
    """The text model of Qwen3.5-MoE, of Qwen3-Next's form with MoE in every layer."""
    c.unused("mtp_num_hidden_layers", "mtp_use_dedicated_embeddings")
    c.only("attn_output_gate", True, absent=True)
    return decoder(c, "Qwen3.5-MoE", mixers=_hybrid(c), feeds=qwen2_moe_moe(c))


def _hybrid(c: Config) -> tuple[Placed, ...]:
    bias, interval = c.switch("attention_bias", default=False), c.integer("full_attention_interval", default=4)
    blocks = {
        "linear_attention": gated_delta(c),
        "full_attention": attention(c, bias=bias, qk_norm="head", gated=True, default_head_dim=256),
    }
    return by_type(c, "layer_types", blocks, "full_attention", every(c.integer("num_hidden_layers"), interval))


def feeds(c: Config, moe: Block) -> Feeds:
    """MoE in each `decoder_sparse_step`-th layer but for `mlp_only_layers`, the rest dense."""
    layers = c.integer("num_hidden_layers")
    sparse = every(layers, c.integer("decoder_sparse_step", default=1))
    never = frozenset(number for number in c.integers("mlp_only_layers", default=[]) if number in sparse)
    between = Layers(range(layers), sparse)
    if never or len(between):
        plain = feed(c)
    else:
        c.unused("intermediate_size")
        plain = dense(1, 1)
    return Placed(moe, Layers(sparse, never)), Placed(plain, between), Placed(plain, Layers(never))
