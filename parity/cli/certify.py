"""`parity certify`."""

from functools import partial
from textwrap import fill
from typing import Any

import click

from parity.builtin import BUILTIN
from parity.cli.options import Integer, Ref, convention_option, emit, moe_layer_option, output_options, show
from parity.cli.problem import DEFAULT_BASELINE, constraint_options, prefer_option, with_constraints
from parity.design import MoELayer
from parity.errors import InputError
from parity.ref import Found, is_builtin
from parity.report.model import WIDTH
from parity.search import Prefer
from parity.text import flag


@click.command("certify")
@click.option("--baseline", type=Ref(), help=f"What it comes close to.  [default: {DEFAULT_BASELINE}]")
@click.argument("ref", type=Ref())
@convention_option
@constraint_options
@click.option("--num-experts", type=Integer(), help="As for solve: fixed, and not solved for.")
@click.option("--d-expert", type=Integer(), help="As for solve: fixed, and not solved for.")
@prefer_option
@click.option("--tokens", type=Integer(), default=64, show_default=True, help="Tokens to execute it on.")
@click.option(
    "--scale-down",
    type=Integer(),
    metavar="N",
    help="Execute it at 1/N of its widths.  [default: the largest scale that anyone can check]",
)
@click.option("--seed", type=Integer(0), default=0, show_default=True, help="Seed of parameters and tokens.")
@moe_layer_option
@partial(output_options, otherwise="json")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    baseline: Found | None,
    ref: Found,
    convention: str,
    prefer: Prefer,
    tokens: int,
    scale_down: int | None,
    seed: int,
    form: str,
    output: str | None,
    **given: Any,
) -> None:
    """Certify how close the design REF comes to a baseline, for anyone to check with `parity check`.

    The certificate holds both designs, exact costs and errors, where the design stands among all that the
    constraints allow, and what was executed. Of a model it is its MoE layer that is certified. Constraints are
    those of `parity solve`. --format markdown or latex gives a paragraph and tables for a paper instead.
    """
    from parity.certificate import Claim, canonical, certify, scale_that_fits
    from parity.report.certificate import certificate_report

    matched = baseline or Found(DEFAULT_BASELINE, BUILTIN[DEFAULT_BASELINE].design)
    if baseline is None and ref.design.d_model != matched.design.d_model:
        raise InputError(
            f"the design has d_model={ref.design.d_model} and {DEFAULT_BASELINE} {matched.design.d_model}: accepted is "
            "--baseline with what the design is to come close to"
        )
    constraints, unknowns = with_constraints({name: value for name, value in given.items() if value is not None})
    claim = Claim(
        baseline=matched.design,
        design=ref.design,
        convention=convention,
        prefer=prefer,
        fixed=_fixed(ref.design, unknowns),
        constraints=constraints,
        tokens=tokens,
        scale_down=scale_down or scale_that_fits(ref.design, tokens),
    )
    called = {"baseline": matched, "design": ref}
    names = {which: found.name for which, found in called.items() if is_builtin(found.name)}
    certificate = certify(claim, seed=seed, names=names)
    if form == "json":
        emit(canonical(certificate).decode("utf-8") + "\n", output)
        if output is not None:  # what has been certified, for whoever does not read JSON
            said = certificate_report(certificate).notes[:2]
            click.echo("\n\n".join(fill(note, WIDTH) for note in said), err=True)
    else:
        show(certificate_report(certificate), form, output)
    executed = certificate["executed"]
    ctx.exit(0 if executed is None or executed["equal"] else 1)


def _fixed(design: MoELayer, unknowns: dict[str, int]) -> Any:
    """The unknown that was given, which the design must have."""
    for name, value in unknowns.items():
        if value != getattr(design, name):
            raise InputError(f"{flag(name, value)}: the design has {name}={getattr(design, name)}, which is accepted")
    if len(unknowns) > 1:
        raise InputError(f"{' with '.join(flag(*item) for item in unknowns.items())}: accepted is one of them")
    return next(iter(unknowns), None)
