"""`parity models`."""

import click

from parity.builtin import BUILTIN
from parity.cli.options import output_options, show
from parity.report.layer import models_report


@click.command("models")
@output_options
def command(form: str, output: str | None) -> None:
    """List the built-in designs, each usable by name wherever a command takes a REF."""
    show(models_report(BUILTIN), form, output)
