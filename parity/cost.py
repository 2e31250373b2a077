"""What a layer costs under a convention: the ledger, weighed and added up."""

from dataclasses import dataclass
from decimal import Decimal, localcontext

from parity.conventions import Convention, convention_named
from parity.design import MoELayer
from parity.errors import InputError
from parity.ledger import Dimensions, Number, dimensions, ops


@dataclass(frozen=True)
class Row:
    """One op: forward FLOPs per token, parameters held, parameters one token can reach."""

    op: str
    flops_per_token: Number
    params: Number
    active_params: Number


@dataclass(frozen=True)
class Cost:
    """A layer's ledger under one convention, and its totals."""

    convention: str
    rows: tuple[Row, ...]

    @property
    def flops_per_token(self) -> Number:
        """Forward FLOPs per token, two per multiply-add unless the convention says otherwise."""
        return sum(row.flops_per_token for row in self.rows)

    @property
    def params(self) -> Number:
        """Parameters held."""
        return sum(row.params for row in self.rows)

    @property
    def active_params(self) -> Number:
        """Parameters one token can reach."""
        return sum(row.active_params for row in self.rows)

    def totals(self) -> dict[str, Number]:
        """The three totals by name."""
        return {
            "flops_per_token": self.flops_per_token,
            "params": self.params,
            "active_params": self.active_params,
        }


def cost(layer: MoELayer, convention: str | Convention = "paper") -> Cost:
    """Forward FLOPs per token, parameters and those that a token reaches, op by op (sources: `parity.ledger.ops`).

    Raises:
        InputError: there is no convention of that name.
    """
    return cost_of(dimensions(layer), convention)


def cost_of(x: Dimensions, convention: str | Convention = "paper") -> Cost:
    """The same for dimensions of any kind of number: fractions, arrays or symbols.

    Raises:
        InputError: there is no convention of that name.
    """
    rule = convention if isinstance(convention, Convention) else convention_named(convention)
    return Cost(
        rule.name,
        tuple(
            Row(op.name, rule.flops_per_token(op), op.params, op.active_params) for op in ops(x) if rule.counts(op.name)
        ),
    )


def training_flops(layer: MoELayer, tokens: int, convention: str | Convention = "paper") -> int:
    """FLOPs of forward and backward over `tokens` tokens.

    The backward of a product is two products of its size, one for the input's gradient and one for
    the weight's, so both together cost three forwards.

    Raises:
        InputError: there is no convention of that name, or it counts additions one by one: the weight's gradient
            adds over tokens, so its count depends on how many each expert receives.
    """
    priced = cost(layer, convention)
    if convention_named(priced.convention).free_additions:
        raise InputError(
            f"tokens={tokens} with convention={priced.convention}: the scalar count of a weight's gradient depends on "
            "how tokens spread over experts; accepted are paper and matmul"
        )
    return 3 * tokens * int(priced.flops_per_token)


def expected_active_experts(layer: MoELayer) -> Decimal:
    """Distinct experts that one token reaches on average if its sub-tokens choose uniformly and apart.

    In a shared pool an expert is missed by one sub-token with probability 1 - k/E, and by all h of
    them with that to the power h; in per-head pools every choice is another expert. To 30 digits:
    the exact fraction grows with the number of heads.
    """
    if layer.expert_pool == "per_head" or layer.top_k == layer.num_experts:
        return Decimal(layer.reachable_experts)
    with localcontext(prec=50):
        missed = (1 - Decimal(layer.top_k) / layer.num_experts) ** layer.heads
        expected = layer.num_experts * (1 - missed)
    with localcontext(prec=30):
        return +expected
