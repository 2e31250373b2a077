"""`parity solve`."""

from typing import Any

import click

from parity.cli.options import Integer, convention_option, output_options, show
from parity.cli.problem import (
    constraint_options,
    shape_options,
    switch_options,
    target_options,
    with_constraints,
    with_target,
)
from parity.report.solve import solve_report
from parity.solve import solve


@click.command("solve")
@target_options
@shape_options
@click.option("--num-experts", type=Integer(), help="Fix the number of experts and solve for d_expert.")
@click.option("--d-expert", type=Integer(), help="Fix d_expert and solve for the number of experts.")
@switch_options
@constraint_options
@click.option(
    "--prefer",
    type=click.Choice(["flops", "balanced"]),
    default="flops",
    show_default=True,
    help="Rank by the FLOPs error first, or by the larger of the two errors.",
)
@click.option("--limit", type=Integer(), default=10, show_default=True, help="The most results.")
@convention_option
@output_options
def command(form: str, output: str | None, **given: Any) -> None:
    """Find the design that matches a baseline in FLOPs and parameters.

    With --heads and --topk given, two numbers are open: the width of an expert and the number of
    experts. Both are found exactly, and then in the best integers that the constraints allow, with
    the error that rounding costs and the proof that nothing is better.
    """
    name, target, fields = with_target(given)
    constraints, fields = with_constraints(fields)
    show(solve_report(solve(target, constraints=constraints, **fields), name), form, output)
