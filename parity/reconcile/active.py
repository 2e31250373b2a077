"""What vendors call active parameters: three conventions, and which of them a printed figure follows."""

import re
from dataclasses import dataclass

from parity.design import shown
from parity.errors import InputError
from parity.models.description import Model
from parity.reconcile.entries import entries
from parity.reconcile.result import Line, Reconciliation

SOURCE = "model cards (Mixtral, OLMoE and Llama 4 print the first, gpt-oss the second, GLM-4.5 the third)"
UNIT = "parameters"

LEFT_OUT = {
    "with embedding and head": (),
    "with the head only": ("embedding", "positions"),
    "with neither": ("embedding", "positions", "lm_head"),
}
"""What each convention leaves out. A tied embedding is the head, and stays where the head does."""

POWERS = {"": 0, "K": 3, "M": 6, "B": 9, "T": 12}


@dataclass(frozen=True)
class Convention:
    """One meaning of active parameters, its number, and whether a printed figure comes from it."""

    name: str
    excludes: tuple[str, ...]
    """The ops that it leaves out and the model has."""
    params: int
    rounded: str
    truncated: str
    """The number with the digits of the published figure, or with three."""
    reproduces: str | None
    """How the published figure comes from the number: `rounded`, `truncated`, or not."""


def active(model: Model) -> tuple[Reconciliation, ...]:
    """Each convention beside the first one, which is parity's `active_params`."""
    return tuple(_reconciliation(model, name) for name in LEFT_OUT)


def active_conventions(model: Model, published: str | None = None) -> tuple[Convention, ...]:
    """The three conventions for a model, beside what its vendor prints, such as `12.9B`.

    Raises:
        InputError: what is printed is no such figure.
    """
    figure = None if published is None else _figure(published)
    found = []
    for name in LEFT_OUT:
        reconciled = _reconciliation(model, name)
        params = int(reconciled.total or 0)
        power, decimals = figure[1:] if figure else _three_digits(params)
        step = 10 ** (POWERS[power] - decimals)
        steps = {"rounded": (2 * params + step) // (2 * step), "truncated": params // step}
        how = next((way for way, count in steps.items() if figure and count == figure[0]), None)
        printed = {way: _printed(count, power, decimals) for way, count in steps.items()}
        excludes = tuple(line.what for line in reconciled.lines if line.difference)
        found.append(Convention(name, excludes, params, **printed, reproduces=how))
    return tuple(found)


def _reconciliation(model: Model, name: str) -> Reconciliation:
    kept_as_head = "embedding" if model.tied and "lm_head" not in LEFT_OUT[name] else None
    lines = []
    for entry in entries(model):
        left_out = entry.op in LEFT_OUT[name] and entry.op != kept_as_head
        if entry.active:
            theirs = 0 if left_out else entry.active
            lines.append(Line(entry.what, entry.active, theirs, "left out" if left_out else ""))
    return Reconciliation(f"active parameters, {name}", SOURCE, UNIT, tuple(lines))


def _figure(published: str) -> tuple[int, str, int]:
    """How many steps a figure is, its power of a thousand, and how many decimals it has."""
    match = re.fullmatch(r"([0-9]{1,6})(?:\.([0-9]{1,3}))?([KMBT])", published)
    if match is None:
        raise InputError(f"published={shown(published)}: accepted are figures such as 12.9B, with K, M, B or T")
    integer, decimals, power = match[1], match[2] or "", match[3]
    return int(integer + decimals), power, len(decimals)


def _three_digits(params: int) -> tuple[str, int]:
    power = max((name for name in POWERS if params >= 10 ** POWERS[name]), key=lambda name: POWERS[name], default="")
    return power, min(POWERS[power], max(0, 3 - len(str(params // 10 ** POWERS[power]))))


def _printed(steps: int, power: str, decimals: int) -> str:
    integer, part = divmod(steps, 10**decimals)
    return f"{integer}.{part:0{decimals}d}{power}" if decimals else f"{integer}{power}"
