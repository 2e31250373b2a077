"""What a sweep is asked: what to match, and the ranges of everything else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from parity.constraints import Constraints
from parity.conventions import Convention
from parity.design import CHOICES, MoELayer, check_field
from parity.errors import InputError
from parity.lattice import Target
from parity.problem import RawTarget, state
from parity.ranges import Ranges

Among = Ranges | int | str | Iterable[int]
"""A set of integers: `3`, `"1-16"`, `"1,2,4"`, `range(1, 17)`, `[1, 2, 4]`."""

TOLERANCE = Fraction(1, 100)
"""The tolerance of a sweep for which none is given."""
FEW = 4_096
"""Up to so many values are tried one by one as divisors; where there are more, the divisors are found."""


class Limits(NamedTuple):
    """The costs that the tolerance allows, ends included."""

    least_flops: int
    most_flops: int
    least_params: int
    most_params: int

    @classmethod
    def around(cls, target: Target, tolerance: Fraction) -> "Limits":
        """Those within `tolerance`, a share of the target."""
        flops, params = int(tolerance * target.flops_per_token), int(tolerance * target.params)
        return cls(
            target.flops_per_token - flops,
            target.flops_per_token + flops,
            target.params - params,
            target.params + params,
        )


@dataclass(frozen=True, kw_only=True)
class Space:
    """What is swept. A range that is None is the design's own value, as `solve` has it."""

    baseline: MoELayer | RawTarget
    rule: Convention
    constraints: Constraints
    target: Target
    tolerance: Fraction
    limits: Limits
    """What the tolerance allows."""
    heads: Ranges
    top_k: Ranges
    d_expert: Ranges
    num_experts: Ranges
    d_latent: Ranges | None
    num_shared_experts: Ranges | None
    d_shared: Ranges | None
    expert_pools: tuple[str, ...] | None
    fields: Mapping[str, Any]
    """Other fields of the design, one value each."""

    @property
    def fixes_an_unknown(self) -> bool:
        """Whether one of the unknowns has a single value."""
        return self.d_expert.size == 1 or self.num_experts.size == 1

    def template(self, heads: int = 1, **fields: Any) -> MoELayer:
        """A design of the sweep with so many heads, and these fields beside the given ones.

        Raises:
            InputError: fields do not go together.
        """
        return state(
            self.baseline,
            heads=heads,
            top_k=1,
            convention=self.rule,
            constraints=self.constraints,
            **{**self.fields, **({"d_latent": self.d_latent.lowest} if self.d_latent else {}), **fields},
        ).template


def stated(
    baseline: MoELayer | RawTarget,
    ranges: Mapping[str, Among | None],
    expert_pool: str | Iterable[str] | None,
    convention: str | Convention,
    constraints: Constraints,
    fields: Mapping[str, Any],
) -> Space:
    """A checked sweep. Of `ranges` only heads and top-k must be given; `granularity` says where d_expert ranges.

    Raises:
        InputError: a value cannot work, or two do not go together.
    """
    among = {
        name: Ranges.of(name, given, least=0 if name in ("num_shared_experts", "d_shared") else 1)
        for name, given in ranges.items()
        if given is not None
    }
    if missing := {"heads", "top_k"} - among.keys():
        raise InputError(f"{min(missing)}=None: accepted are integers, and ranges such as 1-16")
    pools = None if expert_pool is None else _pools(expert_pool)
    granularity = among.pop("granularity", None)
    if granularity is not None:
        if "d_expert" in among:
            raise InputError(f"granularity={granularity} with d_expert={among['d_expert']}: accepted is one of the two")
        among["d_expert"] = _widths(baseline, granularity)
    latent = {"d_latent": among["d_latent"].lowest} if "d_latent" in among else {}
    at_one_head = state(
        baseline, heads=1, top_k=1, convention=convention, constraints=constraints, **{**fields, **latent}
    )
    tolerance = TOLERANCE if constraints.tolerance is None else Fraction(constraints.tolerance)
    limits = Limits.around(at_one_head.target, tolerance)
    # The unknowns end where the limits do: one more of width takes a FLOP at least, one more expert a parameter.
    return Space(
        baseline=baseline,
        rule=at_one_head.convention,
        constraints=constraints,
        target=at_one_head.target,
        tolerance=tolerance,
        limits=limits,
        expert_pools=pools,
        fields=fields,
        heads=among["heads"],
        top_k=among["top_k"],
        d_expert=among.get("d_expert", Ranges(((1, limits.most_flops),))),
        num_experts=among.get("num_experts", Ranges(((1, limits.most_params),))),
        d_latent=among.get("d_latent"),
        num_shared_experts=among.get("num_shared_experts"),
        d_shared=among.get("d_shared"),
    )


def _pools(given: str | Iterable[str]) -> tuple[str, ...]:
    """The kinds of pools, each once."""
    pools = tuple(dict.fromkeys([given] if isinstance(given, str) or not isinstance(given, Iterable) else given))
    for pool in pools:
        check_field("expert_pool", pool)
    if not pools:
        raise InputError(f"expert_pool is empty: accepted are {' and '.join(CHOICES['expert_pool'])}")
    return pools


def divisors_within(among: Ranges, number: int) -> list[int]:
    """The divisors of `number` in a set, growing."""
    within = among.up_to(number)
    if within is None:
        return []
    if within.size <= FEW:
        return [value for value in within if number % value == 0]
    from sympy import divisors

    return [value for value in divisors(number) if value in within]


def _widths(baseline: MoELayer | RawTarget, granularity: Ranges) -> Ranges:
    if isinstance(baseline, RawTarget):
        raise InputError(f"granularity={granularity} without a baseline: accepted where a baseline has a d_expert")
    dividing = divisors_within(granularity, baseline.d_expert)
    if not dividing:
        raise InputError(
            f"granularity={granularity}: accepted are divisors of the baseline's d_expert={baseline.d_expert}"
        )
    return Ranges.of("d_expert", [baseline.d_expert // value for value in dividing])
