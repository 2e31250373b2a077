"""`parity compare`."""

from fractions import Fraction

import click

from parity.cli.options import Integer, Parsed, Ref, output_options, show
from parity.errors import InputError
from parity.hardware import Accelerator, accelerator_named
from parity.hidden.setting import Setting, parse_factor
from parity.machine import Machine, remembered
from parity.precision import ATTAINABLE
from parity.ref import Found
from parity.report.compare import compare_report


class _Factor(Parsed[Fraction]):
    name = "number"

    def read(self, name: str, text: str) -> Fraction:
        return parse_factor(name, text)


class _Accelerator(Parsed[Accelerator]):
    name = "name"

    def read(self, name: str, text: str) -> Accelerator:
        return accelerator_named(text)


DEFAULT = Setting()


@click.command("compare")
@click.argument("refs", metavar="REF REF...", type=Ref(), nargs=-1, required=True)
@click.option("--tokens", type=Integer(), default=DEFAULT.tokens, show_default=True, help="Tokens of a batch.")
@click.option(
    "--precision",
    type=click.Choice(ATTAINABLE),
    default=DEFAULT.precision,
    show_default=True,
    help="Of weights and activations.",
)
@click.option(
    "--ep",
    type=Integer(),
    default=DEFAULT.ep,
    show_default=True,
    help="Devices that experts and tokens are spread over.",
)
@click.option(
    "--capacity-factor",
    type=_Factor(),
    metavar="NUMBER",
    help="Slots of an expert over its rows under balanced routing.  [default: none, so that no row is dropped]",
)
@click.option(
    "--tile",
    type=Integer(),
    default=DEFAULT.tile,
    show_default=True,
    help="Rows that an expert's products are rounded up to a multiple of.",
)
@click.option(
    "--accelerator", "shown", type=_Accelerator(), metavar="NAME", multiple=True, help="Predict times on this one only."
)
@click.option("--measure", is_flag=True, help="Measure this machine, which takes seconds, and remember it for later.")
@output_options
def command(
    refs: tuple[Found, ...],
    tokens: int,
    precision: str,
    ep: int,
    capacity_factor: Fraction | None,
    tile: int,
    shown: tuple[Accelerator, ...],
    measure: bool,
    form: str,
    output: str | None,
) -> None:
    """Put designs side by side; the first REF is the baseline.

    Of a model it is one of its MoE layers, or of its feed-forward blocks if it is dense.

    Shows their costs and errors under every convention and how many experts a token reaches; and what
    that leaves out: bytes of weights, training states and activations, bytes moved in memory and
    between devices, padding, and the time that predicts.
    """
    if len(refs) < 2:
        raise click.UsageError(f"{refs[0].name} alone cannot be compared: accepted are two designs or more")
    setting = Setting(tokens=tokens, precision=precision, ep=ep, capacity_factor=capacity_factor, tile=tile)
    designs = [(ref.layer_name, ref.design) for ref in refs]
    for name, design in designs:
        setting.check(name, design)  # before anything is measured
    machine = _measured() if measure else remembered()
    models = {ref.layer_name: ref.model for ref in refs if ref.model}
    show(compare_report(designs, setting, machine, shown or None, models), form, output)


def _measured() -> Machine:
    """This machine measured now, and remembered where that is possible."""
    from parity.machine.figures import remember
    from parity.machine.measure import measure

    machine = measure()
    try:
        remember(machine)
    except InputError as error:
        click.echo(f"the measurement is not remembered: {error}", err=True)
    return machine
