"""Checkpoints made small: headers as safetensors has them, over files that are sparse."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from parity.models.checkpoints import DTYPES, Checkpoint, Tensor
from parity.models.description import Model
from parity.models.importing import import_config

GOLDEN: Mapping[str, Any] = json.loads((Path(__file__).parents[1] / "data/checkpoints_golden.json").read_text("utf-8"))
"""By model type what `scripts/golden-checkpoints` recorded: config, parameters, names and shapes."""

Shapes = Mapping[str, tuple[int, ...]]


def header(entries: Any) -> bytes:
    """A header with its length."""
    data = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return len(data).to_bytes(8, "little") + data


def write(path: Path, shapes: Shapes, dtype: str = "F32") -> None:
    """Write a safetensors file of tensors of zeros, without writing the zeros."""
    entries, end = {}, 0
    for tensor in held(shapes, dtype):
        begin, end = end, end + tensor.bytes
        entries[tensor.name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [begin, end]}
    head = header(entries)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + end)


def held(shapes: Shapes, dtype: str = "F32") -> tuple[Tensor, ...]:
    """The tensors of such a file, by name."""
    assert dtype in DTYPES
    return tuple(Tensor(name, dtype, tuple(shapes[name]), "model.safetensors") for name in sorted(shapes))


def checkpoint(shapes: Shapes, *more: Tensor) -> Checkpoint:
    """A checkpoint that is in no file."""
    return Checkpoint("made", tuple(sorted((*held(shapes), *more), key=lambda tensor: tensor.name)))


def shapes_of(kind: str, naming: str) -> dict[str, tuple[int, ...]]:
    """The recorded shapes of a family, as `built` or as `stored`."""
    record = GOLDEN[kind]
    shapes = dict(record["built"])
    if naming == "stored":
        shapes = {name: shape for name, shape in shapes.items() if name not in record["not_stored"]}
        shapes |= record["also_stored"]
    return {name: tuple(shape) for name, shape in shapes.items()}


@cache
def model_of(kind: str) -> Model:
    """The model that the recorded config of a family describes."""
    return import_config(GOLDEN[kind]["config"])
