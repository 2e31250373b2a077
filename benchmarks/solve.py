"""Seconds that `parity.solve` takes in process, on a large layer under every profile, convention and preference."""

from functools import partial
from itertools import product
from typing import get_args

from benchmarks.measure import arguments, median_seconds, show
from parity import Constraints, MoELayer, SolveResult, solve
from parity.constraints import PROFILES
from parity.conventions import CONVENTIONS
from parity.search import Prefer

GOAL_SECONDS = 0.05
"""At most, in each case."""

BASELINE = MoELayer(d_model=7168, d_expert=2048, num_experts=384, top_k=8)
"""The routed experts of Kimi K2."""


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, runs=20)
    cases = product(PROFILES, CONVENTIONS, get_args(Prefer))
    seconds = median_seconds({case: partial(solve_case, *case) for case in cases}, given.runs)
    slowest = max(seconds.values())
    show(
        {
            "runs": given.runs,
            "cases": [
                {"profile": profile, "convention": convention, "prefer": prefer, "seconds": taken}
                for (profile, convention, prefer), taken in seconds.items()
            ],
            "slowest_seconds": slowest,
            "goal_seconds": GOAL_SECONDS,
        },
        [(" ".join(case), taken) for case, taken in seconds.items()],
        f"slowest {slowest * 1000:.1f} ms, goal at most {GOAL_SECONDS * 1000:.0f} ms; medians of {given.runs}",
        as_json=given.json,
    )


def solve_case(profile: str, convention: str, prefer: Prefer) -> SolveResult:
    """Solve one case, with experts spread over 64 ranks."""
    constraints = Constraints(ep=64, profile=profile)
    return solve(BASELINE, heads=8, top_k=8, convention=convention, prefer=prefer, constraints=constraints)


if __name__ == "__main__":
    main()
