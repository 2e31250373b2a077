"""A parity problem: what is to be matched, by a layer of which two numbers are open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from parity.constraints import Constraints
from parity.conventions import Convention, convention_named
from parity.cost import cost
from parity.design import FIELDS, MoELayer, check_field, shown
from parity.errors import InputError
from parity.exact import ExactSolution, solve_exactly, solve_given_experts, solve_given_width
from parity.lattice import Lattice, Target, lattice
from parity.ledger import dimensions
from parity.search import Prefer
from parity.unknowns import Unknowns, unknowns
from parity.whole import WholeModel

ALWAYS_INHERITED = ("d_model", "gated", "num_shared_experts", "d_shared")
"""Fields that a design takes from any baseline."""

INHERITED_IF_PROJECTED = ("d_latent", "head_layer", "merge_layer", "projection_bias", "router_input", "expert_pool")
"""Fields that it takes from a baseline that itself has heads or projections."""


@dataclass(frozen=True)
class RawTarget:
    """A baseline that is not a layer: the width of a token, and the forward FLOPs per token and parameters to match.

    Both count as the problem's convention does.

    Raises:
        InputError: a value is not an integer of at least 1.
    """

    d_model: int
    flops_per_token: int
    params: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is not int or value < 1:
                raise InputError(f"{name}={shown(value)}: accepted are integers of at least 1")


@dataclass(frozen=True)
class Problem:
    """Everything a solution depends on. `template` is the design with its two unknowns filled in at will."""

    baseline: MoELayer | RawTarget
    template: MoELayer
    convention: Convention
    prefer: Prefer
    constraints: Constraints
    num_experts: int | None
    d_expert: int | None
    whole: WholeModel | None = None
    """The model to match as a whole, instead of the baseline layer by itself."""

    @cached_property
    def target(self) -> Target:
        """What to match."""
        if self.whole is not None:
            return Target(self.whole.flops_per_token, self.whole.params)
        matched = self.baseline if isinstance(self.baseline, RawTarget) else cost(self.baseline, self.convention)
        return Target(matched.flops_per_token, matched.params)

    @cached_property
    def unknowns(self) -> Unknowns:
        """The template's costs, or those of the model around it, as functions of the two unknowns."""
        of_layer = unknowns(dimensions(self.template), self.convention)
        return of_layer if self.whole is None else of_layer.within(self.whole)

    def lattice(self) -> Lattice | None:
        """The allowed pairs; None where a constraint other than the tolerance leaves none."""
        if self.template.d_sub_token % self.constraints.alignment:
            return None
        return lattice(
            self.unknowns, self.target, self.template.top_k, self.constraints, self.num_experts, self.d_expert
        )

    @cached_property
    def exact(self) -> ExactSolution:
        """The real solution, constraints aside."""
        u, target = self.unknowns, self.target
        if self.num_experts is not None:
            return solve_given_experts(u, target.flops_per_token, self.num_experts)
        if self.d_expert is not None:
            return solve_given_width(u, target.flops_per_token, target.params, self.d_expert)
        return solve_exactly(u, target.flops_per_token, target.params)

    def design(self, d_expert: int, num_experts: int) -> MoELayer:
        """The template with its unknowns filled in."""
        return replace(self.template, d_expert=d_expert, num_experts=num_experts)

    def under(self, constraints: Constraints) -> "Problem":
        """The same problem under other constraints."""
        return replace(self, constraints=constraints)


def state(
    baseline: MoELayer | RawTarget,
    *,
    heads: int,
    top_k: int,
    convention: str | Convention,
    prefer: Prefer = "flops",
    constraints: Constraints | None = None,
    num_experts: int | None = None,
    d_expert: int | None = None,
    whole: WholeModel | None = None,
    **fields: int | bool | str,
) -> Problem:
    """A checked problem. `fields` are fields of the design other than the baseline's.

    With `whole` the totals of that model are matched; the baseline is then what fields are inherited from.

    Raises:
        InputError: a value cannot work, or two do not go together.
    """
    if not isinstance(baseline, MoELayer | RawTarget):
        raise InputError(
            f"baseline={shown(baseline)}: accepted are a MoELayer, as parity.ref.resolve gives, and a RawTarget"
        )
    given = {"num_experts": num_experts, "d_expert": d_expert, "heads": heads, "top_k": top_k}
    for name, value in given.items():
        if value is not None:
            check_field(name, value)
    if num_experts is not None and d_expert is not None:
        raise InputError(f"num_experts={num_experts} and d_expert={d_expert}: accepted is one; the other is solved for")
    if num_experts is not None and top_k > num_experts:
        raise InputError(f"top_k={top_k} exceeds num_experts={num_experts}: accepted is a top_k of at most num_experts")
    if prefer not in ("flops", "balanced"):
        raise InputError(f"prefer={shown(prefer)}: accepted are flops and balanced")
    rule = convention if isinstance(convention, Convention) else convention_named(convention)
    if whole is not None and rule.name != "matmul":
        raise InputError(f"convention={rule.name} of a whole model: accepted is matmul")
    return Problem(
        baseline=baseline,
        template=_template(baseline, heads, top_k, fields),
        convention=rule,
        prefer=prefer,
        constraints=constraints or Constraints(),
        num_experts=num_experts,
        d_expert=d_expert,
        whole=whole,
    )


def check_solved_with(names: Iterable[str]) -> None:
    """Check what a design is solved with.

    Raises:
        InputError: a name is not that of a field, or of one of the two fields that are solved for.
    """
    for name in names:
        if name not in FIELDS or name in ("d_expert", "num_experts"):
            raise InputError(f"{shown(name)} is not a field that a design is solved with")


def _template(
    baseline: MoELayer | RawTarget, heads: int, top_k: int, fields: Mapping[str, int | bool | str]
) -> MoELayer:
    """The design to solve for: the given fields, else the baseline's where it is inherited, else defaults."""
    check_solved_with(fields)
    chosen: dict[str, Any] = {"d_model": baseline.d_model}
    if isinstance(baseline, MoELayer):
        inherited = ALWAYS_INHERITED + (INHERITED_IF_PROJECTED if baseline.projected else ())
        chosen |= {name: getattr(baseline, name) for name in inherited}
        if heads > 1 and chosen.get("router_input") == "token":
            del chosen["router_input"]
    return MoELayer(**{**chosen, **fields}, heads=heads, top_k=top_k, num_experts=top_k, d_expert=1)
