"""Gradients against central differences along random directions, in float64, for any function.

If g is the gradient of f, then (f(a + e v) - f(a - e v)) / 2e tends to <g, v> for every direction v.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from reference.tally import Array

Sides = NDArray[np.bool_]

STEPS = (1e-5, 1e-6, 1e-7, 1e-8)
"""Lengths of the step, the first whose ends lie on the same side of every kink being taken."""


class Evaluated(NamedTuple):
    """The value of a function, and on which side of each of its kinks it was evaluated."""

    value: float
    sides: Sides | None = None


def gradient_errors(
    f: Callable[[], Evaluated], arrays: Mapping[str, Array], gradients: Mapping[str, Array], rng: Generator
) -> dict[str, float]:
    """Relative error of the derivative along a random direction in each array, by its name.

    `f` reads `arrays`, which are changed in place and restored. A direction is normal, so that the
    derivative is of the size of the gradient's norm, to which the error is related.

    Raises:
        TypeError: an array is not of float64.
    """
    return {name: _error(f, array, gradients[name], rng) for name, array in arrays.items()}


def _error(f: Callable[[], Evaluated], array: Array, gradient: Array, rng: Generator) -> float:
    if array.dtype != np.float64:
        raise TypeError(f"an array of {array.dtype}: accepted are arrays of float64")
    direction, before = rng.standard_normal(array.shape), array.copy()
    expected = float((gradient * direction).sum())
    here = f()
    ahead = behind = here
    try:
        for step in STEPS:
            ahead, behind = (_at(f, array, before, direction, sign * step) for sign in (1, -1))
            if all(_same(here.sides, there.sides) for there in (ahead, behind)):
                break
    finally:
        array[...] = before
    found = (ahead.value - behind.value) / (2 * step)
    size = max(abs(found), abs(expected), float(np.sqrt((gradient**2).sum())))
    return abs(found - expected) / size if size else 0.0


def _at(f: Callable[[], Evaluated], array: Array, before: Array, direction: Array, step: float) -> Evaluated:
    np.multiply(direction, step, out=array)
    array += before
    return f()


def _same(one: Sides | None, other: Sides | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
