"""`parity experiment`: train the variants of a table, and report what came out."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from parity.cli.options import Integer, Parsed, output_options, show
from parity.cli.pictures import Picture, draw
from parity.design import shown
from parity.errors import INTERRUPTED, InputError

TERMINATED = 143
"""The exit status of what SIGTERM ended, as shells have it."""


@click.group("experiment")
def command() -> None:
    """Train small language models on the reference engine, to test what the paper claims.

    Variants of tables 1 to 5 of arXiv:2411.16205, scaled down by the solver so that they are at parity.
    """


class _Option(Parsed[tuple[str, str]]):
    name = "name=value"

    def read(self, name: str, text: str) -> tuple[str, str]:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier() or not value:
            raise InputError(f"{shown(text)}: accepted are options of Slurm, as in partition=small")
        return key, value


@command.command("run", short_help="Train every variant of a suite.")
@click.argument("suite", metavar="SUITE", type=click.Choice([f"table{number}" for number in range(1, 6)]))
@click.option("--out", required=True, metavar="DIR", help="Folder of the results; one of an earlier run goes on.")
@click.option(
    "--text",
    "texts",
    multiple=True,
    metavar="PATH",
    help="Train on this text, with others that are given, and evaluate on it: UTF-8 text or JSON lines with a text "
    "field, plain, .gz or .zst; Parquet; or a folder of those.  [default: the documentation of Python]",
)
@click.option(
    "--scale", type=click.Choice(["tiny", "small", "paper"]), default="tiny", show_default=True, help="How large."
)
@click.option("--seeds", type=Integer(), help="Seeds 0 to N - 1.  [default: 3]")
@click.option("--steps", type=Integer(), help="Steps of training.  [default: the scale's]")
@click.option("--checkpoint-every", type=Integer(), metavar="N", help="Steps between checkpoints.  [default: 100]")
@click.option("--workers", type=Integer(), help="Runs at once.  [default: one for each core; on Slurm, all]")
@click.option("--slurm", is_flag=True, help="Submit a Slurm job for each variant and seed, and wait for them.")
@click.option("--slurm-option", "slurm_options", type=_Option(), multiple=True, help="As partition=small or time=60.")
@click.argument("more_texts", metavar="[PATH...]", nargs=-1)
def run(
    suite: str,
    out: str,
    texts: tuple[str, ...],
    more_texts: tuple[str, ...],
    scale: str,
    seeds: int | None,
    steps: int | None,
    checkpoint_every: int | None,
    workers: int | None,
    slurm: bool,
    slurm_options: tuple[tuple[str, str], ...],
) -> None:
    """Train every variant of SUITE (table1 to table5) with every seed, and evaluate each.

    Goes on where an earlier run of the same command stopped, bit for bit. After --text several PATHs may be given.
    """
    from parity.experiments.plan import planned
    from parity.experiments.run import run_experiment
    from parity.report.experiment_progress import Display

    if more_texts and not texts:
        raise click.UsageError(f"{more_texts[0]!r} is unexpected: accepted are texts after --text")
    if slurm_options and not slurm:
        raise click.UsageError("--slurm-option without --slurm: accepted are both")
    plan = planned(suite, scale, steps, seeds, checkpoint_every)
    with _interruptible(slurm), Display(plan) as display:
        run_experiment(
            plan,
            out,
            (*texts, *more_texts),
            begin=display.begin,
            say=display.say,
            workers=workers,
            slurm=dict(slurm_options) if slurm else None,
        )
    click.echo(f"done: parity experiment report {out}", err=True)


@contextmanager
def _interruptible(slurm: bool) -> Iterator[None]:
    """Ctrl-C and SIGTERM end what is inside after it has tidied up, and are said."""

    def terminated(_signal: int, _frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminated)
    try:
        yield
    except (KeyboardInterrupt, _Terminated) as stopped:
        left = "jobs in the queue go on by themselves" if slurm else "stopped with checkpoints"
        click.echo(f"{left}: the same command goes on", err=True)
        sys.exit(TERMINATED if isinstance(stopped, _Terminated) else INTERRUPTED)
    finally:
        signal.signal(signal.SIGTERM, before)


class _Terminated(BaseException):
    """SIGTERM has come."""


@command.command("report", short_help="Show what a run left, and the verdicts.")
@click.argument("folder", metavar="DIR")
@click.option("--plot", type=Picture(), help="Draw the learning curves into FILE, as its ending says: png, svg or pdf.")
@output_options
def report(folder: str, plot: str | None, form: str, output: str | None) -> None:
    """Show what a run left in DIR: perplexities beside the published ones, paired differences, and the claims."""
    from parity.experiments.results import read_results
    from parity.report.experiment import experiment_report

    results = read_results(folder)
    if plot is not None:
        from parity.experiments.figure import learning_curves

        draw(learning_curves(results), plot)
    show(experiment_report(results), form, output)
