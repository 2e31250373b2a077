"""BitNet b1.58 (arXiv:2402.17764, sec. 2): ternary weights by absmean, activations of 8 bits by absmax per token.

A quantised product normalises its input (SubLN of arXiv:2310.11453, eqs. 11-12, as RMSNorm, and like there
without a learned gain), rounds it to 8 bits and multiplies it by ternary weights. The operands are held as what
they stand for, a float times a small integer, so the products are the ordinary ones. Rounding is passed
straight through (arXiv:1308.3432): a gradient goes on as if it had not been there, while products in backward
multiply what those in forward multiplied. The norm is differentiated as it is. Master weights stay what they are.

Legend: n rows of width W.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reference.memory import empty, empty_like
from reference.norm import normalized_backward, rms_norm_forward
from reference.tally import Array
from reference.threads import for_each, scratch

LEAST_SCALE = 1e-5
"""Of weights and of rows, so that zeros can be divided by it."""

LARGEST = 127
"""What the largest activation of a token is rounded to."""

HALF = 0.5 + 2**-12
"""From where on an activation is rounded up. It is more than a half, as halves are common (products of ternary
weights and rounded activations are sums of integers) and should not go by what was lost in the last bits."""


@dataclass
class Operand:
    """What enters a product: an array as it is, or normalised and rounded."""

    values: Array  # [n, W]
    normed: Array | None = None  # [n, W], before rounding
    scale: Array | None = None  # [n], that normalised

    @classmethod
    def of(cls, x: Array, bitnet: bool) -> "Operand":
        """`x` as it is; with `bitnet` room for its rounded form, to be filled in by rows."""
        return cls(empty_like(x), empty_like(x), empty((len(x),), x.dtype)) if bitnet else cls(x)

    def __getitem__(self, rows: slice) -> "Operand":
        if self.normed is None or self.scale is None:
            return Operand(self.values[rows])
        return Operand(self.values[rows], self.normed[rows], self.scale[rows])


def operand_forward(x: Array, operand: Operand) -> Array:
    """What the product multiplies: fills in `operand`, of x [n, W], where it is not x itself."""
    if operand.normed is not None and operand.scale is not None:
        rms_norm_forward(x, None, operand.normed, operand.scale)
        round_rows(operand.normed, operand.values)
    return operand.values


def operand_backward(dvalues: Array, operand: Operand) -> Array:
    """dx [n, W], in the place of dvalues."""
    if operand.normed is not None and operand.scale is not None:  # straight through the rounding
        normalized_backward(dvalues, operand.normed, operand.scale)
    return dvalues


def round_rows(x: Array, out: Array) -> None:
    """Each row of x [n, W] to 255 levels, the outermost at its largest magnitude, into out [n, W]."""
    np.abs(x, out=out)
    largest = np.maximum.reduce(out, axis=1, keepdims=True, initial=LEAST_SCALE)
    level = largest / LARGEST
    np.divide(x, level, out=out)
    out += HALF
    np.floor(out, out=out)
    out *= level


def multiplied(weights: Mapping[str, Array], bitnet: bool, gated: bool) -> Mapping[str, Array]:
    """What products multiply with: the weights, with `bitnet` ternary but for router, gains and biases."""
    if not bitnet:
        return weights
    abreast = {"qkv": 3, "w_in": 1 + gated, "shared_in": 1 + gated}
    return {
        name: w if w.ndim == 1 or name == "router" else ternary(w, abreast.get(name, 1)) for name, w in weights.items()
    }


def ternary(w: Array, abreast: int = 1) -> Array:
    """Each matrix of w [..., m, n] to -1, 0 or 1 times its mean magnitude; `abreast` of them share the n columns."""
    out = empty_like(w)
    stack = [a.reshape(-1, w.shape[-2], abreast, w.shape[-1] // abreast) for a in (w, out)]

    def work(at: tuple[int, int]) -> None:
        matrix, rounded = (a[at[0], :, at[1]] for a in stack)
        size = np.abs(matrix, out=scratch("size", matrix.shape, w.dtype))
        mean = max(float(size.mean()), LEAST_SCALE)
        np.divide(matrix, mean, out=rounded)
        np.rint(rounded, out=rounded)
        np.clip(rounded, -1, 1, out=rounded)
        rounded *= mean

    for_each([(one, part) for one in range(len(stack[0])) for part in range(abreast)], work)
    return out
