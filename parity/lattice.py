"""The allowed pairs of d_expert and num_experts, and bounds on the errors of many of them at once.

Pairs are points (i, j) of a lattice: d_expert = i * width_step, num_experts = j * experts_step.
FLOPs and parameters grow with both, so over a box of the lattice they lie between those of its corners.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd
from typing import NamedTuple

from parity.constraints import Constraints
from parity.exact import narrowest_meant
from parity.unknowns import Unknowns


@dataclass(frozen=True)
class Target:
    """What a design must come to: forward FLOPs per token and parameters, both at least 1."""

    flops_per_token: int
    params: int


class Box(NamedTuple):
    """The points with i_low <= i <= i_high and j_low <= j <= j_high."""

    i_low: int
    i_high: int
    j_low: int
    j_high: int

    @property
    def single(self) -> bool:
        """Whether the box is one point."""
        return self.i_low == self.i_high and self.j_low == self.j_high


class Gaps(NamedTuple):
    """|design - target| of both costs, or lower bounds of them."""

    flops: int
    params: int


@dataclass(frozen=True)
class Lattice:
    """All pairs that are allowed and not dominated for a plain reason: `whole` says between what bounds."""

    u: Unknowns
    target: Target
    width_step: int
    experts_step: int
    whole: Box
    allowance: Gaps | None
    """The largest gaps that the tolerance allows; None without a tolerance."""

    def pair(self, i: int, j: int) -> tuple[int, int]:
        """(d_expert, num_experts) of a point."""
        return i * self.width_step, j * self.experts_step

    def differences(self, i: int, j: int) -> tuple[int, int]:
        """Design minus target at a point: FLOPs per token, parameters."""
        pair = self.pair(i, j)
        return self.u.flops(*pair) - self.target.flops_per_token, self.u.params(*pair) - self.target.params

    def gaps(self, box: Box) -> Gaps:
        """Lower bounds of both gaps over the box; at a single point the gaps themselves."""
        least_flops, least_params = self.differences(box.i_low, box.j_low)
        most_flops, most_params = self.differences(box.i_high, box.j_high)
        return Gaps(
            max(least_flops, -most_flops, self.unavoidable.flops),
            max(least_params, -most_params, self.unavoidable.params),
        )

    @cached_property
    def unavoidable(self) -> Gaps:
        """Gaps that divisibility forces on every point: costs move in steps that may pass the target by."""
        u, width, experts = self.u, self.width_step, self.experts_step
        return Gaps(
            _distance_to_multiple(self.target.flops_per_token - u.f0, gcd(u.fm * width, u.fe * experts)),
            _distance_to_multiple(self.target.params - u.p0, gcd(u.pm * width * experts, u.pe * experts)),
        )

    def allows(self, gaps: Gaps) -> bool:
        """Whether the tolerance allows such gaps."""
        return self.allowance is None or (gaps.flops <= self.allowance.flops and gaps.params <= self.allowance.params)

    def paired(self, i_low: int, i_high: int) -> Box | None:
        """The widths from i_low to i_high, each with the experts that pair with it: the least box around them.

        The experts paired with a width never grow with it, so those of the two ends bound the rest.
        None if no width has any.
        """
        most, least = self._experts(i_low), self._experts(i_high)
        if least.first > most.last or (i_low == i_high and least.first > least.last):
            return None
        return Box(i_low, i_high, max(least.nearest, self.whole.j_low), max(most.nearest, self.whole.j_low))

    def _experts(self, i: int) -> "_Experts":
        """The experts allowed with the i-th width, and the one of them nearest to parameter parity."""
        u, d_expert = self.u, i * self.width_step
        per_expert, one_expert = u.pm * d_expert + u.pe, u.p0 + u.pm * d_expert
        flops = u.f0 + u.fm * d_expert
        params_up_to = self._last(u.p0, per_expert, one_expert, self.target.params)
        below, above = max(params_up_to, self.whole.j_low), min(params_up_to + 1, self.whole.j_high)
        nearest = min(below, above, key=lambda j: (abs(self.differences(i, j)[1]), j))
        if self.allowance is None:
            return _Experts(self.whole.j_low, nearest, self.whole.j_high)
        low_flops, high_flops = (self.target.flops_per_token + s * self.allowance.flops for s in (-1, 1))
        low_params, high_params = (self.target.params + s * self.allowance.params for s in (-1, 1))
        first = 1 + max(
            self._last(flops, u.fe, flops, low_flops - 1), self._last(u.p0, per_expert, one_expert, low_params - 1)
        )
        last = min(self._last(flops, u.fe, flops, high_flops), self._last(u.p0, per_expert, one_expert, high_params))
        return _Experts(first, min(max(nearest, first), last), last)

    def _last(self, fixed: int, per_expert: int, one_expert: int, limit: int) -> int:
        """The last j within bounds at which fixed + per_expert * num_experts <= limit; before the first if none.

        A single expert has no router and costs `one_expert`.
        """
        first = self.whole.j_low
        if not per_expert:
            return self.whole.j_high if fixed <= limit else first - 1
        last = (limit - fixed) // (per_expert * self.experts_step)
        if last < first and first * self.experts_step == 1 and one_expert <= limit:
            return first
        return min(max(last, first - 1), self.whole.j_high)


class _Experts(NamedTuple):
    first: int
    nearest: int
    last: int


def lattice(
    u: Unknowns,
    target: Target,
    top_k: int,
    constraints: Constraints,
    num_experts: int | None = None,
    d_expert: int | None = None,
) -> Lattice | None:
    """The allowed pairs; None where a constraint other than the tolerance leaves none.

    A given unknown is a lattice of one point. Beyond `whole` every pair is dominated: both costs
    exceed the target there and only grow.
    """
    width_step = constraints.width_step if d_expert is None else d_expert
    experts_step = constraints.experts_step if num_experts is None else num_experts
    if width_step % constraints.width_step or experts_step % constraints.experts_step:
        return None
    j_low = -(-top_k // experts_step)
    most_experts = constraints.max_experts
    if most_experts is not None and j_low * experts_step > most_experts:
        return None
    meant = num_experts is None and d_expert is None
    i_low = -(-narrowest_meant(u, target.params) // width_step) if meant else 1
    i_high, j_high = i_low, j_low
    if d_expert is None:
        fewest = j_low * experts_step
        flops_reached = -(-(target.flops_per_token - u.flops(0, fewest)) // (u.fm * width_step))
        params_reached = -(-(target.params - u.params(0, fewest)) // (u.pm * fewest * width_step))
        i_high = max(i_low, flops_reached, params_reached)
    if num_experts is None:
        narrowest = i_low * width_step
        per_expert = u.params_per_expert(narrowest, 1)
        j_high = max(j_low, -(-(target.params - u.p0) // (per_expert * experts_step)))
        if u.coupled:
            flops_left = target.flops_per_token - u.flops(narrowest, 1)
            j_high = max(j_high, -(-flops_left // (u.fe * experts_step)))
        if most_experts is not None:
            j_high = min(j_high, most_experts // experts_step)
    allowance = None
    if constraints.tolerance is not None:
        share = Fraction(constraints.tolerance)
        allowance = Gaps(int(share * target.flops_per_token), int(share * target.params))
    return Lattice(u, target, width_step, experts_step, Box(i_low, i_high, j_low, j_high), allowance)


def _distance_to_multiple(value: int, step: int) -> int:
    return min(value % step, -value % step)
