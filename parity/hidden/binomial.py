"""Expectations over how many rows an expert gets when every sub-token chooses at random.

A sub-token chooses k different experts of E, so an expert is among them with probability k / E: of n
that choose apart, it gets a binomial number. Floating point, good to nine digits; where the deviation
exceeds `WIDE` rows the normal limit stands for it.
"""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil, erfc, exp, pi, sqrt

WIDE = 1000.0
"""Deviation, in rows, above which probabilities are not added up one by one."""

REACH = 12.0
"""Deviations from the mean beyond which nothing counts."""


def expected_excess(draws: int, chance: Fraction, slots: int) -> float:
    """E max(0, rows - slots)."""
    mean, deviation = _moments(draws, chance)
    if deviation <= WIDE:
        return sum(weight * max(0, rows - slots) for rows, weight in _chances(draws, chance))
    z = (slots - mean) / deviation
    return deviation * (exp(-z * z / 2) / sqrt(2 * pi) - z * _above(z))


def expected_multiple(draws: int, chance: Fraction, tile: int) -> float:
    """E of rows rounded up to a multiple of `tile`."""
    mean, deviation = _moments(draws, chance)
    if deviation <= WIDE:
        return tile * sum(weight * -(-rows // tile) for rows, weight in _chances(draws, chance))
    if deviation > tile:  # then the remainder is as good as uniform
        return mean + (tile - 1) / 2
    first = max(0, ceil((mean - REACH * deviation) / tile))
    last = ceil((mean + REACH * deviation) / tile)
    # A tile more is needed with the probability of exceeding those before, half a row because rows are whole.
    return tile * (first + sum(_above((j * tile + 0.5 - mean) / deviation) for j in range(first, last + 1)))


def _moments(draws: int, chance: Fraction) -> tuple[float, float]:
    mean = draws * chance
    return float(mean), sqrt(mean * (1 - chance))


def _above(z: float) -> float:
    return erfc(z / sqrt(2)) / 2


def _chances(draws: int, chance: Fraction) -> Iterator[tuple[int, float]]:
    """Numbers of rows and their probabilities, relative to the likeliest and then divided by their sum."""
    if chance == 1:
        yield draws, 1.0
        return
    odds = float(chance / (1 - chance))
    mode = int((draws + 1) * chance)
    weights = {mode: 1.0}
    for step in (1, -1):
        rows, weight = mode, 1.0
        while weight > 1e-20 and 0 <= rows + step <= draws:
            weight *= (draws - rows) / (rows + 1) * odds if step == 1 else rows / (draws - rows + 1) / odds
            rows += step
            weights[rows] = weight
    total = sum(weights.values())
    yield from ((rows, weight / total) for rows, weight in weights.items())
