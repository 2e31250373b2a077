"""Decoders some of whose layers mix tokens with attention and the others in another way."""

from parity.models.description import Block, Model
from parity.models.families.common import Feeds, after_dense, chosen, decoder
from parity.models.families.dense import feed
from parity.models.families.everywhere import mixtral_moe, olmoe_moe
from parity.models.feeds import routed
from parity.models.mixers import attention, by_type, head_dim
from parity.models.reading import Config
from parity.models.recurrent import lightning, mamba, short_convolution


def jamba(c: Config) -> Model:
    """Jamba (arXiv:2403.19887): attention and MoE each in every so many layers."""
    width, layers = c.integer("hidden_size"), c.integer("num_hidden_layers")
    c.only("sliding_window", None, absent=None)
    c.only("mamba_inner_layernorms", True, absent=True)
    c.unused("use_mambapy", "use_associative_scan")
    rank = -(-width // 16) if c.raw("mamba_dt_rank") in (None, "auto") else c.integer("mamba_dt_rank")
    recurrent = mamba(
        width,
        c.integer("mamba_expand") * width,
        c.integer("mamba_d_state"),
        rank,
        c.integer("mamba_d_conv"),
        conv_bias=c.switch("mamba_conv_bias", default=True),
        bias=c.switch("mamba_proj_bias", default=False),
    )
    mixers = chosen(c, attention(c), recurrent, _each(c, layers, "attn_layer_period", "attn_layer_offset"))
    sparse = _each(c, layers, "expert_layer_period", "expert_layer_offset")
    if c.integer("num_experts") == 1:  # then Jamba has no router
        c.unused("num_experts_per_tok")
        feeds: Block | Feeds = feed(c)
    else:
        feeds = chosen(c, olmoe_moe(c), feed(c), sparse)
    return decoder(c, "Jamba", mixers=mixers, feeds=feeds)


def _each(c: Config, layers: int, period: str, offset: str) -> range:
    step, first = c.integer(period), c.integer(offset, least=0)
    if first >= step:
        raise c.wrong(offset, first, f"integers less than {period}={step}")
    return range(min(first, layers), layers, step)


def lfm2_moe_moe(c: Config) -> Block:
    """LFM2's experts; the correction of their router is a buffer."""
    c.unused("use_expert_bias")
    return routed(c, experts="num_experts")


def lfm2_moe(c: Config) -> Model:
    """LFM2 MoE: short convolutions in most layers, attention in those that are listed."""
    mixers = by_type(c, "layer_types", {"conv": short_convolution(c), "full_attention": attention(c, qk_norm="head")})
    feeds = after_dense(c, lfm2_moe_moe(c), feed(c), c.integer("num_dense_layers", least=0))
    tied = c.switch("tie_word_embeddings", "tie_embedding", default=True)
    return decoder(c, "LFM2 MoE", mixers=mixers, feeds=feeds, tied=tied)


def minimax(c: Config) -> Model:
    """MiniMax-Text-01 (arXiv:2501.08313): lightning attention in most layers."""
    width, n = c.integer("hidden_size"), c.integer("num_attention_heads")
    c.only("sliding_window", None, absent=None)
    c.unused("block_size", "shared_moe_mode")
    blocks = {"full_attention": attention(c), "linear_attention": lightning(width, n, head_dim(c, width, n))}
    layers = c.integer("num_hidden_layers")
    listed = c.of_each_layer("attn_type_list", layers, (0, 1), default=None)
    if listed is not None:  # another form of the same, which the class does not read
        c.only("layer_types", ["full_attention" if full else "linear_attention" for full in listed])
    mixers = by_type(c, "layer_types", blocks, "full_attention", range(0, layers, 2))
    return decoder(c, "MiniMax-Text", mixers=mixers, feeds=mixtral_moe(c))
