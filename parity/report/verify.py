"""The report of `parity verify`."""

from parity.report.model import Cell, Report, Table
from parity.text import integer
from parity.verify import GRADIENT_TOLERANCE, Half, Verification


def verify_report(name: str, done: Verification) -> Report:
    """Predicted against executed, op by op."""
    rows: list[tuple[Cell, ...]] = []
    for op in done.ops:
        rows += [(op.op, word, *_compared(half)) for word, half in (("forward", op.forward), ("backward", op.backward))]
    params = Half(done.params_predicted, done.params_allocated)
    rows.append(("parameters", "allocated", *_compared(params)))
    table = Table(
        f"{name}: FLOPs of {integer(done.tokens)} tokens, matmul convention",
        ("op", "half", "predicted", "executed", "equal"),
        tuple(rows),
        words=frozenset({0, 1, 4}),
    )
    data = {
        "verified": done.verified,
        "design": done.layer.to_dict(),
        "tokens": done.tokens,
        "params": {"predicted": done.params_predicted, "allocated": done.params_allocated},
        "ops": [{"op": op.op, "forward": vars(op.forward), "backward": vars(op.backward)} for op in done.ops],
        "gradient_error": done.gradient_error,
    }
    right = done.gradient_error <= GRADIENT_TOLERANCE
    return Report(
        data,
        (table,),
        (
            f"Largest relative error of a directional derivative in float64: {done.gradient_error:.1e}, "
            f"{'within' if right else 'beyond'} {GRADIENT_TOLERANCE:.0e}.",
            "Verified: every count is equal and the gradients are right." if done.verified else "NOT verified.",
        ),
    )


def _compared(half: Half) -> tuple[int, int, str]:
    return half.predicted, half.executed, "yes" if half.predicted == half.executed else "NO"
