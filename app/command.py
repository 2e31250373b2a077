"""The command line that gives what the page shows."""

import shlex
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

from app.designs import Baseline
from parity.constraints import Constraints
from parity.problem import RawTarget
from parity.text import flag

OFF = {"gated": "--ungated"}
"""What switches off, where it is not the flag with `no` before it."""
SPELLED = {"top_k": "--topk"}


def command(
    name: str,
    baseline: Baseline,
    options: Mapping[str, object],
    constraints: Constraints,
    arguments: Sequence[str] = (),
) -> str:
    """`parity NAME` with options, constraints and arguments, ready for a shell; an option that is None is left out."""
    target = baseline.target
    if isinstance(target, RawTarget):
        words = ["parity", name, "--target-flops", str(target.flops_per_token), "--target-params"]
        words += [str(target.params), "--d-model", str(target.d_model)]
    else:
        words = ["parity", name, "--baseline", baseline.ref, *(["--moe-layer"] if baseline.layer_alone else [])]
    flat = {**options, **{limit: getattr(constraints, limit) for limit in constraints.in_force()}}
    for option, value in flat.items():
        if value is False:
            words.append(OFF.get(option, flag(f"no_{option}")))
        elif value is True:
            words.append(flag(option))
        elif value is not None:
            # A tolerance is a share; the command takes percent.
            text = _percent(value) if isinstance(value, Fraction) else str(value)
            words += [SPELLED.get(option, flag(option)), text]
    return shlex.join([*words, *arguments])


def _percent(share: Fraction) -> str:
    """A share that was given in decimals, in percent and in full."""
    with localcontext(prec=100):
        return f"{Decimal((share * 100).numerator) / (share * 100).denominator:f}"
