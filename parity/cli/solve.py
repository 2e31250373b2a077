"""`parity solve`."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from parity.cli.options import Integer, convention_option, output_options, show
from parity.cli.problem import (
    DEFAULT_BASELINE,
    Matching,
    constraint_options,
    prefer_option,
    shape_options,
    switch_options,
    target_options,
    with_constraints,
    with_target,
)
from parity.errors import InputError
from parity.ref import Found
from parity.report.solve import solve_report
from parity.solve import solve
from parity.text import flag
from parity.whole import WholeModel

if TYPE_CHECKING:
    from parity.models.description import Model

PATTERN = ("dense_first", "moe_every", "d_dense")


@click.command("solve", cls=Matching)
@target_options
@shape_options
@click.option("--num-experts", type=Integer(), help="Fix the number of experts and solve for d_expert.")
@click.option("--d-expert", type=Integer(), help="Fix d_expert and solve for the number of experts.")
@switch_options
@constraint_options
@prefer_option
@click.option("--limit", type=Integer(), default=10, show_default=True, help="The most results.")
@click.option("--whole-model", is_flag=True, help="Match the totals of the baseline, a model, and not of one layer.")
@click.option("--dense-first", type=Integer(0), help="With --whole-model: so many dense layers before the MoE layers.")
@click.option(
    "--moe-every", type=Integer(), metavar="N", help="With --whole-model: every N-th layer MoE, others dense."
)
@click.option("--d-dense", type=Integer(), help="Hidden width of such dense layers.  [default: the model's]")
@partial(convention_option, default=None)
@output_options
def command(form: str, output: str | None, whole_model: bool, convention: str | None, **given: Any) -> None:
    """Find the design that matches a baseline in FLOPs and parameters.

    With --heads and --topk given, two numbers are open: the width of an expert and the number of
    experts. Both are found exactly, and then in the best integers that the constraints allow, with
    the error that rounding costs and the proof that nothing is better.
    """
    baseline: Found | None = given["baseline"]
    model = baseline.model if baseline else None
    pattern = {name: value for name in PATTERN if (value := given.pop(name)) is not None}
    whole = _whole(model, baseline.name if baseline else DEFAULT_BASELINE, pattern) if whole_model else None
    if pattern and not whole_model:
        raise InputError(f"{flag(*next(iter(pattern.items())))} without --whole-model: accepted beside it")
    name, target, fields = with_target(given)
    constraints, fields = with_constraints(fields)
    fields["convention"] = convention or ("matmul" if whole_model else "paper")
    show(solve_report(solve(target, constraints=constraints, whole=whole, **fields), name, model), form, output)


def _whole(model: "Model | None", name: str, pattern: dict[str, int]) -> WholeModel:
    if model is None:
        raise InputError(f"--whole-model of {name}, which is one layer: accepted are models")
    from parity.models.around import whole_model

    return whole_model(model, **pattern)
