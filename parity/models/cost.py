"""What a whole model costs: the parts of its blocks and the ledger of its MoE layers, added up."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from parity.cost import cost
from parity.models.description import OPS, Block, Model, Recurrence


@dataclass(frozen=True)
class Row:
    """One op of all layers: forward FLOPs per token, parameters held, parameters one token can reach."""

    op: str
    flops_per_token: int | Fraction
    params: int
    active_params: int


@dataclass(frozen=True)
class ModelCost:
    """A model's ledger under the matmul convention, and its totals."""

    rows: tuple[Row, ...]
    tied: bool

    @property
    def flops_per_token(self) -> int | Fraction:
        """Forward FLOPs per token, two per multiply-add; of an encoder and a decoder, one token through each."""
        return sum(row.flops_per_token for row in self.rows)

    @property
    def params(self) -> int:
        """Parameters held: what a checkpoint of the main model has."""
        return sum(row.params for row in self.rows)

    @property
    def active_params(self) -> int:
        """The total less the routed experts that a token cannot reach."""
        return sum(row.active_params for row in self.rows)

    @property
    def active_params_no_input_embedding(self) -> int:
        """Less the tables of positions, and the embedding of tokens where it is not the head too."""
        return self.active_params - self._of("positions") - (0 if self.tied else self._of("embedding"))

    @property
    def active_params_no_embeddings(self) -> int:
        """Less the tables of positions, the embedding of tokens and the head."""
        return self.active_params - self._of("positions") - self._of("embedding") - self._of("lm_head")

    def totals(self) -> dict[str, int | Fraction]:
        """The totals by name."""
        names = (
            "flops_per_token",
            "params",
            "active_params",
            "active_params_no_input_embedding",
            "active_params_no_embeddings",
        )
        return {name: getattr(self, name) for name in names}

    def training_flops(self, tokens: int) -> int | Fraction:
        """FLOPs of forward and backward over `tokens` tokens: each product has two gradients of its size."""
        return 3 * tokens * self.flops_per_token

    def _of(self, op: str) -> int:
        return sum(row.active_params for row in self.rows if row.op == op)


def cost_of_model(model: Model, sequence_length: int | None = None) -> ModelCost:
    """What a model costs. Attention's scores count only where a sequence length is given."""
    flops: dict[str, int | Fraction] = defaultdict(int)
    params: Counter[str] = Counter()
    active: Counter[str] = Counter()
    for placed in model.blocks:
        for row in rows_of_block(placed.block, sequence_length):
            flops[row.op] += placed.times * row.flops_per_token
            params[row.op] += placed.times * row.params
            active[row.op] += placed.times * row.active_params
    rows = tuple(Row(op, _whole(flops[op]), params[op], active[op]) for op in OPS if flops[op] or params[op])
    return ModelCost(rows, model.tied)


def rows_of_block(block: Block, sequence_length: int | None = None) -> Iterator[Row]:
    """What one layer's block costs, row by row; an op may have several rows."""
    for part in block.parts:
        yield Row(part.op, part.flops_per_token, part.params, part.active_params)
    if block.layer is not None:
        for row in cost(block.layer, "matmul").rows:
            yield Row(row.op, row.flops_per_token, row.params, row.active_params)
    if isinstance(block.context, Recurrence):
        yield Row("state", block.context.flops_per_token, 0, 0)
    elif block.context is not None and sequence_length is not None:
        yield Row("scores", block.context.flops_per_token(sequence_length), 0, 0)


def _whole(value: int | Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value
