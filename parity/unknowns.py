"""A layer's costs as functions of the two unknowns, d_expert and num_experts, all else given.

With m = d_expert and E = num_experts both costs are at most bilinear:

    FLOPs per token  F(m, E) = f0 + fm * m + fe * E
    parameters       P(m, E) = p0 + E * (pm * m + pe)

where fe and pe are the router's and vanish for a single expert, which needs no router. The six
coefficients are read off the ledger by evaluating it, so the formulas stay in one place.
"""

from dataclasses import dataclass, replace

from parity.conventions import Convention
from parity.cost import Cost, cost_of
from parity.ledger import Dimensions
from parity.whole import WholeModel


@dataclass(frozen=True)
class Unknowns:
    """The six coefficients; all integers of at least 0, `fm` and `pm` at least 1 (`f0` may be negative)."""

    f0: int
    fm: int
    fe: int
    p0: int
    pm: int
    pe: int
    always: Cost
    """What does not depend on the unknowns: head, merge and shared experts, and the rest of a whole model."""

    def within(self, whole: WholeModel) -> "Unknowns":
        """The same of the whole model whose MoE layers these are."""
        return Unknowns(
            f0=whole.layers * self.f0 + whole.rest.flops_per_token,
            fm=whole.layers * self.fm,
            fe=whole.layers * self.fe,
            p0=whole.layers * self.p0 + whole.rest.params,
            pm=whole.layers * self.pm,
            pe=whole.layers * self.pe,
            always=whole.around(self.always),
        )

    def flops(self, d_expert: int, num_experts: int) -> int:
        """F(m, E), forward FLOPs per token."""
        return self.f0 + self.fm * d_expert + (self.fe * num_experts if num_experts > 1 else 0)

    def params(self, d_expert: int, num_experts: int) -> int:
        """P(m, E), parameters."""
        return self.p0 + num_experts * self.params_per_expert(d_expert, num_experts)

    def params_per_expert(self, d_expert: int, num_experts: int) -> int:
        """Parameters of one expert in every pool, with its column of the router."""
        return self.pm * d_expert + (self.pe if num_experts > 1 else 0)

    @property
    def coupled(self) -> bool:
        """Whether the router counts, so that FLOPs depend on the number of experts too."""
        return self.fe > 0


def unknowns(x: Dimensions, convention: Convention) -> Unknowns:
    """Read the coefficients off the ledger; `d_expert` and `num_experts` of `x` do not matter."""

    def at(d_expert: int, num_experts: int) -> Cost:
        return cost_of(replace(x, d_expert=d_expert, num_experts=num_experts, has_router=True), convention)

    origin, wider, more, both = at(0, 0), at(1, 0), at(0, 1), at(1, 1)
    return Unknowns(
        f0=origin.flops_per_token,
        fm=wider.flops_per_token - origin.flops_per_token,
        fe=more.flops_per_token - origin.flops_per_token,
        p0=origin.params,
        pm=both.params - more.params,
        pe=more.params - origin.params,
        always=Cost(origin.convention, tuple(r for r in origin.rows if r.op not in ("router", "experts"))),
    )
