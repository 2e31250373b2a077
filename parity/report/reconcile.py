"""The report of `parity cost --reconcile`: each counter's number, and the lines by which it is another."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from parity.design import MoELayer
from parity.models.description import Model
from parity.reconcile import Convention, Line, Reconciliation, active_conventions, reconcile
from parity.report.layer import describe_active
from parity.report.model import Cell, Report, Share, Table, exactly
from parity.text import integer, number


def reconcile_report(
    name: str, design: Model | MoELayer, sequence_length: int | None = None, published: str | None = None
) -> Report:
    """Every counter beside parity's matmul convention, per token: a summary, then a table for each that differs.

    `published` is what the vendor of a model prints as its active parameters, such as `12.9B`.
    """
    found = reconcile(design, sequence_length)
    conventions = active_conventions(design, published) if isinstance(design, Model) else ()
    data: dict[str, Any] = {
        "convention": "matmul",
        "sequence_length": sequence_length,
        "published_active": published,
        "reconcile": [_data(one) for one in found],
        "active_conventions": [vars(convention) for convention in conventions],
    }
    flops = [one for one in found if "FLOPs" in one.unit]
    tables = [_summary(name, flops, sequence_length), *(_table(one) for one in flops if one.parity != one.total)]
    if conventions:
        tables.append(_active_table(conventions, published))
    return Report(data, tuple(tables), tuple(_notes(design, found)), records=_records(found))


def _summary(name: str, found: Sequence[Reconciliation], sequence_length: int | None) -> Table:
    rows = [(one.counter, one.unit.partition(" FLOPs")[0], one.parity, one.total, _share(one)) for one in found]
    at = "" if sequence_length is None else f" at {integer(sequence_length)} tokens"
    title = f"{name}: FLOPs per token as others count them{at}"
    return Table(title, ("counter", "of", "parity", "theirs", "difference"), tuple(rows), words=frozenset({0, 1}))


def _share(one: Reconciliation) -> Share | None:
    if one.parity is None or one.total is None or not one.parity:
        return None
    return Share(Fraction(one.total - one.parity) / one.parity)


def _table(one: Reconciliation) -> Table:
    """The lines that differ, those that are alike as one, and what they add up to."""
    alike = [line for line in one.lines if line.difference == 0]
    rows = [_row(line) for line in one.lines if line.difference]
    if alike:
        both = sum(line.parity or 0 for line in alike)
        rows.append((alike[0].what if len(alike) == 1 else "all else, alike", both, both, "0"))
    total = ("total", one.parity, one.total, _signed((one.total or 0) - (one.parity or 0)))
    columns = ("what", "parity", "theirs", "difference")
    return Table(f"{one.counter}: {one.unit}", columns, (*rows, total), strong=frozenset({len(rows)}))


def _row(line: Line) -> tuple[Cell, ...]:
    return f"{line.what}: {line.why}", line.parity, line.theirs, _signed(line.difference or 0)


def _signed(value: int | Fraction) -> str:
    return f"{'+' if value > 0 else ''}{number(Fraction(value))}"


def _active_table(conventions: Sequence[Convention], published: str | None) -> Table:
    columns = ["counted", "parameters", "rounded", "truncated"]
    rows: list[list[Cell]] = [[c.name, c.params, c.rounded, c.truncated] for c in conventions]
    if published is not None:
        columns.append(f"gives {published}")
        rows = [[*row, c.reproduces or "no"] for row, c in zip(rows, conventions, strict=True)]
    title = "Active parameters as vendors count them" + (f"; printed is {published}" if published else "")
    return Table(title, tuple(columns), tuple(map(tuple, rows)))


def _notes(design: Model | MoELayer, found: Sequence[Reconciliation]) -> list[str]:
    reasons = {one.absent: one.counter.partition(",")[0] for one in found if one.absent}
    notes = [f"No number of {counter}: {reason}." for reason, counter in reasons.items()]
    if any(line.parity is None for one in found for line in one.lines):
        notes.append(
            "Attention's products with the context are left out on all sides: --sequence-length N counts them."
        )
    elif any(line.what == "scores" for one in found for line in one.lines if one.unit.startswith("forward")):
        notes.append("FlopCounterMode counts no scores where attention runs on a CPU's fused kernel.")
    if isinstance(design, MoELayer) and design.heads > 1:
        notes.append(describe_active(design))
    notes.append("Parity is the matmul convention. Training is three times forward: a product has two gradients.")
    sources = {one.source: one.counter.partition(",")[0] for one in found}
    return [*notes, *(f"{counter}: {source}." for source, counter in sources.items())]


def _data(one: Reconciliation) -> dict[str, Any]:
    return {
        "counter": one.counter,
        "source": one.source,
        "unit": one.unit,
        "total": _exact(one.total),
        "parity": _exact(one.parity),
        "absent": one.absent,
        "lines": [
            {
                "what": line.what,
                "parity": _exact(line.parity),
                "theirs": _exact(line.theirs),
                "difference": _exact(line.difference),
                "why": line.why,
            }
            for line in one.lines
        ],
    }


def _exact(value: int | Fraction | None) -> int | str | None:
    return None if value is None else exactly(value)


def _records(found: Sequence[Reconciliation]) -> Table:
    rows = [
        (one.counter, line.what, line.parity, line.theirs, line.difference, line.why)
        for one in found
        for line in one.lines
    ]
    columns = ("counter", "what", "parity", "theirs", "difference", "why")
    return Table("Line by line", columns, tuple(rows), words=frozenset({0, 1, 5}))
