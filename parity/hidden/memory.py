"""Bytes that a layer holds: weights, gradients, AdamW's states, and what backward needs of forward."""

from decimal import Decimal
from fractions import Fraction

from parity.design import MoELayer
from parity.ledger import Op, dimensions, ops
from parity.precision import FULL_BITS, Precision

INDEX_BITS = 64
"""Bits of a number that says which expert or which row."""


def copies(op: Op) -> int:
    """How many sets of the weights that its products multiply by the op holds."""
    return int(op.params // sum(product.n * (product.k + product.biased) for product in op.products))


def weight_bits(op: Op, precision: Precision) -> Fraction | Decimal:
    """Bits of the op's weights, full-precision rest included; a Decimal only of a limit.

    Where matrices are ternary each has a scale in full precision, gate and up being two of them. Biases
    and the router stay in full precision (BitNet b1.58, arXiv:2402.17764).
    """
    params = int(op.params)
    if not precision.ternary:
        return precision.weight_bits * params
    if op.name == "router":
        return Fraction(FULL_BITS * params)
    matrices = op.products[0].n // op.products[1].k + 1 if len(op.products) > 1 else 1
    biases = int(sum(product.n for product in op.products if product.biased))
    rest = FULL_BITS * copies(op) * (matrices + biases)
    return precision.weight_bits * (params - copies(op) * biases) + rest


def weight_bytes(layer: MoELayer, precision: Precision) -> Fraction | Decimal:
    """Bytes of all weights, full-precision rest included; a Decimal only of a limit."""
    size = sum((Fraction(weight_bits(op, precision)) for op in ops(dimensions(layer))), Fraction(0)) / 8
    return size if precision.attainable else Decimal(size.numerator) / Decimal(size.denominator)


def gradient_bytes(layer: MoELayer, precision: Precision) -> Fraction:
    """Bytes of the gradients of all weights."""
    return precision.gradient_bits * _params(layer) / 8


def optimizer_bytes(layer: MoELayer, precision: Precision) -> Fraction:
    """Bytes that AdamW keeps: both moments, and full-precision weights where the layer's are narrower."""
    return Fraction(precision.optimizer_bits * _params(layer), 8)


def kept_bytes(layer: MoELayer, tokens: int, precision: Precision) -> Fraction:
    """Bytes of activations kept for backward, as the reference engine keeps them, no row dropped or padded.

    The tokens; head's output; probabilities, their sum, choices and gates of the router; the order of
    the rows and where each choice went; of each expert the hidden units and their slopes towards gate
    and up, and its outputs; the tokens as merge sees them; the shared experts' hidden units and slopes.
    What experts read is gathered again in backward, and idle experts are not listed.
    """
    x = dimensions(layer)
    decisions = x.heads * x.top_k
    values = x.d_model + x.d_latent  # what comes in, and what merge sees
    indices = 2 * decisions
    for op in ops(x):
        first, last = op.products[0], op.products[-1]
        outputs = first.count * first.n
        if op.name == "head":
            values += outputs
        elif op.name == "router":
            values += outputs + x.heads + decisions
            indices += decisions
        elif op.name in ("experts", "shared"):
            hidden = last.count * last.k
            values += outputs + hidden  # a slope towards each input matrix's output
            if op.name == "experts":
                values += last.count * last.n
    return Fraction(tokens * (values * precision.activation_bits + indices * INDEX_BITS)) / 8


def _params(layer: MoELayer) -> int:
    return int(sum(op.params for op in ops(dimensions(layer))))
