"""`parity cost`."""

from collections.abc import Mapping
from functools import partial

import click

from parity.cli.options import Integer, Ref, convention_option, moe_layer_option, output_options, show
from parity.errors import InputError
from parity.ref import Found
from parity.report.layer import cost_report
from parity.report.model import Report
from parity.report.whole_model import model_report


@click.command("cost")
@click.argument("ref", type=Ref())
@click.option("--tokens", type=Integer(), help="Also count training on so many tokens, forward and backward.")
@click.option("--sequence-length", type=Integer(), help="Of a model, also count attention's scores in such sequences.")
@click.option(
    "--reconcile", is_flag=True, help="Explain, line by line, why others count differently: 6ND, Megatron-LM, PyTorch."
)
@moe_layer_option
@partial(convention_option, default=None)
@output_options
def command(
    ref: Found,
    tokens: int | None,
    sequence_length: int | None,
    reconcile: bool,
    convention: str | None,
    form: str,
    output: str | None,
) -> None:
    """Show what the design or model REF costs, op by op.

    REF may also be a checkpoint: a folder, its index or a safetensors file. It is counted from the headers
    of its files, and held against the config.json beside it.
    """
    given = {"--tokens": tokens, "--sequence-length": sequence_length, "--convention": convention}
    if reconcile:
        _without(given, "--tokens", "--convention", beside="--reconcile")
        report = _reconciled(ref, sequence_length)
    elif ref.checkpoint is not None:
        _without(given, *given, beside="a checkpoint")
        report = _of_checkpoint(ref, ref.checkpoint)
    else:
        report = _report(ref, tokens, sequence_length, convention)
    show(report, form, output)


def _without(given: Mapping[str, object], *flags: str, beside: str) -> None:
    for name in flags:
        if given[name] is not None:
            raise InputError(f"{name} {given[name]} with {beside}: accepted is {beside} without")


def _of_checkpoint(ref: Found, path: str) -> Report:
    from parity.models.checkpoints import read_checkpoint
    from parity.report.checkpoint import checkpoint_report

    return checkpoint_report(ref.name, read_checkpoint(path), ref.model)


def _reconciled(ref: Found, sequence_length: int | None) -> Report:
    from parity.models.builtin import builtin_models
    from parity.report.reconcile import reconcile_report

    builtin = builtin_models().get(ref.name)
    published = builtin.published_active if builtin else None
    return reconcile_report(ref.name, ref.model or ref.design, sequence_length, published)


def _report(ref: Found, tokens: int | None, sequence_length: int | None, convention: str | None) -> Report:
    if ref.model is None:
        if sequence_length is not None:
            raise InputError(f"--sequence-length {sequence_length} of a layer: accepted are whole models")
        return cost_report(ref.name, ref.design, convention or "paper", tokens, ref.beside)
    if convention not in (None, "matmul"):
        raise InputError(f"--convention {convention} of a whole model: accepted is matmul, or --moe-layer beside")
    return model_report(ref.name, ref.model, tokens, sequence_length)
