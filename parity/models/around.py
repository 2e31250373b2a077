"""What surrounds the MoE layers of a model, with its own pattern of layers or another one."""

from collections.abc import Iterator

from parity.cost import Row
from parity.errors import InputError
from parity.models.cost import cost_of_model, rows_of_block
from parity.models.description import Block, Model
from parity.models.feeds import dense
from parity.whole import WholeModel

OF_THE_LAYER = ("head", "router", "experts", "merge", "shared", "dense")
"""The ops that go where a feed-forward block is replaced; a shared expert's gate stays."""


def whole_model(
    model: Model, *, dense_first: int | None = None, moe_every: int | None = None, d_dense: int | None = None
) -> WholeModel:
    """The totals of `model`, and the model around designs that take the place of its MoE layers.

    `dense_first` and `moe_every` are another pattern for the design's model: the first layers dense, of the others
    every `moe_every` one MoE and the rest dense, of hidden width `d_dense` or the model's own. A dense model has each
    layer replaced unless they say otherwise. Biases of the routed experts and of their router go with them.

    Raises:
        InputError: the pattern leaves no MoE layer, the width of dense layers is not known or is given without a
            pattern, or a model with an encoder is dense or is given a pattern.
    """
    totals = cost_of_model(model)
    patterned = not (dense_first is None and moe_every is None)
    if d_dense is not None and not patterned:
        raise InputError(f"--d-dense {d_dense} without a pattern of layers: accepted with --dense-first or --moe-every")
    replaced = _feeds(model) if patterned or not model.moe_layers else {p.block for p in model.moe_blocks}
    places = sum(placed.times for placed in model.blocks if placed.block in replaced)
    layers = places
    rest = [*_rows_but(model, replaced)]
    if patterned:
        first, step = dense_first or 0, moe_every or 1
        layers = max(0, places - first) // step
        if layers == 0:
            raise InputError(
                f"--dense-first {first} with --moe-every {step} leaves no MoE layer of {places}: accepted are fewer"
            )
        if places > layers:
            rest += [(places - layers, row) for row in _rows(_dense(model, d_dense))]
    return WholeModel(
        flops_per_token=int(totals.flops_per_token),
        params=totals.params,
        active_params=totals.active_params,
        layers=layers,
        rest=Row(
            "rest of the model",
            sum(times * row.flops_per_token for times, row in rest),
            sum(times * row.params for times, row in rest),
            sum(times * row.active_params for times, row in rest),
        ),
    )


def _feeds(model: Model) -> set[Block]:
    if any(placed.stack == "encoder" for placed in model.blocks):
        raise InputError("another pattern of layers in an encoder and a decoder: accepted are decoders alone")
    return {placed.block for placed in model.blocks if placed.block.layer or placed.block.dense}


def _rows_but(model: Model, replaced: set[Block]) -> Iterator[tuple[int, Row]]:
    """The rows of the model that stay, and how many times each is there."""
    for placed in model.blocks:
        for row in _rows(placed.block):
            if placed.block not in replaced or row.op not in OF_THE_LAYER:
                yield placed.times, row


def _rows(block: Block) -> Iterator[Row]:
    """What a block costs, as rows of a layer's ledger."""
    for row in rows_of_block(block):
        yield Row(row.op, int(row.flops_per_token), row.params, row.active_params)


def _dense(model: Model, d_dense: int | None) -> Block:
    """A dense feed-forward block of the model: as it has them, or of the given width."""
    known = {p.block for p in model.blocks if p.block.dense and p.times}
    if d_dense is None:
        if len(known) != 1:
            raise InputError("the model has no dense layer to take a width from: accepted is --d-dense beside")
        return known.pop()
    like = next(iter(model.layers))
    biased = any(part.op == "dense" and len(part.shape) == 1 for block in known for part in block.parts)
    return dense(like.d_model, d_dense, gated=like.gated, bias=biased)
