"""`parity check`."""

import click

from parity.cli.options import output_options, show


@click.command("check")
@click.argument("file")
@output_options
@click.pass_context
def command(ctx: click.Context, file: str, form: str, output: str | None) -> None:
    """Check the certificate FILE, whoever wrote it: derive all of it again from its two designs.

    No number in it is believed and no digest. Exit status 1 if anything differs from what is derived, and
    then what; where only its informative part was changed after it was signed, its digest differs. --format
    markdown or latex gives a paragraph and tables for a paper.
    """
    from parity.certificate import check_bytes
    from parity.certificate.reading import LARGEST_CERTIFICATE
    from parity.files import open_to_read
    from parity.report.certificate import check_report

    with open_to_read(file, "certificates that `parity certify` wrote") as opened:
        data = opened.read(LARGEST_CERTIFICATE + 1)
    checked = check_bytes(data)
    show(check_report(checked), form, output)
    ctx.exit(0 if checked.holds else 1)
