"""`parity compare`."""

import click

from parity.cli.options import Named, Ref, output_options, show
from parity.report.layer import compare_report


@click.command("compare")
@click.argument("refs", metavar="REF REF...", type=Ref(), nargs=-1, required=True)
@output_options
def command(refs: tuple[Named, ...], form: str, output: str | None) -> None:
    """Put designs side by side; the first REF is the baseline.

    Shows their costs and errors under every convention, and how many experts a token reaches.
    """
    if len(refs) < 2:
        raise click.UsageError(f"{refs[0].name} alone cannot be compared: accepted are two designs or more")
    show(compare_report(refs), form, output)
