"""Find the design that matches a baseline in FLOPs and parameters: exactly, and in integers.

`solve` is the function behind `parity solve`.
"""

from dataclasses import dataclass
from fractions import Fraction

from parity.constraints import Constraints
from parity.conventions import Convention
from parity.cost import Cost, cost
from parity.design import MoELayer, shown
from parity.errors import InputError
from parity.exact import ExactSolution
from parity.infeasible import check_always, infeasible
from parity.lattice import Lattice, Target
from parity.problem import Problem, RawTarget, state
from parity.proof import proof
from parity.search import Prefer, Search, search
from parity.whole import WholeModel


@dataclass(frozen=True)
class Solution:
    """A design, what it costs, and its errors: (design - baseline) / baseline, exact."""

    design: MoELayer
    cost: Cost
    flops_error: Fraction
    params_error: Fraction

    @classmethod
    def of(
        cls, design: MoELayer, convention: Convention, target: Target, whole: WholeModel | None = None
    ) -> "Solution":
        """The design, or the whole model with it, against the target."""
        priced = cost(design, convention)
        if whole is not None:
            priced = whole.around(priced)
        return cls(
            design,
            priced,
            Fraction(priced.flops_per_token - target.flops_per_token, target.flops_per_token),
            Fraction(priced.params - target.params, target.params),
        )


@dataclass(frozen=True)
class SolveResult:
    """The answer to a parity problem."""

    problem: Problem
    exact: ExactSolution
    """The real solution, constraints aside."""
    solutions: tuple[Solution, ...]
    """The best, and after it the rest of the Pareto front of the two |errors| in order of preference."""
    optimal: bool
    """Whether it is proven that no ranked pair comes before the first solution."""
    complete: bool
    """Whether the front, up to the limit, was searched to its end."""
    proof: tuple[str, ...]
    """The argument for `optimal`, in sentences."""
    unconstrained: Solution | None
    """The best without constraints, where there are any."""

    @property
    def best(self) -> Solution:
        """The first solution."""
        return self.solutions[0]


def solve(
    baseline: MoELayer | RawTarget,
    *,
    heads: int,
    top_k: int,
    convention: str | Convention = "paper",
    prefer: Prefer = "flops",
    constraints: Constraints | None = None,
    num_experts: int | None = None,
    d_expert: int | None = None,
    whole: WholeModel | None = None,
    limit: int = 10,
    **fields: int | bool | str,
) -> SolveResult:
    """The designs with these heads and top-k that match `baseline`, best first.

    `fields` are fields of the design other than the baseline's; `num_experts` or `d_expert` fixes one
    of the unknowns. `convention` says how FLOPs per token and parameters are counted. `prefer` ranks by the FLOPs
    error first ("flops", one pair for each width) or by the larger of both ("balanced"); there are at most `limit`
    solutions. With `whole` (see `parity.models.around`) the totals of a model are matched, of which the
    design is every MoE layer. Under the paper convention this is eqs. 8 and 9 of arXiv:2411.16205, for any layer
    of the family.

    Raises:
        InputError: a value cannot work, or two do not go together.
        InfeasibleError: no design is left, for the constraints or because head, merge and shared experts alone reach
            the baseline; it says which, and what relaxes it.
    """
    if type(limit) is not int or limit < 1:
        raise InputError(f"limit={shown(limit)}: accepted are integers of at least 1")
    problem = state(
        baseline,
        heads=heads,
        top_k=top_k,
        convention=convention,
        prefer=prefer,
        constraints=constraints,
        num_experts=num_experts,
        d_expert=d_expert,
        whole=whole,
        **fields,
    )
    check_always(problem)
    lattice, found = _search(problem, limit)
    solutions = tuple(_solution(problem, *lattice.pair(*point)) for point in found.points)
    return SolveResult(
        problem=problem,
        exact=problem.exact,
        solutions=solutions,
        optimal=found.proven,
        complete=found.complete,
        proof=tuple(proof(problem, lattice, found)),
        unconstrained=_unconstrained(problem),
    )


def _solution(problem: Problem, d_expert: int, num_experts: int) -> Solution:
    return Solution.of(problem.design(d_expert, num_experts), problem.convention, problem.target, problem.whole)


def _search(problem: Problem, limit: int) -> tuple[Lattice, Search]:
    """The allowed pairs and the best of them; raises InfeasibleError where there are none."""
    lattice = problem.lattice()
    found = search(lattice, problem.prefer, limit) if lattice else Search()
    if lattice is None or not found.points:
        raise infeasible(problem, found.proven)
    return lattice, found


def _unconstrained(problem: Problem) -> Solution | None:
    """The best without constraints, or None where there are none."""
    if not problem.constraints.in_force():
        return None
    lattice, found = _search(problem.under(Constraints()), 1)
    return _solution(problem, *lattice.pair(*found.points[0]))
