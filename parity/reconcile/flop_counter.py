"""PyTorch's FlopCounterMode: what the products that it has a formula for come to, as they are launched."""

from parity.design import MoELayer
from parity.models.description import Attention, Model
from parity.reconcile.entries import entries, not_plain, score_lines, square, windowed
from parity.reconcile.result import Line, Reconciliation

COUNTER = "torch 2.13 FlopCounterMode"
SOURCE = "torch 2.13.0, torch/utils/flop_counter.py"
UNIT = "forward FLOPs per token"

WITHOUT_FORMULA = {"mm": (), "grouped_mm": ("experts",)}
"""By the product that routed experts run on, the ops that count nothing: `_grouped_mm` has no formula."""


def flop_counter(design: Model | MoELayer, sequence_length: int | None) -> tuple[Reconciliation, ...]:
    """What it counts of a forward pass with logits of every token; two numbers where there are routed experts.

    `mm`, `addmm` and `bmm` have formulas, lookups and norms none. Attention counts the whole square, masked or not:
    of `bmm`, or of a fused kernel for GPUs. The fused kernel for CPUs has no formula, and its scores count nothing.
    Nothing is said of training: backward counts twice the forward of plain products, but five for the two of a fused
    kernel, and no gradient that nothing asks for.
    """
    routed = any(entry.op == "router" for entry in entries(design))
    if not routed:
        return (_reconciliation(COUNTER, design, sequence_length, ()),)
    return tuple(
        _reconciliation(f"{COUNTER}, {product}", design, sequence_length, uncounted)
        for product, uncounted in WITHOUT_FORMULA.items()
    )


def _reconciliation(
    name: str, design: Model | MoELayer, sequence_length: int | None, uncounted: tuple[str, ...]
) -> Reconciliation:
    if isinstance(design, Model) and (reason := not_plain(design)):
        return Reconciliation(name, SOURCE, UNIT, (), absent=f"{reason}; the count depends on the kernels")
    lines = [
        Line(entry.what, entry.flops, 0, "no formula for grouped_mm")
        if entry.op in uncounted
        else Line(entry.what, entry.flops, entry.flops)
        for entry in entries(design)
        if entry.multiplied
    ]
    return Reconciliation(name, SOURCE, UNIT, (*lines, *score_lines(design, sequence_length, 1, square, _why)))


def _why(context: Attention, sequence_length: int) -> str:
    return f"the whole square, mask{' and window' if windowed(context, sequence_length) else ''} ignored"
