"""Reading and writing files: small JSON from anywhere, and results that are never half-written."""

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from parity.design import shown
from parity.errors import InputError

LARGEST_FILE = 1 << 20
"""The largest JSON file read, in bytes."""


def read_json(path: str, *, constants: bool = False) -> Any:
    """The content of a small JSON file without repeated keys; with `constants`, NaN and Infinity may be in it.

    Raises:
        InputError: there is no such file, or it is too large, not text, or not JSON.
    """
    with open_to_read(path, "files in JSON") as file:
        data = file.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise InputError(f"{shown(path)} is larger than {LARGEST_FILE} bytes: accepted are files in JSON")
    return parse_json(path, data, constants=constants)


def parse_json(name: str, data: bytes, *, constants: bool = False) -> Any:
    """The same of bytes that came from elsewhere, under a name for messages.

    Raises:
        InputError: they are not JSON.
    """
    constant = float if constants else _no_constant
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InputError(f"{shown(name)} is not JSON ({shown(reason)}): accepted are files in JSON") from None


@contextmanager
def open_to_read(path: str, accepted: str) -> Iterator[BinaryIO]:
    """A regular file, open for reading; anything else is refused and not waited for.

    Raises:
        InputError: there is no such file, or it cannot be read; `accepted` is what the message asks for.
    """
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{shown(path)} is not a file: accepted are {accepted}")
            yield file
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{shown(path)} cannot be read ({reason}): accepted are {accepted}") from None


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r} is given twice")
        result[key] = value
    return result


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not a number of JSON")


def write_whole(path: str, data: bytes) -> None:
    """Write `path` whole or not at all.

    Raises:
        InputError: it cannot be written there.
    """
    with whole_file(path) as file:
        file.write(data)


@contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """A file to write beside `path`, renamed at the end, so that the file is the old one or the new one, whole.

    Raises:
        InputError: it cannot be written there.
    """
    try:
        target = Path(path).resolve()  # what a link points to is replaced, not the link
        if not path or (target.exists() and not target.is_file()):
            raise InputError(f"{shown(path)!r} is not a file: accepted are names of files to write")
        mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
        descriptor, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:32]}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            os.chmod(beside, mode)
            os.replace(beside, target)
        except BaseException:
            os.unlink(beside)
            raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{shown(path)} cannot be written ({reason}): accepted are names of files to write") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
