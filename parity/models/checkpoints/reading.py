"""A checkpoint: the tensors of one safetensors file, of the files that an index names, or of those in a folder."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from parity.design import shown
from parity.errors import InputError
from parity.files import open_to_read, parse_json
from parity.models.checkpoints.header import LARGEST_HEADER, MOST_TENSORS, Tensor, read_header

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"

LARGEST_INDEX = 1 << 25
"""Bytes of an index."""

MOST_FILES = 10_000
"""Files of a checkpoint, and other entries of its folder."""


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a checkpoint, sorted by name."""

    path: str
    tensors: tuple[Tensor, ...]

    @property
    def bytes(self) -> int:
        """Bytes of all tensors."""
        return sum(tensor.bytes for tensor in self.tensors)

    def bytes_by_dtype(self) -> dict[str, int]:
        """Bytes of the tensors of each dtype, the most first."""
        held: dict[str, int] = {}
        for tensor in self.tensors:
            held[tensor.dtype] = held.get(tensor.dtype, 0) + tensor.bytes
        return dict(sorted(held.items(), key=lambda item: (-item[1], item[0])))


def read_checkpoint(path: str) -> Checkpoint:
    """The tensors of a folder, of an index, or of one safetensors file; only headers are read.

    Of a folder it is what `model.safetensors.index.json` names, else `model.safetensors`, else all safetensors files.

    Raises:
        InputError: there is nothing to read, a file is missing or damaged, or index and files disagree.
    """
    if os.path.isdir(path):
        return _of_folder(path)
    return (
        _of_index(path) if path.endswith(".json") else _of_files(path, os.path.dirname(path), [os.path.basename(path)])
    )


def _of_folder(folder: str) -> Checkpoint:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry, _ in zip(entries, range(MOST_FILES + 1), strict=False)]
    except OSError as error:
        raise InputError(f"{shown(folder)} cannot be read ({error.strerror}): accepted are folders to read") from None
    if len(names) > MOST_FILES:
        raise InputError(f"{shown(folder)} has more than {MOST_FILES} entries: accepted are folders with fewer")
    if INDEX in names:
        return _of_index(os.path.join(folder, INDEX), folder)
    files = [SINGLE] if SINGLE in names else sorted(name for name in names if name.endswith(".safetensors"))
    if not files:
        raise InputError(
            f"{shown(folder)} holds no checkpoint: accepted are folders with {INDEX}, {SINGLE} or other safetensors "
            "files"
        )
    return _of_files(folder, folder, files)


def _of_index(path: str, shown_as: str | None = None) -> Checkpoint:
    with open_to_read(path, "indexes in JSON") as file:
        data = file.read(LARGEST_INDEX + 1)
    if len(data) > LARGEST_INDEX:
        raise InputError(f"{shown(path)} is larger than {LARGEST_INDEX} bytes: accepted are indexes in JSON")
    places = _weight_map(path, parse_json(path, data))
    folder, files = os.path.dirname(path), sorted(set(places.values()))
    missing = [file for file in files if not os.path.lexists(os.path.join(folder, file))]
    if missing:
        raise InputError(
            f"{shown(path)} names {len(files)} files, but there {'are' if len(missing) > 1 else 'is'} no "
            f"{_listed(missing)}: accepted is an index with all its files beside it, whose headers say the shapes"
        )
    found = _of_files(shown_as or path, folder, files)
    held = {tensor.name: tensor.file for tensor in found.tensors}
    wrong = [name for name in places if held.get(name) != places[name]]
    if wrong:
        raise InputError(
            f"{shown(path)} lists {_listed(wrong)}, which the header of {shown(places[wrong[0]])} lacks: accepted is "
            "an index that agrees with its files"
        )
    unlisted = [name for name in held if name not in places]
    if unlisted:
        raise InputError(
            f"{shown(path)} does not list {_listed(unlisted)}, which {shown(held[unlisted[0]])} holds: accepted is an "
            "index that agrees with its files"
        )
    return found


def _weight_map(path: str, index: Any) -> Mapping[str, str]:
    """The file of each tensor, all of them plain names of safetensors files."""
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places:
        raise InputError(
            f"{shown(path)} has weight_map={shown(places)}: accepted is an object with the file of each tensor"
        )
    if len(places) > MOST_TENSORS:
        raise InputError(f"{shown(path)} lists {len(places)} tensors: accepted are at most {MOST_TENSORS}")
    for name, file in places.items():
        plain = isinstance(file, str) and file.endswith(".safetensors") and not set(file) & set("/\\:\0")
        if not plain or len(file) > 255:
            raise InputError(
                f"{shown(path)} has {shown(file)} as the file of {shown(name)}: accepted are plain names of "
                "safetensors files beside the index"
            )
    if len(set(places.values())) > MOST_FILES:
        raise InputError(f"{shown(path)} names {len(set(places.values()))} files: accepted are at most {MOST_FILES}")
    return places


def _of_files(shown_as: str, folder: str, files: Iterable[str]) -> Checkpoint:
    """What the files hold together, whose headers together have the size that one may have."""
    tensors: dict[str, Tensor] = {}
    left = LARGEST_HEADER
    for file in files:
        path = os.path.join(folder, file)
        found, length = read_header(path, left)
        left -= length
        for tensor in found:
            if tensor.name in tensors:
                raise InputError(
                    f"{shown(path)} holds {shown(tensor.name)}, which {shown(tensors[tensor.name].file)} holds too: "
                    "accepted are files of one checkpoint, each tensor in one of them"
                )
            tensors[tensor.name] = tensor
        if len(tensors) > MOST_TENSORS:
            raise InputError(f"{shown(shown_as)} holds more than {MOST_TENSORS} tensors: accepted are fewer")
    return Checkpoint(shown_as, tuple(tensors[name] for name in sorted(tensors)))


def _listed(names: list[str]) -> str:
    """The first few of some names, and how many more there are."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(shown(name) for name in names[:3]) + more
