"""Time several actions side by side and print the result; what every benchmark shares."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

Name = TypeVar("Name")


def median_seconds(actions: Mapping[Name, Callable[[], object]], runs: int) -> dict[Name, float]:
    """Median seconds of each action over `runs` runs, after one that does not count.

    The actions take turns, so that a slow spell of the machine hits all of them alike.
    """
    seconds: dict[Name, list[float]] = {name: [] for name in actions}
    for _ in range(1 + runs):
        for name, action in actions.items():
            start = perf_counter()
            action()
            seconds[name].append(perf_counter() - start)
    return {name: median(taken[1:]) for name, taken in seconds.items()}


def arguments(description: str | None, runs: int) -> argparse.Namespace:
    """The command line of a benchmark: `runs`, at least 1 and by default the given, and `json`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--runs", type=int, default=runs, help="runs that count, after a warm-up (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error(f"--runs {given.runs}: accepted are integers of at least 1")
    return given


def show(result: Mapping[str, Any], rows: Sequence[tuple[str, float]], verdict: str, *, as_json: bool) -> None:
    """Print `result` as JSON, or else its (name, seconds) rows as a table with the verdict below."""
    if as_json:
        print(json.dumps(result, indent=2))
        return
    width = max(len(name) for name, _ in rows)
    for name, seconds in rows:
        print(f"{name:<{width}}  {seconds * 1000:8.1f} ms")
    print(verdict)


def show_figures(result: Mapping[str, Any], verdict: str, *, as_json: bool) -> None:
    """Print `result` as JSON, or else its figures one below the other, `goals` in the words of the verdict."""
    if as_json:
        print(json.dumps(result, indent=2))
        return
    for name, value in result.items():
        if name != "goals":
            print(f"{name.replace('_', ' '):<22}{f'{value:.1f}' if isinstance(value, float) else value}")
    print(verdict)
