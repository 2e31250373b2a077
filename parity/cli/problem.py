"""The options that state a parity problem, shared by the commands that solve one."""

from collections.abc import Callable
from typing import Any

import click

from parity.builtin import BUILTIN
from parity.cli.options import Integer, Percent, Ref, moe_layer_option
from parity.constraints import MEANING as MEANING_OF_CONSTRAINTS
from parity.constraints import MULTIPLES_AND_BOUNDS, PROFILES, Constraints
from parity.design import CHOICES, MEANING, MoELayer, shown
from parity.errors import InputError
from parity.problem import RawTarget
from parity.ref import Found
from parity.text import flag

DEFAULT_BASELINE = "paper-smoe"

_Function = Callable[..., Any]

_TARGET = [
    click.option("--baseline", type=Ref(), help=f"The design to match.  [default: {DEFAULT_BASELINE}]"),
    click.option("--target-flops", type=Integer(), help="Instead of a baseline: forward FLOPs per token to match."),
    click.option("--target-params", type=Integer(), help="Instead of a baseline: parameters to match."),
    click.option("--d-model", type=Integer(), help=MEANING["d_model"]),
]

_SHAPE = [
    click.option("--heads", type=Integer(), required=True, help=MEANING["heads"]),
    click.option("--topk", "top_k", type=Integer(), required=True, help=MEANING["top_k"]),
    click.option("--d-latent", type=Integer(), help=MEANING["d_latent"]),
    click.option("--num-shared-experts", type=Integer(0), help=MEANING["num_shared_experts"]),
    click.option("--d-shared", type=Integer(0), help=MEANING["d_shared"]),
    click.option("--expert-pool", type=click.Choice(CHOICES["expert_pool"]), help=MEANING["expert_pool"]),
]

_SWITCHES = [
    click.option("--gated/--ungated", default=None, help=MEANING["gated"]),
    click.option("--head-layer/--no-head-layer", default=None, help=MEANING["head_layer"]),
    click.option("--merge-layer/--no-merge-layer", default=None, help=MEANING["merge_layer"]),
    click.option("--projection-bias/--no-projection-bias", default=None, help=MEANING["projection_bias"]),
    click.option("--router-input", type=click.Choice(CHOICES["router_input"]), help=MEANING["router_input"]),
]

_CONSTRAINTS = [
    *(click.option(flag(name), type=Integer(), help=MEANING_OF_CONSTRAINTS[name]) for name in MULTIPLES_AND_BOUNDS),
    click.option("--tolerance", type=Percent(), metavar="PERCENT", help=MEANING_OF_CONSTRAINTS["tolerance"]),
    click.option("--profile", type=click.Choice(list(PROFILES)), help=MEANING_OF_CONSTRAINTS["profile"]),
]


prefer_option = click.option(
    "--prefer",
    type=click.Choice(["flops", "balanced"]),
    default="flops",
    show_default=True,
    help="Rank by the FLOPs error first, or by the larger of the two errors.",
)
"""The --prefer of commands that rank designs."""


def _all_of(options: list[_Function]) -> Callable[[_Function], _Function]:
    def decorate(command: _Function) -> _Function:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


class Matching(click.Command):
    """A command that matches a baseline, for whose flag a word that stands alone was meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and refuse a word that belongs to no flag."""
        ctx.allow_extra_args = True
        alone = super().parse_args(ctx, args)
        if alone and not ctx.resilient_parsing:
            raise click.UsageError(
                f"{shown(alone[0])} belongs to no flag: the design to match is named by --baseline", ctx
            )
        return alone


target_options = _all_of([*_TARGET, moe_layer_option])
"""What to match."""

shape_options = _all_of(_SHAPE)
"""Flags for the numbers of the design other than its unknowns, heads and top-k among them."""

switch_options = _all_of(_SWITCHES)
"""Flags for what the design has and has not."""

constraint_options = _all_of(_CONSTRAINTS)
"""A flag for each constraint."""


def with_target(given: dict[str, Any]) -> tuple[str, MoELayer | RawTarget, dict[str, Any]]:
    """The name of what is to be matched, itself, and the other options that were given.

    Raises:
        InputError: a baseline and raw targets are both given, or the targets only in part.
    """
    fields = {name: value for name, value in given.items() if value is not None}
    baseline: Found | None = fields.pop("baseline", None)
    targets = {name: fields.pop(name) for name in ("target_flops", "target_params") if name in fields}
    if not targets:
        if baseline is None:
            return DEFAULT_BASELINE, BUILTIN[DEFAULT_BASELINE].design, fields
        return baseline.name, baseline.design, fields
    numbers = " and ".join(f"--{name.replace('_', '-')} {value}" for name, value in targets.items())
    if baseline is not None:
        raise InputError(f"--baseline {baseline.name} with {numbers}: accepted is a baseline or targets")
    if len(targets) < 2 or "d_model" not in fields:
        raise InputError(f"{numbers}: accepted are --target-flops, --target-params and --d-model together")
    raw = RawTarget(fields["d_model"], targets["target_flops"], targets["target_params"])
    return "the targets", raw, fields


def with_constraints(fields: dict[str, Any]) -> tuple[Constraints, dict[str, Any]]:
    """The constraints among the options, and the rest."""
    names = Constraints.__dataclass_fields__
    constraints = Constraints(**{name: value for name, value in fields.items() if name in names})
    return constraints, {name: value for name, value in fields.items() if name not in names}
