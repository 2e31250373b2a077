"""`parity explain`."""

from typing import Any

import click

from parity.cli.options import convention_option, emit, output_options
from parity.cli.problem import Matching, shape_options, switch_options, target_options, with_target


@click.command("explain", cls=Matching)
@target_options
@shape_options
@switch_options
@convention_option
@output_options
def command(form: str, output: str | None, **given: Any) -> None:
    """Derive the matching design: the equations in symbols, solved, and then in numbers."""
    from parity.explain import explain
    from parity.report.explain import FORMATS

    name, target, fields = with_target(given)
    emit(FORMATS[form](explain(target, **fields), name), output)
