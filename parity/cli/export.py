"""`parity export`."""

from typing import Any

import click

from parity.cli.options import Integer, Ref, moe_layer_option, output_options, show
from parity.exporters import ACTIVATIONS, TARGETS, Computation, export_found, files_in
from parity.ref import Found
from parity.report.export import export_report


@click.command("export")
@click.argument("ref", type=Ref())
@click.argument("folder", metavar="DIR")
@click.option("--to", "target", type=click.Choice(list(TARGETS)), required=True, help="What is to load it.")
@click.option("--host", type=Ref(), metavar="MODEL", help="With --to hf: the model whose MoE layers are replaced.")
@click.option("--ep", type=Integer(), default=1, show_default=True, help="With --to megatron: ranks for the experts.")
@click.option(
    "--renormalize/--no-renormalize",
    default=True,
    show_default=True,
    help="Whether the chosen gates are divided by their sum, with a top-k above 1.",
)
@click.option(
    "--activation", type=click.Choice(ACTIVATIONS), help="Of the experts.  [default: silu if gated, relu if not]"
)
@moe_layer_option
@output_options
def command(
    ref: Found,
    folder: str,
    target: str,
    host: Found | None,
    ep: int,
    renormalize: bool,
    activation: Any,
    form: str,
    output: str | None,
) -> None:
    """Write the design or model REF into the folder DIR, in the form that other software loads.

    design.json beside it is the design again, for any command of parity. A target that cannot express the design is
    refused, and nothing is written. In a folder that exists nothing is overwritten.
    """
    made = export_found(ref, target, Computation(renormalize, activation), host=host, ep=ep)
    with files_in(folder, made.files):
        show(export_report(ref.name, folder, made), form, output)
