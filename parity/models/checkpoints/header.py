"""The header of one safetensors file: 8 bytes with its length, little-endian, and that many bytes of JSON.

The JSON is an object with `dtype`, `shape` and `data_offsets` for each tensor. It is read tensor by tensor, never as
a whole, so that a header made to fill the memory is refused at the first entry that is no tensor.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from parity.design import LARGEST_INTEGER, shown
from parity.errors import InputError
from parity.files import open_to_read

DTYPES: Mapping[str, int] = {
    **dict.fromkeys(("F64", "C64", "I64", "U64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "I8", "U8", "BOOL"), 8),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    "F4": 4,
}
"""Bits of one element of each dtype that safetensors 0.8 reads."""

LARGEST_HEADER = 100_000_000
"""Bytes of a header, the limit of safetensors itself."""

MOST_TENSORS = 200_000
"""Tensors of a checkpoint; the largest published have some 150,000."""

LONGEST_ENTRY = 4096
"""Characters of a name, and of what is said of one tensor."""

_SPACE = re.compile(r"[ \t\n\r]*+")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as a header describes it; its values are not read."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    file: str
    """The name of the file that holds it."""

    @property
    def elements(self) -> int:
        """Elements held."""
        return prod(self.shape)

    @property
    def bytes(self) -> int:
        """Bytes held."""
        return self.elements * DTYPES[self.dtype] // 8


def read_header(path: str, largest: int = LARGEST_HEADER) -> tuple[list[Tensor], int]:
    """The tensors of a safetensors file in the order of its header, and the bytes of that header.

    Raises:
        InputError: the file is missing or no safetensors file, its header is larger than `largest` bytes, or what it
            says of a tensor is wrong or at odds with the file's size.
    """
    with open_to_read(path, "safetensors files") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise _wrong(
                path, f"a header of {length} bytes in a file of {size}", "whole files, which hold their header"
            )
        if length > largest:
            raise _wrong(path, f"a header of {length} bytes", f"headers of at most {largest}, of all files together")
        data = file.read(length)
    try:
        text = data.decode("utf-8")
    except ValueError as error:
        raise _wrong(path, f"a header that is not UTF-8 ({error})", "headers in JSON") from None
    file_name = os.path.basename(path)
    tensors: dict[str, Tensor] = {}
    spans: list[tuple[int, int, str]] = []
    for name, entry in _entries(path, text):
        if name in tensors:
            raise _wrong(path, f"{shown(name)} given twice", "one entry for each tensor")
        if len(tensors) == MOST_TENSORS:
            raise _wrong(path, f"more than {MOST_TENSORS} tensors", "fewer")
        tensors[name] = Tensor(name, *_dtype_and_shape(path, name, entry), file_name)
        spans.append((*_span(path, tensors[name], entry), name))
    _check_cover(path, spans, size - 8 - length)
    return list(tensors.values()), length


def _entries(path: str, text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and entries of the tensors. The metadata, text by text, are passed over."""
    at = _past(path, text, 0, "{")
    first = True
    while (at := _space(text, at)) < len(text) and text[at] != "}":
        at = at if first else _space(text, _past(path, text, at, ","))
        first = False
        name, at = _string(path, text, at, LONGEST_ENTRY)
        at = _space(text, _past(path, text, at, ":"))
        if name == "__metadata__":
            at = _past_metadata(path, text, at)
        else:
            end = text.find("}", at, at + LONGEST_ENTRY) + 1
            entry = _small_object(path, name, text[at:end])
            yield name, entry
            at = end
    if _space(text, _past(path, text, at, "}")) != len(text):
        raise _wrong(path, f"a header with {shown(text[at + 1 : at + 41])} after its end", "headers of one JSON object")


def _past_metadata(path: str, text: str, at: int) -> int:
    """The place behind an object of texts, or null."""
    if text.startswith("null", at):
        return at + 4
    at = _past(path, text, at, "{")
    first = True
    while (at := _space(text, at)) < len(text) and text[at] != "}":
        at = at if first else _space(text, _past(path, text, at, ","))
        first = False
        _, at = _string(path, text, at)
        _, at = _string(path, text, _space(text, _past(path, text, at, ":")))
    return _past(path, text, at, "}")


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _past(path: str, text: str, at: int, mark: str) -> int:
    at = _space(text, at)
    if not text.startswith(mark, at):
        raise _wrong(path, f"a header with {shown(text[at : at + 40] or 'its end')} where {mark} belongs", "JSON")
    return at + 1


def _string(path: str, text: str, at: int, longest: int = LARGEST_HEADER) -> tuple[str, int]:
    if not text.startswith('"', at):
        raise _wrong(path, f"a header with {shown(text[at : at + 40] or 'its end')} where a text belongs", "JSON")
    try:
        value, end = _DECODER.raw_decode(text, at)
        value.encode("utf-8")  # fails at half of a surrogate pair
    except ValueError as error:
        raise _wrong(path, f"a header that is not JSON ({error})", "headers in JSON") from None
    if len(value) > longest:
        raise _wrong(path, f"the name {shown(value)}", f"names of at most {longest} characters")
    return value, end


def _small_object(path: str, name: str, text: str) -> dict[str, Any]:
    """An object without objects inside; `text` ends with its first closing brace."""
    try:
        entry = json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError):
        entry = None
    if not isinstance(entry, dict):
        given = shown(text or "nothing that ends")
        raise _wrong(
            path, f"{given} for the tensor {shown(name)}", "objects with dtype, shape and data_offsets, each once"
        )
    return entry


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) != len(pairs):
        raise ValueError
    return entry


def _dtype_and_shape(path: str, name: str, entry: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    dtype, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise _wrong(path, f"dtype={shown(dtype)} of {shown(name)}", ", ".join(DTYPES))
    if not isinstance(shape, list) or not all(type(n) is int and 0 <= n <= LARGEST_INTEGER for n in shape):
        raise _wrong(path, f"shape={shown(shape)} of {shown(name)}", f"lists of integers from 0 to {LARGEST_INTEGER}")
    return dtype, tuple(shape)


def _span(path: str, tensor: Tensor, entry: dict[str, Any]) -> tuple[int, int]:
    offsets = entry.get("data_offsets")
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(type(n) is int for n in offsets)):
        raise _wrong(path, f"data_offsets={shown(offsets)} of {shown(tensor.name)}", "two integers, begin and end")
    begin, end = offsets
    bits = tensor.elements * DTYPES[tensor.dtype]
    accepted = f"offsets {shown(bits // 8)} bytes apart" if bits % 8 == 0 else "shapes that fill whole bytes"
    if begin < 0 or 8 * (end - begin) != bits:
        kind = f"{tensor.dtype} of shape {shown(list(tensor.shape))}"
        raise _wrong(path, f"data_offsets={shown(offsets)} of {shown(tensor.name)}, {kind}", accepted)
    return begin, end


def _check_cover(path: str, spans: list[tuple[int, int, str]], size: int) -> None:
    """Check that the tensors lie one behind the other and fill the file, as safetensors demands."""
    expected = 0
    for begin, end, name in sorted(spans):
        if begin != expected:
            what = "overlaps the tensor before it" if begin < expected else "leaves a gap before it"
            raise _wrong(
                path, f"data_offsets=[{begin}, {end}] of {shown(name)}, which {what}", f"a begin of {expected}"
            )
        expected = end
    if expected != size:
        raise _wrong(path, f"{size} bytes of data where its header describes {expected}", "whole files, without a rest")


def _wrong(path: str, what: str, accepted: str) -> InputError:
    return InputError(f"{shown(path)} has {what}: accepted are {accepted}")
