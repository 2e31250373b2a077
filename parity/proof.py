"""The argument that no ranked pair comes before the first solution, in sentences."""

from collections.abc import Iterator
from fractions import Fraction

from parity.exact import Point
from parity.lattice import Lattice
from parity.problem import Problem
from parity.search import Search
from parity.text import counted, integer, number, percent_at_least


def proof(problem: Problem, lattice: Lattice, found: Search) -> Iterator[str]:
    """What is allowed, what was bounded, how many candidates were examined, and what follows."""
    i_low, i_high, j_low, j_high = lattice.whole
    width_low, experts_low = lattice.pair(i_low, j_low)
    width_high, experts_high = lattice.pair(i_high, j_high)
    widths = _steps("d_expert", width_low, width_high, lattice.width_step)
    experts = _steps("num_experts", experts_low, experts_high, lattice.experts_step)
    pairs = (i_high - i_low + 1) * (j_high - j_low + 1)
    yield f"Candidates are {widths} and {experts}: {integer(pairs)} {'pair' if pairs == 1 else 'pairs'}."
    if width_low > lattice.width_step and problem.d_expert is None:
        yield (
            f"Experts narrower than {integer(width_low)} lie beyond the least FLOPs along parameter parity, "
            "on the side of the other solution, and are not ranked."
        )
    yield "Larger ones lose to these: both costs reach the baseline's there and only grow."
    if problem.constraints.tolerance is not None:
        yield f"Pairs with an error beyond {percent_at_least(problem.constraints.tolerance)}% are not allowed."
    if problem.prefer == "flops" and problem.num_experts is None:
        yield "Each width is paired with the allowed number of experts nearest to parameter parity."
    how = "the most promising first" if found.proven else "and then the search was given up"
    yield (
        "FLOPs and parameters grow with both unknowns, so over a box of pairs both errors are at least what its two "
        f"corners allow. {counted(found.pairs_examined, 'single pair')} and "
        f"{counted(found.boxes_bounded, 'box', 'es')} holding all the others were examined, {how}."
    )
    best = lattice.pair(*found.points[0])
    flops, params = lattice.differences(*found.points[0])
    name = f"d_expert={best[0]}, num_experts={best[1]}"
    if not found.proven:
        yield f"It is not proven that nothing comes before {name}: too many pairs are too close to one another."
    elif not flops and not params:
        yield f"{name} has no error at all, so nothing is better."
    else:
        yield f"Every box left is bounded to come after {name}, so no allowed pair comes before it."
    point = problem.exact.point
    if point is not None:
        solution = f"d_expert={number(point.d_expert)}, num_experts={number(point.num_experts)}"
        if point == Point(*map(Fraction, best)):
            yield "It is the exact solution."
        else:
            yield f"The exact solution, constraints aside, is {solution}."


def _steps(name: str, low: int, high: int, step: int) -> str:
    if low == high:
        return f"{name}={integer(low)}"
    return f"{name} from {integer(low)} to {integer(high)}" + (f" in steps of {integer(step)}" if step > 1 else "")
