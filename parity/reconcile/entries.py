"""A design as a reconciliation sees it: the rows of its ledger, grouped by what others treat alike."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace

from parity.design import MoELayer
from parity.models.cost import rows_of_block
from parity.models.description import OPS, Attention, Block, Model, Placed
from parity.reconcile.result import Line, Number, whole

LOOKED_UP = ("embedding", "positions")
"""Ops whose parameters are rows of a table."""

NORMS = ("mixer_norms", "norms")
"""Ops that hold nothing but vectors."""


@dataclass(frozen=True)
class Entry:
    """One op of all layers: its products of parameters with a token, or its parameters that no product uses."""

    op: str
    multiplied: bool
    flops: int
    """Forward FLOPs per token, attention's scores apart."""
    params: int
    active: int
    """Parameters that one token can reach."""

    @property
    def what(self) -> str:
        """The op; where it has both matrices and vectors, the vectors by that name."""
        return self.op if self.multiplied or self.op in LOOKED_UP + NORMS else f"{self.op} vectors"


def blocks_of(design: Model | MoELayer) -> tuple[Placed, ...]:
    """The blocks of a model that some layer has; a layer is a single one."""
    if isinstance(design, MoELayer):
        return (Placed(Block((), layer=design)),)
    return tuple(placed for placed in design.blocks if placed.times)


def entries(design: Model | MoELayer) -> tuple[Entry, ...]:
    """All that a design's ledger has under the matmul convention, apart from attention's scores."""
    sums: dict[tuple[str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
    for placed in blocks_of(design):
        for row in rows_of_block(placed.block):
            flops = int(row.flops_per_token)
            # A matrix of which one token reaches so much multiplies it at least once: the rest of a row is biases.
            biases = max(0, row.active_params - flops // 2) if flops else 0
            _add(sums[row.op, flops != 0], placed.times, flops, row.params - biases, row.active_params - biases)
            if biases:
                _add(sums[row.op, False], placed.times, 0, biases, biases)
    order = sorted(sums, key=lambda key: (OPS.index(key[0]), not key[1]))
    return tuple(Entry(*key, *sums[key]) for key in order)


def _add(total: list[int], times: int, *numbers: int) -> None:
    total[:] = [have + times * more for have, more in zip(total, numbers, strict=True)]


def score_lines(
    design: Model | MoELayer,
    sequence_length: int | None,
    times: int,
    theirs: Callable[[Attention, int], Number],
    why: Callable[[Attention, int], str],
) -> list[Line]:
    """Attention's scores, `times` the forward FLOPs per token; a line for each reason to differ."""
    lines: dict[str, tuple[Number, Number]] = {}
    for placed in blocks_of(design):
        context = placed.block.context
        if not isinstance(context, Attention):  # the products of a state are an entry
            continue
        if sequence_length is None:
            return [Line("scores", None, None, "take a sequence length")]
        reason = why(context, sequence_length)
        ours, other = lines.get(reason, (0, 0))
        lines[reason] = (
            ours + times * placed.times * context.flops_per_token(sequence_length),
            other + times * placed.times * theirs(context, sequence_length),
        )
    return [
        Line("scores", whole(ours), whole(other), "" if ours == other else reason)
        for reason, (ours, other) in lines.items()
    ]


def square(context: Attention, sequence_length: int) -> Number:
    """Forward FLOPs per token if each token attends to the whole sequence."""
    return replace(context, window=None, sees="all").flops_per_token(sequence_length)


def windowed(context: Attention, sequence_length: int) -> bool:
    """Whether some token sees less than all before it."""
    return (context.window or sequence_length) < sequence_length


def not_plain(model: Model) -> str | None:
    """Why the model is not a decoder with attention in each layer, if it is not."""
    if any(placed.stack == "encoder" for placed in model.blocks):
        return "there is an encoder beside the decoder"
    mixers = [p for p in blocks_of(model) if p.block.context or any(part.op == "mixer" for part in p.block.parts)]
    if not all(isinstance(placed.block.context, Attention) for placed in mixers):
        return "some layers mix tokens otherwise than by attention"
    return None
