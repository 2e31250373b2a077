"""The options that state a parity problem, shared by the commands that solve one."""

from collections.abc import Callable
from typing import Any

import click

from parity.builtin import BUILTIN
from parity.cli.options import Integer, Named, Percent, Ref
from parity.constraints import PROFILES, Constraints
from parity.design import CHOICES, MoELayer
from parity.errors import InputError
from parity.problem import RawTarget

DEFAULT_BASELINE = "paper-smoe"

_Function = Callable[..., Any]

_TARGET = [
    click.option("--baseline", type=Ref(), help=f"The design to match.  [default: {DEFAULT_BASELINE}]"),
    click.option("--target-flops", type=Integer(), help="Instead of a baseline: forward FLOPs per token to match."),
    click.option("--target-params", type=Integer(), help="Instead of a baseline: parameters to match."),
    click.option("--d-model", type=Integer(), help="Width of a token."),
]

_SHAPE = [
    click.option("--heads", type=Integer(), required=True, help="Sub-tokens per token."),
    click.option("--topk", "top_k", type=Integer(), required=True, help="Experts per sub-token."),
    click.option("--d-latent", type=Integer(), help="Width between head and merge layers."),
    click.option("--num-shared-experts", type=Integer(0), help="Always-on experts on the full token."),
    click.option("--d-shared", type=Integer(0), help="Width of one shared expert."),
    click.option("--expert-pool", type=click.Choice(CHOICES["expert_pool"]), help="One pool, or one for each head."),
]

_SWITCHES = [
    click.option("--gated/--ungated", default=None, help="Experts of three matrices or of two."),
    click.option("--head-layer/--no-head-layer", default=None, help="Whether tokens are projected before the split."),
    click.option("--merge-layer/--no-merge-layer", default=None, help="Whether sub-tokens are projected back."),
    click.option("--router-input", type=click.Choice(CHOICES["router_input"]), help="What the router sees."),
]

_CONSTRAINTS = [
    click.option("--experts-multiple-of", type=Integer(), help="num_experts is a multiple of this."),
    click.option("--d-expert-multiple-of", type=Integer(), help="d_expert is a multiple of this."),
    click.option("--ep", type=Integer(), help="Expert-parallel ranks; divides num_experts."),
    click.option("--tp", type=Integer(), help="Tensor-parallel ranks; divides d_expert."),
    click.option("--max-experts", type=Integer(), help="The most experts (in each pool)."),
    click.option("--tolerance", type=Percent(), metavar="PERCENT", help="The largest |error| allowed, on both costs."),
    click.option(
        "--profile",
        type=click.Choice(list(PROFILES)),
        help="Hardware: d_expert / tp and the sub-token width are multiples of "
        + ", ".join(f"{multiple} ({name})" for name, multiple in PROFILES.items())
        + ".",
    ),
]


def _all_of(options: list[_Function]) -> Callable[[_Function], _Function]:
    def decorate(command: _Function) -> _Function:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


target_options = _all_of(_TARGET)
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
    baseline: Named | None = fields.pop("baseline", None)
    targets = {name: fields.pop(name) for name in ("target_flops", "target_params") if name in fields}
    if not targets:
        name, design = baseline or (DEFAULT_BASELINE, BUILTIN[DEFAULT_BASELINE].design)
        return name, design, fields
    shown = " and ".join(f"--{name.replace('_', '-')} {value}" for name, value in targets.items())
    if baseline is not None:
        raise InputError(f"--baseline {baseline.name} with {shown}: accepted is a baseline or targets")
    if len(targets) < 2 or "d_model" not in fields:
        raise InputError(f"{shown}: accepted are --target-flops, --target-params and --d-model together")
    raw = RawTarget(fields["d_model"], targets["target_flops"], targets["target_params"])
    return "the targets", raw, fields


def with_constraints(fields: dict[str, Any]) -> tuple[Constraints, dict[str, Any]]:
    """The constraints among the options, and the rest."""
    names = Constraints.__dataclass_fields__
    constraints = Constraints(**{name: value for name, value in fields.items() if name in names})
    return constraints, {name: value for name, value in fields.items() if name not in names}
