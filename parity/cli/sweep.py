"""`parity sweep`."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import Any

import click

from parity.cli.options import Among, Words, convention_option, output_options, show
from parity.cli.pictures import Picture, draw
from parity.cli.problem import (
    Matching,
    constraint_options,
    switch_options,
    target_options,
    with_constraints,
    with_target,
)
from parity.design import CHOICES, MEANING
from parity.errors import INTERRUPTED, InputError
from parity.files import whole_file, write_whole


@click.command("sweep", cls=Matching)
@target_options
@click.option("--heads", type=Among(), default="1-16", show_default=True, help=MEANING["heads"])
@click.option("--topk", "top_k", type=Among(), default="1-8", show_default=True, help=MEANING["top_k"])
@click.option("--d-expert", type=Among(), help=MEANING["d_expert"] + "  [default: any]")
@click.option("--num-experts", type=Among(), help=MEANING["num_experts"] + "  [default: any]")
@click.option("--granularity", type=Among(), help="Instead of --d-expert: the baseline's d_expert over the design's.")
@click.option("--d-latent", type=Among(), help=MEANING["d_latent"])
@click.option("--num-shared-experts", type=Among(0), help=MEANING["num_shared_experts"])
@click.option("--d-shared", type=Among(0), help=MEANING["d_shared"])
@click.option("--expert-pool", type=Words(), help=f"Of {', '.join(CHOICES['expert_pool'])}, one or both.")
@switch_options
@constraint_options
@click.option(
    "--objectives",
    type=Words(),
    default="flops_error,params_error",
    show_default=True,
    help="What the frontier is over: also flops, params, active_params, router_share. The less the better.",
)
@click.option("--plot", type=Picture(), help="Draw the frontier into FILE, as its ending says: png, svg or pdf.")
@convention_option
@partial(output_options, also=("parquet",))
def command(form: str, output: str | None, plot: str | None, **given: Any) -> None:
    """List every integer design inside the ranges whose costs are within the tolerance of a baseline.

    Ranges are 1-16, lists 1,2,4, or both; heads that do not divide the width are passed over. The
    tolerance is 1 % unless --tolerance says otherwise. A table or JSON has the frontiers, overall and by
    heads, top-k and pool; CSV and Parquet have every design. Ctrl-C leaves what was found until then.
    """
    from parity.report.sweep import designs_as_csv, designs_as_parquet, sweep_report
    from parity.sweep import nearest, sweep

    if form == "parquet" and output is None:
        raise InputError("--format parquet is not text: accepted with --output FILE")
    name, target, asked = with_target(given)
    constraints, asked = with_constraints(asked)
    asked["constraints"] = constraints
    with _progress() as progress:
        result = sweep(target, keep=form in ("csv", "parquet"), progress=progress, **asked)
    closest = None if result.feasible or result.partial else nearest(target, **asked)
    report = sweep_report(result, name, closest)
    if form == "csv":
        _write(designs_as_csv(result), output)
    elif form == "parquet" and output is not None:
        write_whole(output, designs_as_parquet(result))
        click.echo(f"wrote {output}", err=True)
    else:
        show(report, form, output)
    if plot is not None and result.feasible:
        draw(result.figure(), plot)
    if result.partial or not result.feasible:
        if form != "table":
            click.echo(" ".join(report.notes[:2] if closest else report.notes[:1]), err=True)
        sys.exit(INTERRUPTED if result.partial else 1)


def _write(parts: Iterator[str], output: str | None) -> None:
    if output is None:
        for part in parts:
            click.echo(part, nl=False)
        return
    with whole_file(output) as file:
        file.writelines(part.encode("utf-8") for part in parts)
    click.echo(f"wrote {output}", err=True)


@contextmanager
def _progress() -> Iterator[Callable[[float, int], None]]:
    """A progress bar with a rate on a terminal, and nothing elsewhere."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.fields[state]}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, state="looking for what can be feasible")
        start = monotonic()

        def show_progress(share: float, examined: int) -> None:
            rate = examined / max(monotonic() - start, 1e-9)
            bar.update(task, completed=share, state=f"{examined:,} designs, {rate / 1e6:.1f} million a second")

        yield show_progress
