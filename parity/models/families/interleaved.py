"""Decoders whose MoE layers alternate with dense ones of another width."""

from collections.abc import Iterable

from parity.models.description import Block, Model, Placed
from parity.models.families.common import Feeds, chosen, decoder
from parity.models.feeds import dense, routed
from parity.models.mixers import attention, by_type, every
from parity.models.reading import Config


def llama4_moe(c: Config) -> Block:
    """Routed experts, and one shared expert of the same width."""
    width = c.integer("intermediate_size")
    return routed(c, experts="num_local_experts", hidden="intermediate_size", shared=1, d_shared=width)


def llama4(c: Config) -> Model:
    """Llama 4 Scout and Maverick; the norms of query and key hold no parameters."""
    c.unused("use_qk_norm", "for_llm_compressor")
    return decoder(c, "Llama 4", mixers=_mixers(c), feeds=_feeds(c))


def _mixers(c: Config) -> Iterable[Placed]:
    """Layers with rotary positions see a chunk, those without everything."""
    layers, interval = c.integer("num_hidden_layers"), c.integer("no_rope_layer_interval", default=4)
    bias, chunk = c.switch("attention_bias", default=False), c.integer_or_null("attention_chunk_size", absent=8192)
    listed = c.of_each_layer("no_rope_layers", layers, (0, 1), default=None) if c.raw("no_rope_layers") else None
    everything: range | frozenset[int] = every(layers, interval)
    if listed is not None:
        everything = frozenset(i for i, rotary in enumerate(listed) if not rotary)
    blocks = {
        "full_attention": attention(c, bias=bias, default_head_dim=128),
        "chunked_attention": attention(c, bias=bias, default_head_dim=128, window=chunk, sees="chunk"),
    }
    return by_type(c, "layer_types", blocks, "full_attention", everything)


def _feeds(c: Config) -> Feeds:
    plain = dense(c.integer("hidden_size"), c.integer("intermediate_size_mlp"))
    step, listed = c.integer("interleave_moe_layer_step", default=1), c.integers("moe_layers", default=None)
    layers = every(c.integer("num_hidden_layers"), step) if listed is None else frozenset(listed)
    return chosen(c, llama4_moe(c), plain, layers)
