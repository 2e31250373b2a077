"""The sweep: designs a second of its evaluator, seconds and memory of a whole command, and how time grows."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.measure import arguments, median_seconds
from parity import Constraints, MoELayer, cost
from parity.conventions import CONVENTIONS
from parity.lattice import Target
from parity.sweep import errors, evaluate, sweep

GOAL_DESIGNS_PER_SECOND, GOAL_SECONDS, GOAL_MEGABYTES = 20e6, 2.0, 300.0
"""At least, at most, at most."""
DESIGNS = 4_000_000

BASELINE = MoELayer(d_model=7168, d_expert=2048, num_experts=256, top_k=8, num_shared_experts=1, d_shared=2048)
"""The MoE layer of DeepSeek-V3."""


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, runs=5)
    result = {
        "runs": given.runs,
        "goals": {
            "designs_per_second": GOAL_DESIGNS_PER_SECOND,
            "seconds": GOAL_SECONDS,
            "megabytes": GOAL_MEGABYTES,
        },
        # First, while this process is small: a child's peak of memory begins with its parent's.
        "command": [whole_command(convention, given.runs) for convention in CONVENTIONS],
        "evaluator": evaluator(given.runs),
        "more_feasible": growth([{"tolerance": percent} for percent in (1, 2, 4, 8)], given.runs),
        "more_volume": growth([{"widest": 10**power, "most": 10**power} for power in (5, 8, 11, 14)], given.runs),
    }
    if given.json:
        print(json.dumps(result, indent=2))
        return
    for title in ("command", "evaluator", "more_feasible", "more_volume"):
        print(title.replace("_", " "))
        for row in result[title]:
            print("  " + "  ".join(f"{name} {_shown(value)}" for name, value in row.items()))
    print(
        f"goals: {GOAL_DESIGNS_PER_SECOND:,.0f} designs a second at least; {GOAL_SECONDS:g} s and "
        f"{GOAL_MEGABYTES:g} MB at most for the command; medians of {given.runs}"
    )


def evaluator(runs: int) -> list[dict[str, Any]]:
    """Costs and errors of random designs, of which everything differs that a sweep ranges over."""
    rng = np.random.default_rng(0)
    heads = 2 ** rng.integers(0, 5, DESIGNS)
    columns = {
        "heads": heads,
        "top_k": rng.integers(1, 17, DESIGNS),
        "d_expert": rng.integers(64, 4_097, DESIGNS),
        "num_experts": rng.integers(16, 1_025, DESIGNS),
    }
    wider = columns | {"d_latent": heads * rng.integers(64, 513, DESIGNS), "d_shared": rng.integers(64, 4_097, DESIGNS)}
    template = MoELayer(
        d_model=7168, heads=2, d_expert=1, num_experts=16, top_k=1, d_latent=128, num_shared_experts=1, d_shared=64
    )
    cases = {
        (convention, len(chosen)): partial(_evaluate, template, chosen, convention)
        for convention in CONVENTIONS
        for chosen in (columns, wider)
    }
    seconds = median_seconds(cases, runs)
    return [
        {"convention": convention, "columns": number, "designs_per_second": DESIGNS / taken}
        for (convention, number), taken in seconds.items()
    ]


def _evaluate(template: MoELayer, columns: dict[str, Any], convention: str) -> None:
    baseline = cost(BASELINE, convention)
    errors(evaluate(template, columns, convention), Target(baseline.flops_per_token, baseline.params))


def whole_command(convention: str, runs: int) -> dict[str, Any]:
    """`parity sweep` from start to end, in a process of its own."""
    fields = ",".join(f"{name}={value}" for name, value in BASELINE.to_dict().items() if type(value) is int)
    ranges = ("--baseline", fields, "--heads", "1-16", "--topk", "1-16", "--tolerance", "2")
    command = (sys.executable, "-m", "parity.cli", "sweep", *ranges, "--convention", convention, "--format", "json")
    seconds, megabytes, answer = [], [], b""
    for _ in range(1 + runs):
        start = perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            answer = process.stdout.read() if process.stdout else b""
            _, _, usage = os.wait4(process.pid, 0)
        seconds.append(perf_counter() - start)
        megabytes.append(usage.ru_maxrss / 1024)
    return {
        "convention": convention,
        "seconds": median(seconds[1:]),
        "megabytes": max(megabytes),
        "feasible": json.loads(answer)["feasible"],
    }


def growth(sizes: list[dict[str, int]], runs: int) -> list[dict[str, Any]]:
    """The same sweep in process at several sizes, with seconds for a million feasible designs."""
    rows = []
    for size in sizes:
        act = partial(_sweep, **size)
        feasible = act()
        seconds = median_seconds({"sweep": act}, runs)["sweep"]
        per_million = seconds / feasible * 1e6
        rows.append({**size, "feasible": feasible, "seconds": seconds, "seconds_per_million": per_million})
    return rows


def _sweep(tolerance: int = 2, widest: int = 10**6, most: int = 10**6) -> int:
    return sweep(
        BASELINE,
        heads="1-16",
        top_k="1-16",
        d_expert=range(1, widest + 1),
        num_experts=range(1, most + 1),
        constraints=Constraints(tolerance=Fraction(tolerance, 100)),
        keep=False,
    ).feasible


def _shown(value: float | str) -> str:
    return (
        value if isinstance(value, str) else f"{value:,.0f}" if value >= 1000 or value == int(value) else f"{value:.3f}"
    )


if __name__ == "__main__":
    main()
