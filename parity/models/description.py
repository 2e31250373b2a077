"""A whole decoder as blocks of parts: what each holds, and what a token is multiplied by.

A model is a list of blocks, each with the layers that have it. Mixers (attention and its kin), feed-forward
blocks and norms are separate blocks, so that their patterns need not agree. Layers are counted, never listed: a
config may say that there are 2^60 of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Literal

from parity.design import MoELayer

OPS = (
    "embedding",
    "positions",
    "mixer",
    "mixer_norms",
    "state",
    "scores",
    "dense",
    "head",
    "router",
    "experts",
    "merge",
    "shared",
    "shared_gate",
    "norms",
    "lm_head",
)
"""The ops of a model's ledger in the order in which they are shown."""


@dataclass(frozen=True)
class Part:
    """An array of parameters of which a model holds `copies`, one token reaches `reached` and multiplies `products`."""

    op: str
    name: str
    shape: tuple[int, ...]
    copies: int = 1
    reached: int = 1
    products: int = 0

    @property
    def params(self) -> int:
        """Parameters held."""
        return self.copies * prod(self.shape)

    @property
    def active_params(self) -> int:
        """Parameters that one token can reach."""
        return self.reached * prod(self.shape)

    @property
    def flops_per_token(self) -> int:
        """Forward FLOPs per token, two per multiply-add."""
        return 2 * self.products * prod(self.shape)


def linear(op: str, name: str, inputs: int, outputs: int, *, bias: bool = False) -> tuple[Part, ...]:
    """A matrix that each token is multiplied by, and the bias that is added."""
    matrix = Part(op, name, (inputs, outputs), products=1)
    return (matrix, vector(op, f"{name} bias", outputs)) if bias else (matrix,)


def vector(op: str, name: str, width: int) -> Part:
    """Parameters that scale or shift features one by one, which is no product of matrices."""
    return Part(op, name, (width,))


Sees = Literal["before", "chunk", "all"]
"""What a token attends to."""


@dataclass(frozen=True)
class Attention:
    """Products of one layer that depend on the context: scores and the weighted sum of values.

    A token sees itself and those before it: at most `window` in all, or those in its chunk of `window` tokens. In an
    encoder it sees everything.
    """

    heads: int
    d_query: int
    d_value: int
    window: int | None = None
    sees: Sees = "before"

    def flops_per_token(self, sequence_length: int) -> Fraction:
        """Forward FLOPs per token, averaged over a sequence of that length."""
        n, window = sequence_length, min(self.window or sequence_length, sequence_length)
        seen = {
            "before": _triangle(window) + (n - window) * window,
            "chunk": n // window * _triangle(window) + _triangle(n % window),
            "all": n * n,
        }[self.sees]
        return Fraction(2 * self.heads * (self.d_query + self.d_value) * seen, n)


def _triangle(n: int) -> int:
    """1 + 2 + ... + n."""
    return n * (n + 1) // 2


@dataclass(frozen=True)
class Recurrence:
    """Products of one layer with a state that is carried from token to token, whatever the context."""

    products: int
    """Multiply-adds per token, in the recurrent form."""

    @property
    def flops_per_token(self) -> int:
        """Forward FLOPs per token."""
        return 2 * self.products


@dataclass(frozen=True)
class Block:
    """What a layer has at one place: parts, perhaps an MoE layer, perhaps products that depend on the context."""

    parts: tuple[Part, ...]
    layer: MoELayer | None = None
    """The MoE layer, which counts beside the parts."""
    context: Attention | Recurrence | None = None
    dense: MoELayer | None = None
    """A dense feed-forward block as a layer of one expert, to match; the parts have it already."""


@dataclass(frozen=True)
class Layers:
    """Numbers of layers: those `among` that are not in `but`, which is a part of `among`."""

    among: range | frozenset[int]
    but: range | frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.among) - len(self.but)

    def __contains__(self, number: object) -> bool:
        return number in self.among and number not in self.but


def where(total: int, chosen: range | frozenset[int]) -> tuple[Layers, Layers]:
    """The chosen ones of so many layers, and the rest."""
    inside = chosen if isinstance(chosen, range) else frozenset(number for number in chosen if number < total)
    return Layers(inside), Layers(range(total), inside)


@dataclass(frozen=True)
class Placed:
    """A block and the layers that have it; without layers it stands once, outside of them."""

    block: Block
    layers: Layers | None = None
    stack: Literal["decoder", "encoder"] = "decoder"

    @property
    def times(self) -> int:
        """How many layers have the block."""
        return 1 if self.layers is None else len(self.layers)


@dataclass(frozen=True)
class Model:
    """A decoder, or an encoder and a decoder."""

    family: str
    num_layers: int
    blocks: tuple[Placed, ...]
    tied: bool
    """Whether the head is the embedding, which then counts once."""
    notes: tuple[str, ...] = ()

    @property
    def moe_blocks(self) -> tuple[Placed, ...]:
        """The blocks that are MoE layers, those of no layer left out."""
        return tuple(placed for placed in self.blocks if placed.block.layer is not None and placed.times)

    @property
    def moe_layers(self) -> int:
        """How many layers are MoE layers."""
        return sum(placed.times for placed in self.moe_blocks)

    @property
    def beside(self) -> tuple[Part, ...]:
        """What an MoE layer has that a design does not describe; of several kinds, each part once."""
        return tuple(dict.fromkeys(part for placed in self.moe_blocks for part in placed.block.parts))

    @property
    def layers(self) -> frozenset[MoELayer]:
        """The kinds of MoE layers; of a dense model, its feed-forward blocks as layers of one expert."""
        moe = frozenset(placed.block.layer for placed in self.moe_blocks if placed.block.layer)
        return moe or frozenset(p.block.dense for p in self.blocks if p.block.dense and p.times)


def join(*parts: Part | Iterable[Part]) -> tuple[Part, ...]:
    """Parts and groups of parts in one row."""
    return tuple(p for group in parts for p in ((group,) if isinstance(group, Part) else group))
