"""Megatron-LM's formula, num_floating_point_operations: as data, what it counts of which op and where it applies.

It counts forward and backward of a batch; here it is per token. What is stated is the branch for transformers, without
multi-token prediction; the one for hybrids is not.
"""

from fractions import Fraction

from parity.design import MoELayer
from parity.models.description import Attention, Block, Model
from parity.reconcile.entries import (
    Entry,
    blocks_of,
    entries,
    not_plain,
    score_lines,
    square,
    windowed,
)
from parity.reconcile.result import Line, Number, Reconciliation

COUNTER = "Megatron-LM 001b00c"
SOURCE = (
    "num_floating_point_operations in megatron/training/training.py of NVIDIA/Megatron-LM at "
    "001b00c2734d8f0fad096fe48a382fedf755d321"
)
UNIT = "training FLOPs per token"

COUNTED = ("mixer", "dense", "head", "experts", "merge", "shared", "lm_head")
LEFT_OUT = ("router", "shared_gate")
"""The ops whose products it counts as they are, and those that it leaves out; norms only inside latent attention."""

PROJECTIONS = {"query", "key", "value", "output"}
LATENT_PROJECTIONS = {"query", "query down", "query up", "key-value down", "key-value up", "output"}
"""The matrices of attention, and of latent attention, that it has a term for."""

VOCABULARY_MULTIPLE = 128
"""What it pads the vocabulary to unless told otherwise, without tensor parallelism."""


def megatron(design: Model | MoELayer, sequence_length: int | None) -> Reconciliation:
    """Its number where its arguments can express the design: one width of each kind of block, no sub-tokens."""
    absent = _layer_beyond(design) if isinstance(design, MoELayer) else _model_beyond(design)
    if absent:
        return Reconciliation(COUNTER, SOURCE, UNIT, (), absent=absent)
    latent = isinstance(design, Model) and any(map(_is_latent, _attention(design)))
    lines = [line for entry in entries(design) if (line := _line(entry, latent))]
    if isinstance(design, Model):
        lines += _padding(design)
    return Reconciliation(COUNTER, SOURCE, UNIT, (*lines, *score_lines(design, sequence_length, 3, _half, _why)))


def _line(entry: Entry, latent: bool) -> Line | None:
    ours = 3 * entry.flops
    if entry.op == "mixer_norms" and latent:
        return Line(entry.what, 0, 6 * entry.params, "a multiply-add a feature")
    if not entry.multiplied:
        return None
    return Line(entry.what, ours, ours) if entry.op in COUNTED else Line(entry.what, ours, 0, "left out")


def _half(context: Attention, sequence_length: int) -> Number:
    return Fraction(square(context, sequence_length), 2)


def _why(context: Attention, sequence_length: int) -> str:
    ignored = "window ignored" if windowed(context, sequence_length) else "not its diagonal"
    return f"half the square, {ignored}"


def _padding(model: Model) -> list[Line]:
    heads = [part.shape for p in blocks_of(model) for part in p.block.parts if part.op == "lm_head" and part.products]
    extra = sum(width * (-vocabulary % VOCABULARY_MULTIPLE) for width, vocabulary in heads)
    return [Line("vocabulary", 0, 6 * extra, f"padded to a multiple of {VOCABULARY_MULTIPLE}")] if extra else []


def _layer_beyond(layer: MoELayer) -> str | None:
    """Why no arguments express the layer, if none do."""
    if layer.heads != 1:
        return "the formula knows no sub-tokens"
    return None if layer.head_layer == layer.merge_layer else "the formula has both latent projections or neither"


def _model_beyond(model: Model) -> str | None:
    """Why no arguments express the model, if none do."""
    if reason := not_plain(model):
        return f"{reason}, beyond the branch of the formula that is reconciled here"
    attention, feeds = _attention(model), _feeds(model)
    layers = [block.layer for block in feeds if block.layer is not None]
    if _times(model, attention) != model.num_layers or _times(model, feeds) != model.num_layers:
        return "the formula has one attention and one feed-forward block in each layer"
    if len({_shapes(block, "mixer") for block in attention}) > 1 or len({_heads(block) for block in attention}) > 1:
        return "the formula has one shape of attention for all layers"
    if len(set(layers)) > 1 or len({_shapes(block, "dense") for block in feeds if block.layer is None}) > 1:
        return "the formula has one width of dense blocks and one of experts"
    if len({_gated(block) for block in feeds}) > 1:
        return "the formula has gated blocks throughout or nowhere"
    if not all(map(_expressible, attention)):
        return "the formula has no term for some of its attention's matrices"
    return next((reason for layer in layers if (reason := _layer_beyond(layer))), None)


def _attention(model: Model) -> list[Block]:
    return [placed.block for placed in blocks_of(model) if placed.block.context is not None]


def _feeds(model: Model) -> list[Block]:
    return [p.block for p in blocks_of(model) if p.block.layer or any(part.op == "dense" for part in p.block.parts)]


def _times(model: Model, blocks: list[Block]) -> int:
    return sum(placed.times for placed in blocks_of(model) if placed.block in blocks)


def _names(block: Block, op: str) -> set[str]:
    return {part.name for part in block.parts if part.op == op and part.products}


def _shapes(block: Block, op: str) -> frozenset[tuple[str, tuple[int, ...]]]:
    return frozenset((part.name, part.shape) for part in block.parts if part.op == op and part.products)


def _heads(block: Block) -> tuple[int, ...]:
    attention = block.context
    return (attention.heads, attention.d_query, attention.d_value) if isinstance(attention, Attention) else ()


def _gated(block: Block) -> bool:
    return block.layer.gated if block.layer is not None else "gate" in _names(block, "dense")


def _is_latent(block: Block) -> bool:
    return "key-value down" in _names(block, "mixer")


def _expressible(block: Block) -> bool:
    if _is_latent(block):
        return _names(block, "mixer") <= LATENT_PROJECTIONS
    _, d_query, d_value = _heads(block)
    return _names(block, "mixer") == PROJECTIONS and d_query == d_value
