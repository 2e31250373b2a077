"""Files that outlive their process: written whole and synced, logs that lose at most their last line, and locks."""

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

from parity.design import shown
from parity.errors import InputError

GO_ON = "make room for it and give the same command again, which goes on from the last checkpoint"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say what to do where `path` cannot be written.

    Raises:
        InputError: the system says so, a full disk among other reasons.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"{shown(str(path))} cannot be written ({error.strerror or error}): {GO_ON}") from None


def write_durably(path: Path, data: bytes) -> None:
    """Replace `path` whole or not at all, and return when it is on disk.

    Raises:
        InputError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.new")
    with writing(path):
        try:
            with open(beside, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


class Log:
    """JSON lines, one for each of the `expected` steps, of which those after `step` are taken away.

    Raises:
        InputError: the file lacks a step up to `step`, so it is not the log that the checkpoint belongs to.
    """

    def __init__(self, path: Path, step: int, expected: Iterable[int]) -> None:
        self.path = path
        end = self._end_of(step, expected)
        with writing(path):
            self._file = open(path, "ab", buffering=0)  # noqa: SIM115  # `close` closes it
            self._file.truncate(end)

    def _end_of(self, step: int, expected: Iterable[int]) -> int:
        """Bytes of the lines up to `step`."""
        end = 0
        lines = deque(self.path.read_bytes().splitlines(keepends=True) if self.path.exists() else [])
        for number in (number for number in expected if number <= step):
            line = lines.popleft() if lines else b""
            if not line.endswith(b"\n") or _step(line) != number:
                raise InputError(
                    f"{shown(str(self.path))} has {shown(line.decode('utf-8', 'replace').strip() or 'its end')} where "
                    f"step {number} belongs, but the checkpoint beside it is of step {step}: delete the folder "
                    f"{shown(str(self.path.parent))} to train this variant and seed again"
                )
            end += len(line)
        return end

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line.

        Raises:
            InputError: it cannot be written.
        """
        with writing(self.path):
            self._file.write(_encoded(line))

    def sync(self) -> None:
        """Return when all lines are on disk.

        Raises:
            InputError: they cannot be written.
        """
        with writing(self.path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _step(line: bytes) -> Any:
    try:
        return json.loads(line)["step"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _encoded(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, allow_nan=False).encode() + b"\n"


def append_event(path: Path, event: Mapping[str, Any]) -> None:
    """Add a line to a log that several processes write; half a line that a killed one left is removed.

    Raises:
        InputError: it cannot be written.
    """
    with writing(path), open(path, "a+b", buffering=0) as file:
        _lock(file)
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.write(_encoded(event))
        os.fsync(file.fileno())


@contextmanager
def locked(path: Path, held: str, patience: float = 0.0) -> Iterator[None]:
    """Hold the lock `path`, which ends with the process that holds it, however that ends.

    Raises:
        InputError: another process holds it, and did so for `patience` seconds; `held` says what that means.
    """
    with writing(path):
        file = open(path, "wb")  # noqa: SIM115  # the block below closes it
    with file:
        end = monotonic() + patience
        while True:
            try:
                _lock(file, wait=False)
                break
            except BlockingIOError:
                if monotonic() >= end:
                    raise InputError(held) from None
                sleep(0.1)
        yield


def _lock(file: IO[bytes], *, wait: bool = True) -> None:
    try:
        import fcntl  # here, so that results can be read where there is none
    except ImportError:
        raise InputError("experiments need locks as Unix has them: accepted are Linux and macOS") from None
    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
