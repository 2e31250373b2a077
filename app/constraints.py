"""The controls of the constraints that `solve` and `sweep` share."""

from typing import Any

from app.controls import Controls, in_pairs
from parity.constraints import MEANING, MULTIPLES_AND_BOUNDS, PROFILES
from parity.ref import parse_percent


def constraints(controls: Controls, tolerance: str = "") -> dict[str, Any]:
    """The constraints that are given, by name; `tolerance` is the percentage that the page starts with."""
    given: dict[str, Any] = {}
    places = in_pairs(len(MULTIPLES_AND_BOUNDS) + 1)
    for name in MULTIPLES_AND_BOUNDS:
        with next(places):
            given[name] = controls.integer(name, name, "", MEANING[name], placeholder="none")
    with next(places):
        text = controls.text("tolerance", "tolerance (%)", tolerance, MEANING["tolerance"], "none")
        given["tolerance"] = controls.parsed("tolerance", text, lambda percent: parse_percent("tolerance", percent))
    profile = controls.choice("profile", "profile", list(PROFILES), MEANING["profile"])
    given["profile"] = None if profile == "none" else profile
    return {name: value for name, value in given.items() if value is not None}
