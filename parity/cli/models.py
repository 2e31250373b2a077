"""`parity models`."""

import click

from parity.builtin import BUILTIN
from parity.cli.options import output_options, show
from parity.models.builtin import builtin_models
from parity.report.layer import models_report


@click.command("models")
@output_options
def command(form: str, output: str | None) -> None:
    """List the built-in designs and models, each usable by name wherever a command takes a REF."""
    show(models_report(BUILTIN, builtin_models()), form, output)
