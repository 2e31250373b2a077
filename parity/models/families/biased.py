"""Decoders whose experts, routers or feed-forward blocks have biases."""

from parity.models.description import Block, Model, Part, vector
from parity.models.families.common import Feeds, chosen, decoder
from parity.models.feeds import dense, routed
from parity.models.mixers import attention, every, windowed
from parity.models.reading import Config


def gpt_oss_moe(c: Config) -> Block:
    """gpt-oss's experts, all of whose matrices have biases, and so has the router's."""
    experts, top_k, width = c.integer("num_local_experts"), c.integer("num_experts_per_tok"), c.integer("hidden_size")
    biases = (
        Part("experts", "gate and up bias", (2 * c.integer("intermediate_size"),), copies=experts, reached=top_k),
        Part("experts", "down bias", (width,), copies=experts, reached=top_k),
        vector("router", "router bias", experts),
    )
    c.unused("experts_per_token")
    return routed(c, experts="num_local_experts", hidden="intermediate_size", more=biases)


def gpt_oss(c: Config) -> Model:
    """gpt-oss (arXiv:2508.10925): every second layer sees a window, and each head has a sink."""
    bias = c.switch("attention_bias", default=True)
    sinks = (vector("mixer", "sinks", c.integer("num_attention_heads")),)
    mixers = windowed(
        c,
        lambda w: attention(c, bias=bias, default_head_dim=64, more=sinks, window=w),
        c.integer_or_null("sliding_window", absent=128),
        full=every(c.integer("num_hidden_layers"), 2),
    )
    return decoder(c, "gpt-oss", mixers=mixers, feeds=gpt_oss_moe(c))


def ernie4_5_moe_moe(c: Config) -> Block:
    """ERNIE's experts: the shared ones are one block, with biases if any; the router's correction is a parameter."""
    c.unused("moe_norm_min", "moe_capacity", "moe_gate", "moe_use_aux_free", "moe_group", "moe_aux_loss_lambda")
    experts, shared = c.integer("moe_num_experts"), c.integer("moe_num_shared_experts", least=0)
    width, d_expert = c.integer("hidden_size"), c.integer("moe_intermediate_size")
    more = [vector("router", "router correction", experts)]
    if shared and c.switch("use_bias", default=False):
        more += [
            vector("shared", "gate bias", shared * d_expert),
            vector("shared", "up bias", shared * d_expert),
            vector("shared", "down bias", width),
        ]
    return routed(c, experts="moe_num_experts", top_k="moe_k", shared=shared, more=tuple(more))


def ernie4_5_moe(c: Config) -> Model:
    """ERNIE 4.5: MoE from one layer to another, in each so many."""
    bias = c.switch("use_bias", default=False)
    return decoder(
        c,
        "ERNIE 4.5 MoE",
        mixers=attention(c, bias=bias),
        feeds=_ernie_feeds(c, bias=bias),
        tied=True,
        head_bias=bias,
    )


def _ernie_feeds(c: Config, *, bias: bool) -> Feeds:
    layers, interval = c.integer("num_hidden_layers"), c.integer("moe_layer_interval", default=1)
    start = c.integer("moe_layer_start_index", default=1, least=0)
    end = c.integer("moe_layer_end_index", default=-1, least=-1)
    last = layers - 1 if end == -1 else min(end, layers - 1)
    # The first layer of those that the interval allows that is not before the start.
    first = min(-(-(start + 1) // interval) * interval - 1, last + 1)
    plain = dense(c.integer("hidden_size"), c.integer("intermediate_size"), bias=bias)
    return chosen(c, ernie4_5_moe_moe(c), plain, range(first, last + 1, interval))
