"""Writing an export into a folder: all of its files or none, and nothing that is there is ever overwritten."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from parity.design import shown
from parity.errors import InputError

ACCEPTED = "accepted are new folders, and folders without other files of these names"


@contextmanager
def files_in(folder: str, files: Mapping[str, bytes]) -> Iterator[None]:
    """Put the files into the folder at the end, if nothing fails before; what is there already, and the same, stays.

    The folder is made if it is not there. All that can be found wrong is found at the start.

    Raises:
        InputError: the folder cannot be made or written into, or holds another file of one of the names.
    """
    with _refusing(folder):
        target = Path(folder)
        if not folder or (os.path.lexists(target) and not target.is_dir()):
            raise InputError(f"{shown(folder)!r} is not a folder: {ACCEPTED}")
        new = {name: data for name, data in files.items() if not _is_there(target / name, data)}
        there, absolute = target.is_dir(), Path(os.path.abspath(target))
        beside = _filled(absolute if there else absolute.parent, absolute.name, new)
    try:
        yield
        with _refusing(folder):
            if there:
                _move(new, beside, absolute)
            else:
                beside.chmod(0o777 & ~_umask())
                os.rename(beside, absolute)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@contextmanager
def _refusing(folder: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{shown(folder)!r} cannot be written ({reason}): {ACCEPTED}") from None


def _is_there(path: Path, data: bytes) -> bool:
    if not os.path.lexists(path):
        return False
    if path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data:
        return True
    raise InputError(f"{shown(str(path))} is there already and is another file: {ACCEPTED}")


def _filled(parent: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """A folder of another name with the files, in which they are moved to their place or which is renamed itself."""
    beside = Path(tempfile.mkdtemp(dir=parent, prefix=f".{name[:32]}."))
    try:
        for file, data in files.items():
            (beside / file).write_bytes(data)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return beside


def _move(names: Mapping[str, bytes], source: Path, target: Path) -> None:
    """Move the files of these names; if one cannot be moved, those that were are taken back."""
    moved: list[Path] = []
    try:
        for name in names:
            os.link(source / name, target / name)  # fails where there is one meanwhile
            moved.append(target / name)
    except BaseException:
        for path in moved:
            path.unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
