"""Damaged configs of released models: how many are counted and refused, the slowest, and the peak of memory."""

import resource
from collections import Counter
from random import Random
from time import perf_counter
from typing import Any

from benchmarks.measure import arguments, show_figures
from parity.design import shown
from parity.errors import InputError
from parity.models import cost_of_model, import_config
from tests.models.mutations import mutated
from tests.models.strategies import OTHERS
from tests.models.test_fuzzed_configs import CONFIGS

CONFIGS_A_RUN = 12_000
SEQUENCE_LENGTH = 2**40
GOAL_MILLISECONDS, GOAL_MEGABYTES = 1000.0, 200.0
"""At most, for one config; at most, in all."""


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, runs=1)
    outcomes: Counter[str] = Counter()
    slowest, slowest_family = 0.0, ""
    for seed in range(given.runs * CONFIGS_A_RUN):
        random = Random(seed)
        config = mutated(random.choice(CONFIGS), OTHERS, random)
        start = perf_counter()
        outcomes[outcome_of(config)] += 1
        taken = perf_counter() - start
        if taken > slowest:
            slowest, slowest_family = taken, shown(config.get("model_type"))
    result = {
        "configs": given.runs * CONFIGS_A_RUN,
        **{outcome: outcomes[outcome] for outcome in ("accepted", "refused", "crashed")},
        "slowest_milliseconds": slowest * 1000,
        "slowest_family": slowest_family,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "goals": {"crashed": 0, "slowest_milliseconds": GOAL_MILLISECONDS, "peak_megabytes": GOAL_MEGABYTES},
    }
    goals = f"goals: none crashed; {GOAL_MILLISECONDS:g} ms at most for one; {GOAL_MEGABYTES:g} MB at most"
    show_figures(result, goals, as_json=given.json)


def outcome_of(config: dict[str, Any]) -> str:
    """What becomes of a config."""
    try:
        cost_of_model(import_config(config), SEQUENCE_LENGTH)
    except InputError:
        return "refused"
    except Exception:
        return "crashed"
    return "accepted"


if __name__ == "__main__":
    main()
