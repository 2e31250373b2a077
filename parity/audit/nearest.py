"""The nearest design that would hold: a claim's own with another d_expert, another num_experts, or both.

All other fields stay. Every design is found that changes one of the two. Of those that change both there are found

- the real solutions of both parity equations, where they are integers;
- those that meet one claim by one of the numbers and then another claim by the other;
- those with up to `WINDOW` more or fewer experts.

So the work is bounded, however large the numbers are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from math import ceil, floor
from typing import Any

from parity.audit.finding import Nearest
from parity.audit.ratios import TOTALS, off_by, quantity, ratios
from parity.cost import Cost, cost
from parity.design import LARGEST_INTEGER, MoELayer
from parity.errors import InfeasibleError
from parity.exact import Point
from parity.infeasible import check_always
from parity.problem import state

WINDOW = 64
"""How far around the claimed number of experts designs are looked for that change the width as well."""

UNKNOWNS = ("d_expert", "num_experts")

Pair = tuple[int, int]
"""d_expert and num_experts."""


def nearest(claims: Sequence[str], baseline: MoELayer, design: MoELayer, conventions: Sequence[str]) -> Nearest:
    """The nearest design of which the claims hold, under the first of the conventions that has one.

    Where none has one, the closest under the last: of least error in FLOPs, then in parameters, then in active
    parameters, as far as they are claimed. Of equals the one that changes fewer numbers, and then by less.
    """
    near: list[Nearest] = []
    for convention in conventions:
        around = Neighbourhood(tuple(claims), baseline, design, convention)
        near = [around.judged(pair) for pair in sorted(set(around.pairs()))]
        holding = [one for one in near if one.holds]
        if holding:
            return min(holding, key=_change)
    return min(near, key=_distance)


def exact_point(baseline: MoELayer, design: MoELayer, convention: str) -> tuple[Point, ...]:
    """The real solutions of parity in FLOPs and parameters with the design's other fields, the one meant first."""
    fields: dict[str, Any] = {name: value for name, value in design.to_dict().items() if name not in UNKNOWNS}
    problem = state(baseline, convention=convention, **fields)
    try:
        check_always(problem)
    except InfeasibleError:
        return ()
    return tuple(point for point in (problem.exact.point, problem.exact.other) if point)


@dataclass(frozen=True)
class Neighbourhood:
    """The designs that differ from one in `UNKNOWNS`, and what is claimed of them under a convention."""

    claims: tuple[str, ...]
    baseline: MoELayer
    design: MoELayer
    convention: str

    def judged(self, pair: Pair) -> Nearest:
        """The design with these two numbers, and by how much it is off."""
        design = self.at(*pair)
        before, after = ((layer.d_expert, layer.num_experts) for layer in (self.design, design))
        changes = zip(UNKNOWNS, before, after, strict=True)
        errors = off_by(self.claims, ratios(self._cost(pair), self.base))
        return Nearest(design, self.convention, {name: (b, a) for name, b, a in changes if a != b}, errors)

    def pairs(self) -> Iterator[Pair]:
        """What can be nearest; the claim's own design is among them."""
        width, experts = self.design.d_expert, self.design.num_experts
        quantities = sorted(set(map(quantity, self.claims)))
        yield width, experts
        for other_width in {w for what in quantities for w in self._widths(what, experts)}:
            yield other_width, experts
            yield from ((other_width, e) for what in quantities for e in self._experts(what, other_width))
        for other_experts in {e for what in quantities for e in self._experts(what, width)}:
            yield width, other_experts
            yield from ((w, other_experts) for what in quantities for w in self._widths(what, other_experts))
        yield from self._solved()
        for e in range(max(self.design.top_k, experts - WINDOW), min(LARGEST_INTEGER, experts + WINDOW) + 1):
            for what in quantities:
                exact = self._width(what, e)
                if exact.denominator == 1 and 1 <= exact <= LARGEST_INTEGER:
                    yield int(exact), e

    def at(self, d_expert: int, num_experts: int) -> MoELayer:
        """The design with these two numbers."""
        return replace(self.design, d_expert=d_expert, num_experts=num_experts)

    @cached_property
    def base(self) -> Cost:
        """What the baseline costs."""
        return cost(self.baseline, self.convention)

    @cached_property
    def _costs(self) -> dict[Pair, Cost]:
        return {}

    def _cost(self, pair: Pair) -> Cost:
        if pair not in self._costs:
            self._costs[pair] = cost(self.at(*pair), self.convention)
        return self._costs[pair]

    def _total(self, what: str, pair: Pair) -> int:
        return int(self._cost(pair).totals()[TOTALS[what]])

    def _target(self, what: str) -> int:
        return int(self.base.totals()[TOTALS[what]])

    def _width(self, what: str, experts: int) -> Fraction:
        """The width at which the quantity is the baseline's: each grows with the width in equal steps."""
        first, second = (self._total(what, (width, experts)) for width in (1, 2))
        return 1 + Fraction(self._target(what) - first, second - first)

    def _widths(self, what: str, experts: int) -> set[int]:
        """The widths next to that one."""
        exact = self._width(what, experts)
        return {min(max(width, 1), LARGEST_INTEGER) for width in (floor(exact), ceil(exact))}

    def _experts(self, what: str, width: int) -> set[int]:
        """The fewest experts at which the quantity reaches the baseline's, and one fewer.

        No quantity shrinks as experts are added; those that one token reaches stop growing.
        """
        target, low, high = self._target(what), self.design.top_k, LARGEST_INTEGER
        while low < high:
            middle = (low + high) // 2
            if self._total(what, (width, middle)) < target:
                low = middle + 1
            else:
                high = middle
        return {low, max(low - 1, self.design.top_k)}

    def _solved(self) -> Iterator[Pair]:
        if not {quantity(claimed) for claimed in self.claims} >= {"flops", "params"}:
            return
        for point in exact_point(self.baseline, self.design, self.convention):
            width, experts = point.d_expert, point.num_experts
            if (
                isinstance(width, Fraction)
                and isinstance(experts, Fraction)
                and width.denominator == experts.denominator == 1
                and width <= LARGEST_INTEGER
                and self.design.top_k <= experts <= LARGEST_INTEGER
            ):
                yield int(width), int(experts)


def _change(near: Nearest) -> tuple[int, Fraction, Pair]:
    """How much was changed: how many numbers, and the sum of their changes as shares of what they were."""
    shares = (Fraction(abs(after - before), before) for before, after in near.changed.values())
    return len(near.changed), sum(shares, Fraction(0)), (near.design.d_expert, near.design.num_experts)


def _distance(near: Nearest) -> tuple[list[Fraction], tuple[int, Fraction, Pair]]:
    """What stays of the errors, in the order of the quantities, and then how much was changed."""
    errors = sorted(near.off_by.items(), key=lambda item: tuple(TOTALS).index(quantity(item[0])))
    return [abs(error) for _, error in errors], _change(near)
