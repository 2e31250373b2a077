"""What decoders of all families share: the frame around their layers, and which layers are MoE."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from parity.models.description import Block, Layers, Model, Part, Placed, vector, where
from parity.models.feeds import norms
from parity.models.mixers import every
from parity.models.reading import Config

Feeds = Iterable[Placed]


@dataclass(frozen=True)
class Family:
    """How the configs of a family are read: the whole model, and its MoE layer by itself."""

    model: Callable[[Config], Model]
    moe: Callable[[Config], Block] | None = None
    text: str | None = None
    """The field that holds the text model's config, where it stands inside a larger one."""


def decoder(
    c: Config,
    family: str,
    *,
    mixers: Block | Iterable[Placed],
    feeds: Block | Iterable[Placed],
    norms_per_layer: int = 2,
    norm_bias: bool = False,
    tied: bool = False,
    head_bias: bool = False,
    layers: int | None = None,
) -> Model:
    """A decoder around its mixers and feed-forward blocks; a single block stands in every layer.

    `tied` is whether head and embedding are one where the config does not say, `layers` how many there are if another
    field than `num_hidden_layers` says so.
    """
    width, vocabulary = c.integer("hidden_size"), c.integer("vocab_size")
    layers = layers or c.integer("num_hidden_layers")
    is_tied = c.switch("tie_word_embeddings", default=tied)
    all_layers = Layers(range(layers))
    return Model(
        family,
        layers,
        (
            Placed(Block((Part("embedding", "embedding", (vocabulary, width)),))),
            *_everywhere(mixers, all_layers),
            *_everywhere(feeds, all_layers),
            Placed(norms(width, norms_per_layer, bias=norm_bias), all_layers),
            Placed(norms(width, 1, bias=norm_bias)),
            Placed(lm_head(width, vocabulary, tied=is_tied, bias=head_bias)),
        ),
        is_tied,
    )


def lm_head(width: int, vocabulary: int, *, tied: bool, bias: bool = False) -> Block:
    """The head, which is a product of its own and holds nothing where it is the embedding."""
    held = 0 if tied else 1
    matrix = Part("lm_head", "head", (width, vocabulary), copies=held, reached=held, products=1)
    return Block((matrix, *((vector("lm_head", "head bias", vocabulary),) if bias else ())))


def after_dense(c: Config, moe: Block, dense: Block, first: int) -> Feeds:
    """The first so many layers dense, the others MoE."""
    return chosen(c, moe, dense, every(c.integer("num_hidden_layers"), 1, first))


def chosen(c: Config, moe: Block, dense: Block, layers: range | frozenset[int]) -> Feeds:
    """MoE in the chosen layers, the others dense."""
    inside, outside = where(c.integer("num_hidden_layers"), layers)
    return Placed(moe, inside), Placed(dense, outside)


def uniform(c: Config, name: str) -> Any:
    """An integer that may be spelled out layer by layer; none where the field lacks.

    Raises:
        InputError: it is neither an integer nor the same one for each layer.
    """
    value = c.raw(name)
    if not isinstance(value, list):
        return c.integer(name, default=None)
    listed = set(c.of_each_layer(name, c.integer("num_hidden_layers"), None))
    if len(listed) != 1:
        raise c.wrong(name, value, "integers, or lists of one and the same for each layer")
    return listed.pop()


def _everywhere(blocks: Block | Iterable[Placed], layers: Layers) -> Iterable[Placed]:
    return (Placed(blocks, layers),) if isinstance(blocks, Block) else blocks
