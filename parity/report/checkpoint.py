"""Reports of checkpoints: what their tensors hold, op by op, and where the config says otherwise."""

from collections.abc import Iterable, Sequence
from typing import Any

from parity.design import shown
from parity.models.checkpoints import (
    MOST_DIFFERENCES,
    Array,
    Beside,
    Checkpoint,
    Comparison,
    Difference,
    Op,
    Parts,
    Span,
    by_part,
    difference,
    ledger,
)
from parity.models.checkpoints.names import PACKED
from parity.models.description import Model
from parity.report.model import Cell, Report, Table
from parity.text import counted, integer

MOST_ROWS = 50
"""Differences that people are shown; programs get all that are listed."""


def checkpoint_report(name: str, checkpoint: Checkpoint, model: Model | None) -> Report:
    """What a checkpoint holds against its config; without one, what it holds.

    The data list at most `MOST_DIFFERENCES` differences, and as many unknown tensors where there is no config.
    """
    found = difference(model, checkpoint) if model else None
    parts = found.parts if found else by_part(checkpoint)
    ops = found.ledger if found else ledger(parts, None)
    listed = found.differences if found else _unknown(parts)
    tables = [_ledger_table(name, ops, against_config=found is not None)]
    if listed:
        tables.append(_differences_table(listed[:MOST_ROWS]))
    notes = [*_verdict(found, len(listed)), *_held(checkpoint), *_beside(parts.beside)]
    data: dict[str, Any] = {
        "checkpoint": {"tensors": len(checkpoint.tensors), "bytes": checkpoint.bytes, "params": parts.params},
        "bytes_by_dtype": checkpoint.bytes_by_dtype(),
        "agrees": found.agrees if found else None,
        "ledger": [{"op": op.op, "config": op.config if found else None, "checkpoint": op.checkpoint} for op in ops],
        "differences": [_difference_data(row) for row in listed],
        "more_differences": found.more if found else len(parts.unknown) > MOST_DIFFERENCES,
        "layers_only_in_config": [_span(span) for span in found.only_in_config] if found else [],
        "layers_only_in_checkpoint": [_span(span) for span in found.only_in_checkpoint] if found else [],
        "beside": [
            {"what": beside.what, "tensors": len(beside.tensors), "elements": elements, "bytes": size}
            for beside in parts.beside
            for elements, size in (_size(beside),)
        ],
    }
    return Report(data, tuple(tables), tuple(notes))


def _unknown(parts: Parts) -> tuple[Difference, ...]:
    return tuple(Difference(None, tensor, None) for tensor in parts.unknown[:MOST_DIFFERENCES])


def _ledger_table(name: str, ops: Sequence[Op], *, against_config: bool) -> Table:
    total = Op("total", sum(op.config for op in ops), sum(op.checkpoint for op in ops))
    rows = [*ops, total]
    strong = frozenset({len(ops)})
    if not against_config:
        title = f"{name}: parameters that the checkpoint holds"
        return Table(title, ("op", "checkpoint"), tuple((op.op, op.checkpoint) for op in rows), strong=strong)
    return Table(
        f"{name}: parameters as the config says and as the checkpoint holds",
        ("op", "config", "checkpoint", "difference"),
        tuple((op.op, op.config, op.checkpoint, op.checkpoint - op.config) for op in rows),
        strong=strong,
    )


def _differences_table(differences: Sequence[Difference]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for row in differences:
        tensor, array = row.tensor, row.array
        rows.append(
            (
                shown(tensor.name) if tensor else f"none{_in_layer(row)}",
                row.place.op if row.place else "unknown",
                _shape(tensor.shape) if tensor else "",
                row.params if tensor else None,
                _said(array) if array else "nothing",
                row.expected if array else None,
            )
        )
    columns = ("tensor", "op", "shape", "parameters", "config says", "parameters")
    return Table("Tensors that differ", columns, tuple(rows), words=frozenset({0, 1, 2, 4}))


def _difference_data(row: Difference) -> dict[str, Any]:
    place, tensor, array = row.place, row.tensor, row.array
    return {
        "stack": place.stack if place else None,
        "layer": place.layer if place else None,
        "op": place.op if place else None,
        "tensor": tensor.name if tensor else None,
        "shape": list(tensor.shape) if tensor else None,
        "params": row.params,
        "expected": row.expected,
        "config": {"name": array.name, "shape": list(array.shape), "copies": array.copies} if array else None,
    }


def _verdict(found: Comparison | None, listed: int) -> list[str]:
    if found is None:
        notes = ["Without a config.json beside it nothing says what the checkpoint should hold, or whether it is tied."]
    elif found.agrees:
        notes = ["Config and checkpoint agree in each op of each layer."]
    else:
        notes = [
            f"{what} {', '.join(map(_span, spans[:10]))}{' and more' if len(spans) > 10 else ''}."
            for what, spans in (
                ("The checkpoint has no tensor of the config's layers", found.only_in_config),
                ("The checkpoint has layers numbered beyond the config's last:", found.only_in_checkpoint),
            )
            if spans
        ]
    if found and any(beside.what == PACKED for beside in found.parts.beside):
        notes.append("Packed weights do not count, so that what they hold seems to lack.")
    if listed > MOST_ROWS:
        more = "more than " if found and found.more else ""
        notes.append(f"Shown are {MOST_ROWS} of {more}{integer(listed)} rows: --format json has them.")
    return notes


def _held(checkpoint: Checkpoint) -> list[str]:
    sizes = ", ".join(f"{integer(size)} of {dtype}" for dtype, size in checkpoint.bytes_by_dtype().items())
    return [f"Bytes held: {integer(checkpoint.bytes)} in {counted(len(checkpoint.tensors), 'tensor')}; {sizes}."]


def _beside(beside: Iterable[Beside]) -> list[str]:
    parts = []
    for group in beside:
        elements, size = _size(group)
        tensors, elements_text = counted(len(group.tensors), "tensor"), counted(elements, "element")
        parts.append(f"{group.what}: {tensors} of {elements_text}, {counted(size, 'byte')}")
    return [f"Beside the main model, not counted: {'; '.join(parts)}."] if parts else []


def _size(beside: Beside) -> tuple[int, int]:
    return sum(tensor.elements for tensor in beside.tensors), sum(tensor.bytes for tensor in beside.tensors)


def _in_layer(row: Difference) -> str:
    if row.place is None or row.place.layer is None:
        return ""
    return f" in layer {row.place.layer}{' of the encoder' if row.place.stack == 'encoder' else ''}"


def _said(array: Array) -> str:
    return f"{array.name} {_shape(array.shape)}{f', {integer(array.copies)} times' if array.copies > 1 else ''}"


def _span(span: Span) -> str:
    numbers = str(span.first) if span.first == span.last else f"{span.first}-{span.last}"
    return f"encoder {numbers}" if span.stack == "encoder" else numbers


def _shape(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))
