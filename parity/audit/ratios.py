"""How far a design's costs are from a baseline's, in what a claim says of them."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from parity.cost import Cost

NAMES = {"flops": "FLOPs", "params": "parameters", "active_params": "active parameters", "flops at most": "FLOPs"}
"""What can be claimed, as it is called in a sentence."""

TOTALS = {"flops": "flops_per_token", "params": "params", "active_params": "active_params"}
"""The total of a cost that each quantity is."""

Ratios = Mapping[str, Fraction]
"""By quantity, the design's over the baseline's."""


def quantity(claimed: str) -> str:
    """The quantity that a claim is about."""
    return "flops" if claimed == "flops at most" else claimed


def ratios(design: Cost, baseline: Cost) -> dict[str, Fraction]:
    """Design over baseline in every quantity."""
    ours, theirs = design.totals(), baseline.totals()
    return {name: Fraction(ours[total], theirs[total]) for name, total in TOTALS.items()}


def off_by(claims: Sequence[str], found: Ratios) -> dict[str, Fraction]:
    """By how much of the baseline each claim is wrong; zero where it is right."""
    return {
        claimed: max(found["flops"] - 1, Fraction(0)) if claimed == "flops at most" else found[claimed] - 1
        for claimed in claims
    }
