"""Where the design stands among all that its constraints allow: facts that any search comes to, not its steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from parity.certificate.claim import Claim
from parity.errors import InfeasibleError
from parity.exact import ExactSolution, narrowest_meant
from parity.infeasible import check_always
from parity.lattice import Lattice
from parity.problem import Problem
from parity.proof import proof
from parity.search import Search, search

MOST_BEFORE = 10
"""How many designs of the Pareto front are looked at for those that come before the design."""


@dataclass(frozen=True)
class Ranked:
    """A pair of the unknowns and its errors."""

    d_expert: int
    num_experts: int
    flops: Fraction
    params: Fraction

    @classmethod
    def of(cls, problem: Problem, d_expert: int, num_experts: int) -> "Ranked":
        """The pair as the problem's unknowns."""
        u, target = problem.unknowns, problem.target
        flops, params = u.flops(d_expert, num_experts), u.params(d_expert, num_experts)
        return cls(
            d_expert,
            num_experts,
            Fraction(flops - target.flops_per_token, target.flops_per_token),
            Fraction(params - target.params, target.params),
        )

    def place(self, prefer: str) -> tuple[Fraction | int, ...]:
        """What pairs are ranked by, the lesser first."""
        flops, params = abs(self.flops), abs(self.params)
        errors = (flops, params) if prefer == "flops" else (max(flops, params), flops + params)
        return (*errors, self.num_experts, self.d_expert)

    def data(self) -> dict[str, Any]:
        """The pair in a certificate."""
        error = {"flops": str(self.flops), "params": str(self.params)}
        return {"d_expert": self.d_expert, "num_experts": self.num_experts, "error": error}


@dataclass(frozen=True)
class Optimality:
    """The design, and what a search found."""

    problem: Problem
    design: Ranked
    exact: ExactSolution | None
    """The real solution; None where head, merge and shared experts alone reach the baseline."""
    lattice: Lattice | None
    """The candidates; None where there are none."""
    found: Search

    @property
    def best(self) -> Ranked | None:
        """The pair that nothing comes before, if that is proven; else the best that was seen; None if there is none."""
        return self._ranked[0] if self._ranked else None

    @property
    def optimal(self) -> bool:
        """Whether the design is proven to be the best."""
        return self.found.proven and self.best == self.design

    @property
    def violated(self) -> list[str]:
        """The constraints that the design itself does not meet."""
        return list(_violated(self.problem, self.design))

    @property
    def on_the_other_side(self) -> bool:
        """Whether its experts are narrower than the least FLOPs along parameter parity, where none are ranked."""
        free = self.problem.num_experts is None and self.problem.d_expert is None
        return free and self.design.d_expert < narrowest_meant(self.problem.unknowns, self.problem.target.params)

    @property
    def paired_experts(self) -> int | None:
        """The number of experts that its width is ranked with, where that is one; None where all are, or none."""
        lattice, every = self.lattice, self.problem.prefer != "flops" or self.problem.num_experts is not None
        if lattice is None or every or self.on_the_other_side or self.design.d_expert % lattice.width_step:
            return None
        place = self.design.d_expert // lattice.width_step
        pair = lattice.paired(place, place)
        return lattice.pair(place, pair.j_low)[1] if pair else None

    @property
    def before(self) -> list[Ranked]:
        """Of the first of the Pareto front those that come before the design."""
        place = self.design.place(self.problem.prefer)
        return [pair for pair in self._ranked if pair.place(self.problem.prefer) < place]

    @property
    def _ranked(self) -> list[Ranked]:
        points = [self.lattice.pair(*point) for point in self.found.points] if self.lattice else []
        return [Ranked.of(self.problem, *pair) for pair in points]

    def argument(self) -> list[str]:
        """Why nothing comes before the best, in sentences."""
        return list(proof(self.problem, self.lattice, self.found)) if self.lattice and self.found.points else []

    def data(self) -> dict[str, Any]:
        """The `optimality` of a certificate."""
        return {
            "optimal": self.optimal,
            "violated": self.violated,
            "on_the_other_side": self.on_the_other_side,
            "paired_experts": self.paired_experts,
            "best": self.best.data() if self.best else None,
            "best_proven": self.found.proven,
            "before": [pair.data() for pair in self.before],
            "candidates": _candidates(self.lattice) if self.lattice else None,
            "exact": _exact(self.exact) if self.exact else None,
        }


def optimality(claim: Claim) -> Optimality:
    """Search for the best design of the claim's problem.

    Raises:
        InputError: a value cannot work.
    """
    problem = claim.problem
    design = Ranked.of(problem, claim.design.d_expert, claim.design.num_experts)
    try:
        check_always(problem)
    except InfeasibleError:
        return Optimality(problem, design, None, None, Search())
    lattice = problem.lattice()
    found = search(lattice, problem.prefer, MOST_BEFORE) if lattice else Search()
    return Optimality(problem, design, problem.exact, lattice, found)


def _violated(problem: Problem, design: Ranked) -> Iterator[str]:
    constraints = problem.constraints
    for name, unknown in (("experts_multiple_of", "num_experts"), ("ep", "num_experts"), ("tp", "d_expert")):
        if getattr(design, unknown) % getattr(constraints, name):
            yield name
    if design.d_expert % constraints.d_expert_multiple_of:
        yield "d_expert_multiple_of"
    if constraints.max_experts is not None and design.num_experts > constraints.max_experts:
        yield "max_experts"
    if constraints.tolerance is not None and max(abs(design.flops), abs(design.params)) > constraints.tolerance:
        yield "tolerance"
    aligned, share = constraints.alignment, Fraction(design.d_expert, constraints.tp)
    if problem.template.d_sub_token % aligned or (share.denominator == 1 and share % aligned):
        yield "profile"


def _candidates(lattice: Lattice) -> dict[str, Any]:
    i_low, i_high, j_low, j_high = lattice.whole
    (least_width, fewest), (most_width, most) = lattice.pair(i_low, j_low), lattice.pair(i_high, j_high)
    return {
        "d_expert": {"least": least_width, "most": most_width, "step": lattice.width_step},
        "num_experts": {"least": fewest, "most": most, "step": lattice.experts_step},
        "pairs": (i_high - i_low + 1) * (j_high - j_low + 1),
    }


def _exact(exact: ExactSolution) -> dict[str, str] | None:
    """The real solution, constraints aside, where it is rational."""
    point = exact.point
    if point is None or not point.rational:
        return None
    return {"d_expert": str(point.d_expert), "num_experts": str(point.num_experts)}
