"""The command line that gives what the page shows."""

import shlex
from collections.abc import Mapping
from decimal import Decimal, localcontext
from fractions import Fraction

from parity.constraints import Constraints
from parity.design import MoELayer
from parity.problem import RawTarget
from parity.ref import reference_to
from parity.text import flag

OFF = {"gated": "--ungated", "head_layer": "--no-head-layer", "merge_layer": "--no-merge-layer"}
SPELLED = {"top_k": "--topk"}


def command(name: str, baseline: MoELayer | RawTarget, options: Mapping[str, object], constraints: Constraints) -> str:
    """`parity NAME` with these options and constraints, ready for a shell; options that are None are left out."""
    if isinstance(baseline, MoELayer):
        words = ["parity", name, "--baseline", reference_to(baseline)]
    else:
        words = ["parity", name, "--target-flops", str(baseline.flops_per_token), "--target-params"]
        words += [str(baseline.params), "--d-model", str(baseline.d_model)]
    flat = {**options, **{limit: getattr(constraints, limit) for limit in constraints.in_force()}}
    for option, value in flat.items():
        if value is False:
            words.append(OFF[option])
        elif value is True:
            words.append(flag(option))
        elif value is not None:
            # A tolerance is a share; the command takes percent.
            text = _percent(value) if isinstance(value, Fraction) else str(value)
            words += [SPELLED.get(option, flag(option)), text]
    return shlex.join(words)


def _percent(share: Fraction) -> str:
    """A share that was given in decimals, in percent and in full."""
    with localcontext(prec=100):
        return f"{Decimal((share * 100).numerator) / (share * 100).denominator:f}"
