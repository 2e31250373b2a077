"""Documents from files: plain text, JSON lines with a `text` field, Parquet with a text column, and folders of those.

Plain text is cut at form feeds where it has any. Otherwise a file of a folder that is no longer than `WHOLE_FILE` is
one document, and any other is cut at blank lines into documents of at least `LEAST_CHARACTERS`.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

from parity.design import shown
from parity.errors import InputError
from parity.files import open_to_read

ENDINGS = (".txt", ".text", ".md", ".rst", ".jsonl", ".ndjson", ".json", ".parquet")
"""What is read of a folder, also with .gz or .zst behind it; a file named by itself may have any name."""

JSON_LINES = (".jsonl", ".ndjson", ".json")
COMPRESSED = (".gz", ".zst")

WHOLE_FILE = 64 * 1024
"""Bytes of a file of plain text that is one document where a folder is read."""

LEAST_CHARACTERS = 2048
"""Characters after which a blank line ends a document of plain text."""

MOST_CHARACTERS = 1 << 20
"""Characters after which plain text is cut wherever it is, and the longest document."""

LONGEST_LINE = 1 << 26
"""Characters of a line of JSON."""

ACCEPTED = "UTF-8 text, JSON lines with a text field (each plain, .gz or .zst), Parquet with a text column, and folders"


def files_of(path: str) -> list[str]:
    """The files that a path stands for, in order of their names.

    Raises:
        InputError: there is no such file, or nothing in the folder can be read.
    """
    if not os.path.isdir(path):
        with open_to_read(path, ACCEPTED):
            return [path]
    found = sorted(str(f) for f in Path(path).rglob("*") if f.is_file() and _endings(f.name)[0] in ENDINGS)
    found = [f for f in found if not any(part.startswith(".") for part in Path(f).relative_to(path).parts)]
    if not found:
        raise InputError(f"{shown(path)} has no file to read: accepted are folders of {', '.join(ENDINGS)}")
    return found


def name_of(path: str) -> str:
    """What a report calls the text at `path`: its name without endings."""
    name = os.path.basename(os.path.abspath(path))
    while os.path.isfile(path) and (ending := os.path.splitext(name)[1]) in (*ENDINGS, *COMPRESSED):
        name = name.removesuffix(ending)
    return name


def documents(path: str) -> Iterator[str]:
    """Every document at `path`, none of them empty.

    Raises:
        InputError: a file cannot be read, is not what its name says, or is not UTF-8.
    """
    for file in files_of(path):
        ending = _endings(os.path.basename(file))[0]
        if ending == ".parquet":
            found = _of_parquet(file)
        elif ending in JSON_LINES:
            found = _of_json_lines(file)
        else:
            found = _of_text(file, whole=file != path and os.path.getsize(file) <= WHOLE_FILE)
        for text in found:
            for start in range(0, len(text), MOST_CHARACTERS):
                part = text[start : start + MOST_CHARACTERS]
                if part.strip():
                    yield part


def _endings(name: str) -> tuple[str, str]:
    """The ending that says what is in the file, and that of its compression."""
    base, last = os.path.splitext(name.lower())
    return (os.path.splitext(base)[1], last) if last in COMPRESSED else (last, "")


@contextmanager
def _opened(path: str) -> Iterator[TextIOWrapper]:
    """The text of a file, decompressed."""
    compression = _endings(path)[1]
    with open_to_read(path, ACCEPTED) as file, _lifted(path, file, compression) as plain:
        try:
            yield TextIOWrapper(plain, encoding="utf-8")
        except UnicodeDecodeError as error:
            raise _wrong(path, f"not UTF-8 ({error.reason})", "text in UTF-8") from None
        except (EOFError, zlib.error, OSError) as error:
            raise _wrong(path, f"not whole ({error})", f"whole {compression or 'plain'} files") from None


@contextmanager
def _lifted(path: str, file: BinaryIO, compression: str) -> Iterator[Any]:
    if compression == ".gz":
        with gzip.open(file) as plain:
            yield plain
    elif compression == ".zst":
        yield _pyarrow("zstd").input_stream(path, compression="zstd")
    else:
        yield file


def _of_text(path: str, *, whole: bool) -> Iterator[str]:
    """A file of plain text, as the head of this module says."""
    with _opened(path) as file:
        paged = any("\f" in part for part in iter(lambda: file.read(MOST_CHARACTERS), ""))
    with _opened(path) as file:
        parts: list[str] = []
        length = 0
        while line := file.readline(MOST_CHARACTERS):
            *ended, rest = line.split("\f")
            for page in ended:
                yield "".join([*parts, page])
                parts, length = [], 0
            parts.append(rest)
            length += len(rest)
            paragraph_ends = not (rest.strip() or paged or whole)
            if length >= (LEAST_CHARACTERS if paragraph_ends else MOST_CHARACTERS):
                yield "".join(parts)
                parts, length = [], 0
        yield "".join(parts)


def _of_json_lines(path: str) -> Iterator[str]:
    with _opened(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise _wrong(path, f"longer than {LONGEST_LINE:,} characters in line {number}", "shorter lines")
            if line.strip():
                yield _text_of(path, number, line)


def _text_of(path: str, number: int, line: str) -> str:
    accepted = 'a JSON object with a text a line, {"text": "..."}'
    try:
        text = json.loads(line)["text"]
    except (ValueError, RecursionError):
        raise _wrong(path, f"not JSON in line {number}: {shown(line.strip())}", accepted) from None
    except (KeyError, TypeError):
        raise _wrong(path, f"without a text field in line {number}: {shown(line.strip())}", accepted) from None
    if not isinstance(text, str):
        raise _wrong(path, f"without words in line {number}: text={shown(text)}", accepted)
    return text.encode("utf-8", "replace").decode("utf-8")  # half of a surrogate pair is no character


def _of_parquet(path: str) -> Iterator[str]:
    _pyarrow("Parquet")
    from pyarrow import ArrowException, parquet

    with open_to_read(path, ACCEPTED) as opened:
        try:
            with parquet.ParquetFile(opened) as file:
                column = _text_column(path, file.schema_arrow)
                for batch in file.iter_batches(1024, columns=[column]):
                    yield from (text for text in batch.column(0).to_pylist() if text is not None)
        except (ArrowException, OSError) as error:
            raise _wrong(path, f"not Parquet ({shown(str(error))})", "whole Parquet files") from None


def _text_column(path: str, schema: Any) -> str:
    texts = [field.name for field in schema if str(field.type) in ("string", "large_string", "string_view")]
    if "text" in texts or len(texts) == 1:
        return "text" if "text" in texts else str(texts[0])
    raise _wrong(path, f"without a column named text (of words: {', '.join(texts) or 'none'})", "one text column")


def _pyarrow(what: str) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise InputError(
            f"{what} needs pyarrow, which is absent: pip install 'moe-parity[experiments]' adds it"
        ) from None
    return pyarrow


def _wrong(path: str, what: str, accepted: str) -> InputError:
    return InputError(f"{shown(path)} is {what}: accepted is {accepted}")
