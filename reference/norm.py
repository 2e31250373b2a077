"""RMSNorm of rows, forward and backward (arXiv:1910.07467, eq. 4).

Legend: n rows of width D, in one task; T rows, shared among tasks.
"""

import numpy as np

from reference.memory import empty_like
from reference.tally import Array
from reference.threads import blocks, for_each, scratch

EPSILON = 1e-6
"""Added to the mean square, so that a row of zeros stays one."""


def rms_norm_forward(x: Array, gain: Array | None, y: Array, scale: Array) -> None:
    """y = x * scale * gain, with scale [n] = 1 / sqrt(mean of x^2 + epsilon); without `gain` [D], of ones."""
    np.multiply(x, x, out=y)
    np.add.reduce(y, axis=1, out=scale)
    scale /= x.shape[1]
    scale += EPSILON
    np.sqrt(scale, out=scale)
    np.divide(1, scale, out=scale)
    np.multiply(x, scale[:, None], out=y)
    if gain is not None:
        y *= gain


def rms_norm_backward(dy: Array, x: Array, gain: Array, scale: Array, dx: Array) -> Array:
    """Adds to dx [n, D]; dgain [D]."""
    normed = np.multiply(x, scale[:, None], out=scratch("normed", x.shape, x.dtype))
    dnormed = np.multiply(dy, normed, out=scratch("dnormed", x.shape, x.dtype))
    dgain: Array = np.add.reduce(dnormed, axis=0)
    np.multiply(dy, gain, out=dnormed)
    normalized_backward(dnormed, normed, scale)
    dx += dnormed
    return dgain


def normalized_backward(dnormed: Array, normed: Array, scale: Array) -> None:
    """Turns dnormed [n, D] into dx = scale * (dnormed - normed * mean of dnormed * normed)."""
    along = np.multiply(dnormed, normed, out=scratch("along", normed.shape, normed.dtype))
    mean = np.add.reduce(along, axis=1)
    mean /= normed.shape[1]
    np.multiply(normed, mean[:, None], out=along)
    dnormed -= along
    dnormed *= scale[:, None]


def norm_forward(x: Array, gain: Array) -> tuple[Array, Array]:
    """y [T, D] and scale [T]."""
    y, scale = empty_like(x), np.empty(len(x), x.dtype)
    for_each(blocks(len(x)), lambda rows: rms_norm_forward(x[rows], gain, y[rows], scale[rows]))
    return y, scale


def norm_backward(dy: Array, x: Array, gain: Array, scale: Array, dx: Array) -> Array:
    """Adds to dx [T, D]; dgain [D]."""
    tasks = blocks(len(x))
    dgain = np.empty((len(tasks), x.shape[1]), x.dtype)

    def work(task: int) -> None:
        rows = tasks[task]
        dgain[task] = rms_norm_backward(dy[rows], x[rows], gain, scale[rows], dx[rows])

    for_each(range(len(tasks)), work)
    total: Array = dgain.sum(axis=0)
    return total
