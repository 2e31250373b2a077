"""Number formats as data: bits of a weight, of an activation, and at which rate products of them run."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from parity.errors import InputError

FULL_BITS = 32
"""Bits of what stays in full precision: AdamW's states, and what BitNet does not make ternary."""

Bits = Fraction | Decimal


@dataclass(frozen=True)
class Precision:
    """A format in which a layer is stored and multiplied.

    Block scales are counted as the share of a scale that each number has; that a last block may be
    partly empty is not. `arithmetic` names the rate of an accelerator at which products run: nothing
    in `parity.hardware` multiplies ternary weights, so they are unpacked to bfloat16.
    """

    name: str
    weight_bits: Bits
    activation_bits: Fraction
    gradient_bits: Fraction
    arithmetic: str
    about: str
    ternary: bool = False
    """Whether router and scales stay at `FULL_BITS`, one scale a weight matrix (BitNet b1.58, arXiv:2402.17764)."""

    @property
    def attainable(self) -> bool:
        """Whether weights can be stored so, rather than that being a limit of information."""
        return isinstance(self.weight_bits, Fraction)

    @property
    def optimizer_bits(self) -> int:
        """AdamW's two moments of a parameter, and the full-precision copy it updates where weights are narrower."""
        return 2 * FULL_BITS + (0 if self.weight_bits == FULL_BITS else FULL_BITS)


def _ternary(name: str, weight_bits: Bits, about: str) -> Precision:
    return Precision(name, weight_bits, Fraction(8), Fraction(16), "bfloat16", about, ternary=True)


PRECISIONS: Mapping[str, Precision] = {
    precision.name: precision
    for precision in (
        Precision("float32", Fraction(32), Fraction(32), Fraction(32), "float32", "IEEE single precision"),
        Precision(
            "bfloat16", Fraction(16), Fraction(16), Fraction(16), "bfloat16", "8 bits of exponent, 7 of mantissa"
        ),
        Precision("fp8", Fraction(8), Fraction(8), Fraction(16), "fp8", "8 bits, a scale a tensor (not counted)"),
        Precision("mxfp8", Fraction(33, 4), Fraction(33, 4), Fraction(16), "mxfp8", "fp8 and an 8-bit scale per 32"),
        _ternary("ternary-unpacked", Fraction(2), "-1, 0, 1 in two bits each"),
        _ternary("ternary-packed", Fraction(8, 5), "five of -1, 0, 1 in a byte, as 3^5 = 243 is less than 256"),
        _ternary("ternary-limit", Decimal(3).ln() / Decimal(2).ln(), "log2(3) bits, the information limit of ternary"),
    )
}
"""Every precision by name, the wider before the narrower."""

ATTAINABLE = tuple(name for name, precision in PRECISIONS.items() if precision.attainable)
"""Those in which a layer can be stored."""


def precision_named(name: str) -> Precision:
    """The precision of that name, of those that can be attained.

    Raises:
        InputError: there is none.
    """
    if name not in ATTAINABLE:
        raise InputError(f"precision={name!r}: accepted are {', '.join(ATTAINABLE)}")
    return PRECISIONS[name]
