"""What mixes tokens: attention in its kinds. Recurrent mixers are in `recurrent.py`."""

from collections.abc import Callable
from typing import Literal, TypedDict, Unpack

from parity.errors import InputError
from parity.models.description import Attention, Block, Layers, Part, Placed, Sees, join, linear, vector, where
from parity.models.reading import REQUIRED, Config

QKNorm = Literal["head", "width"]
"""Norms of query and key: of one head's width, or of all heads' together."""

AS_MANY = None
"""For `kv_heads`: as many as heads where the config does not say."""


class Kind(TypedDict, total=False):
    """What attention has beside its four matrices, as `heads` takes it."""

    bias: bool
    output_bias: bool | None
    qk_norm: QKNorm | None
    gated: bool
    more: tuple[Part, ...]
    window: int | None
    sees: Sees


def attention(
    c: Config,
    *,
    kv_heads: int | None = REQUIRED,
    head_width: int | None = None,
    default_head_dim: int | None = None,
    **kind: Unpack[Kind],
) -> Block:
    """Multi-head, grouped-query or multi-query attention as most configs describe it.

    `kv_heads` is the number of key-value heads where the config does not say. `head_width` overrides what the config
    says of a head's width, `default_head_dim` holds where it does not. The rest is as `heads` takes it.

    Raises:
        InputError: key-value heads do not divide the heads, or a head's width cannot be told.
    """
    width, n = c.integer("hidden_size"), c.integer("num_attention_heads")
    kv = c.integer("num_key_value_heads", default=n if kv_heads is AS_MANY else kv_heads)
    d = head_width or head_dim(c, width, n, default_head_dim)
    if n % kv:
        raise c.wrong("num_key_value_heads", kv, f"divisors of the {n} heads")
    return heads(width, n, kv, d, **kind)


def heads(
    width: int,
    n: int,
    kv: int,
    d: int,
    *,
    bias: bool = False,
    output_bias: bool | None = None,
    qk_norm: QKNorm | None = None,
    gated: bool = False,
    more: tuple[Part, ...] = (),
    window: int | None = None,
    sees: Sees = "before",
) -> Block:
    """Attention of `n` heads of width `d`, groups of which share one of `kv` keys and values.

    The output has the bias that query, key and value have unless `output_bias` says otherwise. Norms of query and key
    are of one head's width each, or as wide as all heads together. `gated` doubles the query for a gate on the output.
    `more` are further parts.
    """
    norms = {
        None: (),
        "head": (vector("mixer_norms", "query norm", d), vector("mixer_norms", "key norm", d)),
        "width": (vector("mixer_norms", "query norm", n * d), vector("mixer_norms", "key norm", kv * d)),
    }[qk_norm]
    parts = join(
        linear("mixer", "query", width, n * d * (2 if gated else 1), bias=bias),
        linear("mixer", "key", width, kv * d, bias=bias),
        linear("mixer", "value", width, kv * d, bias=bias),
        linear("mixer", "output", n * d, width, bias=bias if output_bias is None else output_bias),
        norms,
        more,
    )
    return Block(parts, context=Attention(n, d, d, window, sees))


def latent_attention(c: Config) -> Block:
    """Multi-head latent attention, its query compressed unless `q_lora_rank` is null (arXiv:2405.04434, sec. 2.1).

    Raises:
        InputError: there are not as many key-value heads as heads.
    """
    width, n = c.integer("hidden_size"), c.integer("num_attention_heads")
    kv = c.integer("num_key_value_heads", default=n)
    if kv != n:
        raise c.wrong("num_key_value_heads", kv, f"{n}, as many as heads: the latent is shared by all")
    rank, bias = c.integer("kv_lora_rank"), c.switch("attention_bias", default=False)
    plain, rotary, value = c.integer("qk_nope_head_dim"), c.integer("qk_rope_head_dim"), c.integer("v_head_dim")
    compressed = c.integer_or_null("q_lora_rank")
    d = plain + rotary
    if compressed is None:
        query = linear("mixer", "query", width, n * d)
    else:
        query = join(
            linear("mixer", "query down", width, compressed, bias=bias),
            vector("mixer_norms", "query norm", compressed),
            linear("mixer", "query up", compressed, n * d),
        )
    parts = join(
        query,
        linear("mixer", "key-value down", width, rank + rotary, bias=bias),
        vector("mixer_norms", "key-value norm", rank),
        linear("mixer", "key-value up", rank, n * (plain + value)),
        linear("mixer", "output", n * value, width, bias=bias),
    )
    return Block(parts, context=Attention(n, d, value))


def head_dim(c: Config, width: int, heads: int, default: int | None = None) -> int:
    """The width of a head: as given, else the family's default, else what each of the heads has of the token's.

    Raises:
        InputError: nothing says it, and the heads do not divide the width.
    """
    given: int | None = c.integer("head_dim", default=default)
    return given or even_head_dim(width, heads)


def even_head_dim(width: int, heads: int) -> int:
    """What each of the heads has of the token's width.

    Raises:
        InputError: the heads do not divide it.
    """
    if width % heads:
        raise InputError(
            f"{heads} attention heads do not divide the width {width}: accepted are divisors, or a head_dim beside "
            "where the family has one"
        )
    return width // heads


def windowed(
    c: Config,
    make: Callable[[int | None], Block],
    window: int | None,
    *,
    sliding: range | None = None,
    full: range | None = None,
) -> tuple[Placed, ...]:
    """Attention that sees a sliding window in the layers where `layer_types` says so, and everything in the others.

    Without that field, and if there is a window, `sliding` are the layers that have it, or `full` those that do not.

    Raises:
        InputError: layers have a window of which the size is not given.
    """
    blocks = {"full_attention": make(None), "sliding_attention": make(window)}
    word, otherwise = ("full_attention", full) if sliding is None else ("sliding_attention", sliding)
    if window is None or otherwise is None:
        word, otherwise = "sliding_attention", range(0)
    placed = by_type(c, "layer_types", blocks, word, otherwise)
    if placed[1].times and window is None:
        raise InputError("layer_types has sliding_attention without a sliding_window: accepted is one")
    return placed


def by_type(
    c: Config, name: str, blocks: dict[str, Block], word: str = "", otherwise: range | frozenset[int] | None = None
) -> tuple[Placed, ...]:
    """The block that a list names layer by layer.

    Without the list there are two kinds: layers of `otherwise` have the block of that word, the rest the other one.
    Where nothing is said of that the list has to be there.

    Raises:
        InputError: the list is not one of these words for each layer, or is not there and has to be.
    """
    layers = c.integer("num_hidden_layers")
    types = c.of_each_layer(name, layers, tuple(blocks), default=REQUIRED if otherwise is None else None)
    if types is not None:
        chosen = {kind: frozenset(i for i, listed in enumerate(types) if listed == kind) for kind in blocks}
        return tuple(Placed(block, Layers(chosen[kind])) for kind, block in blocks.items())
    inside, outside = where(layers, otherwise or range(0))
    return tuple(Placed(block, inside if kind == word else outside) for kind, block in blocks.items())


def every(layers: int, step: int, first: int | None = None) -> range:
    """Of so many layers, `first` and each `step`-th after it; by default each `step`-th of all, counted from 1."""
    return range(min(step - 1 if first is None else first, layers), layers, step)
