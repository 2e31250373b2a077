"""Why nothing is feasible: which constraint forbids it, and what would relax it."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from parity.constraints import PROFILES, Constraints
from parity.errors import InfeasibleError
from parity.problem import Problem
from parity.search import search
from parity.text import flag, integer, percent, percent_at_least

ON_WIDTHS = ("d_expert_multiple_of", "tp", "profile")
ON_EXPERTS = ("experts_multiple_of", "ep")


def check_always(problem: Problem) -> None:
    """Refuse where head, merge and shared experts alone reach the baseline.

    Raises:
        InfeasibleError: they do, in FLOPs or in parameters.
    """
    always, target, design = problem.unknowns.always, problem.target, problem.template
    for spent, reached, what in (
        (always.flops_per_token, target.flops_per_token, "FLOPs per token"),
        (always.params, target.params, "parameters"),
    ):
        if spent < reached:
            continue
        relief = ["a larger baseline"]
        if design.head_layer and design.merge_layer:
            relief.append("a smaller --d-latent")
        relief += [f"--no-{name}-layer" for name in ("head", "merge") if getattr(design, f"{name}_layer")]
        if design.num_shared_experts:
            relief.append("fewer or narrower shared experts")
        takes = "take" if len(always.rows) > 1 else "takes"
        names = " and ".join(row.op for row in always.rows)
        raise InfeasibleError(
            f"no design is feasible: {names} alone {takes} {integer(spent)} {what} "
            f"and the baseline has {integer(reached)}, which leaves nothing for routed experts. "
            f"What would relax it: {', '.join(relief)}"
        )


def infeasible(problem: Problem, proven: bool) -> InfeasibleError:
    """The error for a problem whose constraints leave nothing, or nothing that was found where not proven."""
    reasons = list(_forbidden(problem)) or list(_outside_tolerance(problem))
    doubt = "" if proven else " (no allowed pair was found before the search was given up)"
    return InfeasibleError(f"no design is feasible{doubt}: {'; '.join(reasons)}")


def _forbidden(problem: Problem) -> Iterator[str]:
    """Each constraint that leaves nothing whatever the tolerance."""
    constraints, width = problem.constraints, problem.template.d_sub_token
    if width % constraints.alignment:
        fitting = [flag("profile", name) for name, alignment in PROFILES.items() if width % alignment == 0]
        yield (
            f"--profile {constraints.profile} wants the sub-token width to be a multiple of {constraints.alignment}, "
            f"and with heads={problem.template.heads} it is {width}, which fits {', '.join(fitting)}"
        )
    given = (("d_expert", problem.d_expert, ON_WIDTHS), ("num_experts", problem.num_experts, ON_EXPERTS))
    for name, value, causes in given:
        step = constraints.width_step if name == "d_expert" else constraints.experts_step
        if value is not None and value % step:
            below = value // step * step
            nearest = " and ".join(str(multiple) for multiple in (below, below + step) if multiple)
            cause = _because(constraints, causes)
            yield f"{name}={value} is not a multiple of {step}{cause}; the nearest allowed: {nearest}"
    fewest = problem.num_experts or -(-problem.template.top_k // constraints.experts_step) * constraints.experts_step
    if constraints.max_experts is not None and fewest > constraints.max_experts:
        yield (
            f"--max-experts {constraints.max_experts} forbids num_experts={fewest}, the fewest for "
            f"top_k={problem.template.top_k}{_because(constraints, ON_EXPERTS)}; --max-experts {fewest} would admit it"
        )


def _because(constraints: Constraints, causes: Sequence[str]) -> str:
    """The constraints among `causes` that are in force, as flags in brackets."""
    in_force = [flag(name, getattr(constraints, name)) for name in constraints.in_force() if name in causes]
    return f" ({' '.join(in_force)})" if in_force else ""


def _outside_tolerance(problem: Problem) -> Iterator[str]:
    """The tolerance forbids: the least that would do, and what dropping another constraint gives."""
    constraints = problem.constraints
    nearest = _best(replace(problem, prefer="balanced", constraints=constraints.without("tolerance")))
    if nearest is not None:
        given = percent_at_least(Fraction(constraints.tolerance or 0))
        yield (
            f"the tolerance of {given}% forbids every pair; the closest is {nearest.described}, "
            f"which --tolerance {percent_at_least(nearest.larger_error)} would admit"
        )
    for name in constraints.in_force():
        found = None if name == "tolerance" else _best(problem.under(constraints.without(name)))
        if found is not None:
            yield f"without {flag(name, getattr(constraints, name))}, {found.described} is within it"


class _Found:
    """The best pair under some constraints, for a message."""

    def __init__(self, pair: tuple[int, int], flops: Fraction, params: Fraction) -> None:
        self.larger_error = max(abs(flops), abs(params))
        self.described = (
            f"d_expert={pair[0]} with num_experts={pair[1]} (FLOPs {percent(flops)}, parameters {percent(params)})"
        )


def _best(problem: Problem) -> _Found | None:
    lattice = problem.lattice()
    if lattice is None or not (points := search(lattice, problem.prefer, 1).points):
        return None
    flops, params = lattice.differences(*points[0])
    target = lattice.target
    return _Found(lattice.pair(*points[0]), Fraction(flops, target.flops_per_token), Fraction(params, target.params))
