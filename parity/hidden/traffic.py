"""What passes through memory and between devices.

A product reads its two operands and writes its result, once: the least there is to move where products
are not fused with one another, but with all that comes between them.
"""

from dataclasses import dataclass
from fractions import Fraction

from parity.conventions import CONVENTIONS
from parity.design import MoELayer
from parity.hidden.memory import copies, weight_bits
from parity.hidden.rows import rows_of
from parity.hidden.setting import Setting
from parity.ledger import dimensions, ops


@dataclass(frozen=True)
class Pass:
    """One op, forward or backward, on the device with the most to do."""

    op: str
    half: str
    flops: int
    padding_flops: int
    """Besides: products with rows that hold nothing."""
    bytes_moved: Fraction


def passes(layer: MoELayer, setting: Setting) -> tuple[Pass, ...]:
    """Every op, forward and backward, under balanced routing; two FLOPs a multiply-add, the router counted.

    Backward makes two products of each: one reads the output's gradient and the weights, and one the
    input and that gradient, so that rows are moved twice and weights are read once and written once.
    """
    tokens = -(-setting.tokens // setting.ep)
    routed = rows_of(layer, setting).on_fullest_device(setting.ep)
    made: list[Pass] = []
    for op in ops(dimensions(layer)):
        if op.name == "experts":
            kept = sum(group.experts * group.kept for group in routed)
            stored = sum(group.experts * group.stored for group in routed)
            computed = sum(group.experts * group.computed for group in routed)
            touched = sum(group.experts for group in routed if group.stored)
        else:
            kept = stored = computed = tokens * int(op.products[0].count)
            touched = copies(op)
        share = Fraction(touched, copies(op))  # of the weights that are read, and get a gradient
        rows = stored * sum(product.k + product.n for product in op.products) * setting.format.activation_bits
        weights = share * Fraction(weight_bits(op, setting.format))
        backward = 2 * rows + weights + share * op.params * setting.format.gradient_bits
        flops = int(CONVENTIONS["matmul"].flops_per_token(op) // op.products[0].count)
        for half, products, bits in (("forward", 1, rows + weights), ("backward", 2, backward)):
            made.append(Pass(op.name, half, products * flops * kept, products * flops * (computed - kept), bits / 8))
    return tuple(made)


def all_to_all_bytes_per_token(layer: MoELayer, setting: Setting) -> Fraction:
    """Bytes that leave a device for each token, forward: sub-tokens to their experts and outputs back.

    Tokens and experts are spread evenly, so that of each decision's sub-token and output the share
    (ep - 1) / ep has to leave. Backward sends as much again. What is dropped does not travel; slots that
    stay empty, expert numbers and gates are not counted.
    """
    decisions = Fraction(rows_of(layer, setting).kept, setting.tokens)
    there_and_back = 2 * layer.d_sub_token * setting.format.activation_bits / 8
    return decisions * there_and_back * Fraction(setting.ep - 1, setting.ep)
