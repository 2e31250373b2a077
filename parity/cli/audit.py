"""`parity audit`."""

import click

from parity.cli.options import output_options, show


@click.command("audit")
@click.argument("file", required=False)
@output_options
def command(file: str | None, form: str, output: str | None) -> None:
    """Check published claims of parity by computing them.

    Without a FILE, those that come with parity. Whatever the verdicts,
    the exit status is 0: that a claim does not hold is an answer.
    """
    from parity.audit import audit, builtin_claims, read_claims
    from parity.report.audit import audit_report

    claims = builtin_claims() if file is None else read_claims(file)
    show(audit_report(audit(claims)), form, output)
