"""Dense decoders."""

from collections.abc import Iterable

from parity.models.description import Block, Layers, Model, Part, Placed
from parity.models.families.common import decoder, lm_head
from parity.models.feeds import dense, norms
from parity.models.mixers import AS_MANY, QKNorm, attention, even_head_dim, every, heads, windowed
from parity.models.reading import Config


def feed(c: Config, *, bias: bool = False) -> Block:
    """The dense block of most families."""
    return dense(c.integer("hidden_size"), c.integer("intermediate_size"), bias=bias)


def llama(c: Config) -> Model:
    """Llama 2 and 3."""
    mixer = attention(c, kv_heads=AS_MANY, bias=c.switch("attention_bias", default=False))
    return decoder(c, "Llama", mixers=mixer, feeds=feed(c, bias=c.switch("mlp_bias", default=False)))


def mistral(c: Config) -> Model:
    """Mistral 7B: all layers have a window of 4,096 unless the config says otherwise."""
    mixer = attention(c, window=c.integer_or_null("sliding_window", absent=4096))
    return decoder(c, "Mistral", mixers=mixer, feeds=feed(c))


def _qwen_mixers(
    c: Config,
    *,
    bias: bool,
    output_bias: bool | None = None,
    qk_norm: QKNorm | None = None,
    default_head_dim: int | None = None,
) -> Iterable[Placed]:
    """Attention of Qwen2 and Qwen3: a window, if in use, from layer `max_window_layers` on."""
    window, first = None, 0
    if c.switch("use_sliding_window", default=False):
        window = c.integer_or_null("sliding_window", absent=4096)
        first = c.integer("max_window_layers", default=28, least=0)
    else:
        c.unused("sliding_window", "max_window_layers")
    return windowed(
        c,
        lambda w: attention(
            c, bias=bias, output_bias=output_bias, qk_norm=qk_norm, default_head_dim=default_head_dim, window=w
        ),
        window,
        sliding=every(c.integer("num_hidden_layers"), 1, first),
    )


def qwen2(c: Config) -> Model:
    """Qwen2 and Qwen2.5, whose query, key and value always have biases."""
    return decoder(c, "Qwen2", mixers=_qwen_mixers(c, bias=True, output_bias=False), feeds=feed(c))


def qwen3(c: Config) -> Model:
    """Qwen3."""
    bias = c.switch("attention_bias", default=False)
    mixers = _qwen_mixers(c, bias=bias, qk_norm="head", default_head_dim=128)
    return decoder(c, "Qwen3", mixers=mixers, feeds=feed(c))


def gpt2(c: Config) -> Model:
    """GPT-2: learned positions, LayerNorm and biases everywhere."""
    width, vocabulary, layers = c.integer("n_embd"), c.integer("vocab_size"), c.integer("n_layer")
    n, positions = c.integer("n_head"), c.integer("n_positions", "max_position_embeddings")
    c.integer("n_ctx", default=positions)
    c.only("add_cross_attention", False, absent=False)
    tied = c.switch("tie_word_embeddings", default=True)
    all_layers = Layers(range(layers))
    mixer = heads(width, n, n, even_head_dim(width, n), bias=True)
    embeddings = Part("embedding", "embedding", (vocabulary, width)), Part("positions", "positions", (positions, width))
    return Model(
        "GPT-2",
        layers,
        (
            Placed(Block(embeddings)),
            Placed(mixer, all_layers),
            Placed(dense(width, c.integer("n_inner", default=4 * width), gated=False, bias=True), all_layers),
            Placed(norms(width, 2, bias=True), all_layers),
            Placed(norms(width, 1, bias=True)),
            Placed(lm_head(width, vocabulary, tied=tied)),
        ),
        tied,
    )
