"""`parity cost`."""

import click

from parity.cli.options import Integer, Named, Ref, convention_option, output_options, show
from parity.report.layer import cost_report


@click.command("cost")
@click.argument("ref", type=Ref())
@click.option("--tokens", type=Integer(), help="Also count training on so many tokens, forward and backward.")
@convention_option
@output_options
def command(ref: Named, tokens: int | None, convention: str, form: str, output: str | None) -> None:
    """Show what the design REF costs, op by op."""
    show(cost_report(ref.name, ref.design, convention, tokens), form, output)
