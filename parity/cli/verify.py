"""`parity verify`."""

import click

from parity.cli.options import Integer, Ref, output_options, show
from parity.ref import Found


@click.command("verify")
@click.argument("ref", type=Ref())
@click.option("--tokens", type=Integer(), default=64, show_default=True, help="Tokens to run.")
@click.option("--seed", type=Integer(0), default=0, show_default=True, help="Seed of parameters and tokens.")
@click.option("--scale-down", type=Integer(), metavar="N", help="Verify the same design at 1/N of its widths.")
@output_options
@click.pass_context
def command(
    ctx: click.Context, ref: Found, tokens: int, seed: int, scale_down: int | None, form: str, output: str | None
) -> None:
    """Execute the design REF in the reference engine, and hold the cost model against what it did.

    Exit status 1 if a count differs or a gradient is wrong.
    """
    from parity.report.verify import verify_report
    from parity.verify import scaled_down, verify

    layer = ref.design if scale_down is None else scaled_down(ref.design, scale_down)
    name = ref.name if scale_down is None else f"{ref.name} at 1/{scale_down} width"
    done = verify(layer, tokens, seed)
    show(verify_report(name, done), form, output)
    ctx.exit(0 if done.verified else 1)
