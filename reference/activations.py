"""Hidden units: an activation, gated by a second projection or not.

Forward leaves behind what backward multiplies with, so that backward is one product of numbers per
unit. Both go through the rows in chunks that stay in cache.

Legend: n rows, F hidden units. `pre` is [n, 2F] when gated, the gate half first, else [n, F].
"""

from collections.abc import Callable, Iterator, Mapping
from math import erf, pi, sqrt

import numpy as np

from reference.tally import Array

CHUNK = 1 << 15
"""Elements that a chunk has at most: few enough to stay in a core's cache, enough to outweigh the calls."""

_erf = np.frompyfunc(erf, 1, 1)  # exact, and slow: NumPy has no error function


def silu(x: Array, value: Array, slope: Array, spare: Array) -> None:
    """x sigma(x), and its slope sigma(x) (1 + x sigma(-x))."""
    np.exp(x, out=slope)  # where it overflows, sigma(-x) is 0, as it should be
    slope += 1
    np.divide(1, slope, out=slope)  # sigma(-x)
    np.multiply(x, slope, out=spare)  # x sigma(-x)
    np.subtract(x, spare, out=value)
    np.subtract(1, slope, out=slope)
    spare += 1
    slope *= spare


def relu(x: Array, value: Array, slope: Array, spare: Array) -> None:  # noqa: ARG001  # all have one signature
    """max(x, 0), and its slope, 0 at 0."""
    np.maximum(x, 0, out=value)
    np.greater(x, 0, out=slope, casting="unsafe")


def gelu(x: Array, value: Array, slope: Array, spare: Array) -> None:
    """x Phi(x) with the normal distribution Phi, and its slope Phi(x) + x phi(x) (arXiv:1606.08415)."""
    slope[...] = _erf(x / sqrt(2))
    slope += 1
    slope *= 0.5
    np.multiply(x, slope, out=value)
    np.multiply(x, x, out=spare)
    spare *= -0.5
    np.exp(spare, out=spare)
    spare *= x
    spare /= sqrt(2 * pi)
    slope += spare


ACTIVATIONS: Mapping[str, Callable[[Array, Array, Array, Array], None]] = {"silu": silu, "relu": relu, "gelu": gelu}
"""Each writes act(x) and act'(x) for the x it is given."""


def hidden_forward(gate: Array, up: Array | None, value: Array | None, hidden: Array, activation: str) -> None:
    """hidden = act(gate) * up, or act(gate) where there is no `up`; all [n, F].

    Overwrites `gate` with d hidden / d gate, and writes d hidden / d up, which is act(gate), into `value`.
    """
    act, (n, F) = ACTIVATIONS[activation], hidden.shape
    scratch = np.empty((2, min(n, _rows(F)), F), hidden.dtype)
    with np.errstate(over="ignore"):
        for rows in chunks(n, F):
            spare, slope = scratch[:, : rows.stop - rows.start]
            if up is None or value is None:
                act(gate[rows], hidden[rows], slope, spare)
                gate[rows] = slope
            else:
                slope = hidden[rows]  # until the product is written there
                act(gate[rows], value[rows], slope, spare)
                np.multiply(slope, up[rows], out=gate[rows])
                np.multiply(value[rows], up[rows], out=hidden[rows])


def hidden_backward(dhidden: Array, slopes: Array, dpre: Array) -> None:
    """dpre [n, 2F], the gate's half first, from dhidden [n, F] and slopes [2, n, F]; one half if ungated."""
    for half, slope in enumerate(slopes):
        F = slope.shape[1]
        np.multiply(dhidden, slope, out=dpre[:, half * F : (half + 1) * F])


def chunks(n: int, width: int) -> Iterator[slice]:
    """Slices of n rows, each of at most `CHUNK` elements (or one row)."""
    step = _rows(width)
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def _rows(width: int) -> int:
    return max(1, CHUNK // width)
