"""Decoders whose first layers are dense and the others MoE with shared experts: DeepSeek and its kin."""

from parity.models.description import Block, Model, linear, vector
from parity.models.families.common import Feeds, after_dense, chosen, decoder
from parity.models.families.dense import feed
from parity.models.feeds import dense, routed
from parity.models.mixers import AS_MANY, QKNorm, attention, every, latent_attention, windowed
from parity.models.reading import Config


def shared_and_routed(c: Config) -> Block:
    """DeepSeekMoE (arXiv:2401.06066): shared experts as wide as a routed one. A router's correction is a buffer."""
    c.only("mlp_bias", False, absent=False)
    return routed(c, experts="n_routed_experts", shared=c.integer("n_shared_experts", least=0))


def feeds(c: Config) -> Feeds:
    """The first `first_k_dense_replace` layers dense, the others MoE."""
    c.only("moe_layer_freq", 1, absent=1)
    return _first_dense(c, shared_and_routed(c), c.integer("first_k_dense_replace", least=0))


def _first_dense(c: Config, moe: Block, first: int) -> Feeds:
    """So many layers dense, of a width that a config without such layers may lack; the others MoE."""
    if first == 0:
        c.unused("intermediate_size")
    return after_dense(c, moe, feed(c) if first else dense(1, 1), first)


def deepseek(c: Config) -> Model:
    """DeepSeekMoE 16B, with multi-head attention."""
    mixer = attention(c, kv_heads=AS_MANY, bias=c.switch("attention_bias", default=False))
    return decoder(c, "DeepSeekMoE", mixers=mixer, feeds=feeds(c))


def deepseek_v2(c: Config) -> Model:
    """DeepSeek-V2 (arXiv:2405.04434)."""
    c.unused("head_dim", "qk_head_dim")
    return decoder(c, "DeepSeek-V2", mixers=latent_attention(c), feeds=feeds(c))


def deepseek_v3(c: Config) -> Model:
    """DeepSeek-V3 (arXiv:2412.19437) and Kimi K2; multi-token prediction does not count."""
    c.unused("head_dim", "qk_head_dim")
    return decoder(c, "DeepSeek-V3", mixers=latent_attention(c), feeds=feeds(c))


def dots1(c: Config) -> Model:
    """dots.llm1 (arXiv:2506.05767)."""
    bias = c.switch("attention_bias", default=False)
    window = c.integer_or_null("sliding_window", absent=4096)
    first = c.integer("max_window_layers", default=62, least=0)
    mixers = windowed(
        c,
        lambda w: attention(c, bias=bias, qk_norm="head", window=w),
        window,
        sliding=every(c.integer("num_hidden_layers"), 1, first),
    )
    return decoder(c, "dots.llm1", mixers=mixers, feeds=feeds(c))


def glm4_moe(c: Config) -> Model:
    """GLM-4.5 and its kin (arXiv:2508.06471); only query, key and value have biases."""
    norm: QKNorm | None = "head" if c.switch("use_qk_norm", default=False) else None
    mixer = attention(c, bias=c.switch("attention_bias", default=False), output_bias=False, qk_norm=norm)
    return decoder(c, "GLM-4 MoE", mixers=mixer, feeds=feeds(c))


def glm4_moe_lite(c: Config) -> Model:
    """GLM-4.7-Flash: latent attention, and a dense first layer where no list says otherwise."""
    c.unused("qk_head_dim")
    c.integer("qk_rope_head_dim", "head_dim")  # another name for the same
    c.only("moe_layer_freq", 1, absent=1)
    layers, moe = c.integer("num_hidden_layers"), shared_and_routed(c)
    types = c.of_each_layer("mlp_layer_types", layers, ("dense", "sparse"), default=None)
    if types is None:
        c.only("first_k_dense_replace", 1, absent=1)
        placed = after_dense(c, moe, feed(c), 1)
    else:
        c.unused("first_k_dense_replace")
        placed = chosen(c, moe, feed(c), frozenset(i for i, kind in enumerate(types) if kind == "sparse"))
    return decoder(c, "GLM-4 MoE Lite", mixers=latent_attention(c), feeds=placed)


def solar_open(c: Config) -> Model:
    """Solar Open: MoE in every layer."""
    c.only("use_qk_norm", False, absent=False)
    c.only("first_k_dense_replace", 0, absent=0)
    c.unused("intermediate_size")
    mixer = attention(c, bias=c.switch("attention_bias", default=False), output_bias=False, default_head_dim=128)
    return decoder(c, "Solar Open", mixers=mixer, feeds=shared_and_routed(c))


def exaone_moe_moe(c: Config) -> Block:
    """K-EXAONE's experts."""
    return routed(c, experts="num_experts", shared=c.integer("num_shared_experts", least=0))


def exaone_moe(c: Config) -> Model:
    """K-EXAONE: three layers of four see a window."""
    layers, moe = c.integer("num_hidden_layers"), exaone_moe_moe(c)
    types = c.of_each_layer("mlp_layer_types", layers, ("dense", "sparse"), default=None)
    first = c.integer("first_k_dense_replace", default=1, least=0)
    if types is None:
        placed = _first_dense(c, moe, first)
    else:
        placed = chosen(c, moe, feed(c), frozenset(i for i, kind in enumerate(types) if kind == "sparse"))
    mixers = windowed(
        c,
        lambda w: attention(c, qk_norm="head", window=w),
        c.integer("sliding_window"),
        full=every(layers, _pattern(c)),
    )
    return decoder(c, "EXAONE MoE", mixers=mixers, feeds=placed)


def _pattern(c: Config) -> int:
    """Each so manieth layer sees everything; as text, which the list of layers spells out, it is not read."""
    if c.raw("layer_types") is not None and isinstance(c.raw("sliding_window_pattern"), str):
        return 1
    step: int = c.integer("sliding_window_pattern", default=4)
    return step


def afmoe_moe(c: Config) -> Block:
    """Trinity's experts, and a correction of its router that is a parameter."""
    correction = vector("router", "router correction", c.integer("num_experts"))
    return routed(c, experts="num_experts", shared=c.integer("num_shared_experts", least=0), more=(correction,))


def afmoe(c: Config) -> Model:
    """Trinity: a gate on the output of attention, and a norm before and after each block."""
    width, n, bias = (
        c.integer("hidden_size"),
        c.integer("num_attention_heads"),
        c.switch("attention_bias", default=False),
    )
    gate = linear("mixer", "gate", width, n * c.integer("head_dim", default=128))
    mixers = windowed(
        c,
        lambda w: attention(c, kv_heads=AS_MANY, default_head_dim=128, bias=bias, qk_norm="head", more=gate, window=w),
        c.integer("sliding_window"),
        full=every(c.integer("num_hidden_layers"), c.integer("global_attn_every_n_layers", default=4)),
    )
    c.unused("mup_enabled", "route_norm", "route_scale", "score_func", "load_balance_coeff", "num_limited_groups")
    placed = _first_dense(c, afmoe_moe(c), c.integer("num_dense_layers", least=0))
    return decoder(c, "Trinity", mixers=mixers, feeds=placed, norms_per_layer=4)
