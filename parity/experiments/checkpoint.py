"""Training states as safetensors files, which hold arrays and no code, with a digest of what is in them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.design import shown
from parity.errors import InputError
from parity.experiments.storage import write_durably

Arrays = Mapping[str, NDArray[Any]]

FORM = "parity-checkpoint-1"


def save_checkpoint(path: Path, arrays: Arrays, step: int) -> None:
    """Write the arrays as the state after `step`, beside `path` and then renamed.

    Raises:
        InputError: it cannot be written.
    """
    from safetensors.numpy import save

    about = json.dumps(
        {"step": step, "sha256": _digest(arrays, step)}
    )  # one text: safetensors keeps no order of several
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    write_durably(path, save(contiguous, metadata={FORM: about}))


def load_checkpoint(path: Path, expected: Mapping[str, tuple[tuple[int, ...], np.dtype[Any]]]) -> tuple[int, Arrays]:
    """The step and the arrays, which have the names, shapes and dtypes that are expected.

    Raises:
        InputError: the file is cut, altered, or of another model.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
        arrays = load(data)
        metadata = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        about = json.loads(metadata[FORM])
        step = int(about["step"])
    except OSError as error:
        raise _wrong(path, f"cannot be read ({error.strerror})") from None
    except (SafetensorError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise _wrong(path, f"is no checkpoint ({shown(str(error))})") from None
    for name in sorted({*arrays, *expected}):
        found = (arrays[name].shape, arrays[name].dtype) if name in arrays else None
        if found != expected.get(name):
            raise _wrong(path, f"has {_shown(found)} for {shown(name)} instead of {_shown(expected.get(name))}")
    if about.get("sha256") != _digest(arrays, step):
        raise _wrong(path, "was altered: its digest does not match what it holds")
    return step, arrays


def _digest(arrays: Arrays, step: int) -> str:
    digest = hashlib.sha256(f"{FORM} {step}".encode())
    for name in sorted(arrays):
        digest.update(f"\0{name}\0{arrays[name].dtype}{arrays[name].shape}\0".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _shown(kind: tuple[tuple[int, ...], np.dtype[Any]] | None) -> str:
    return "nothing" if kind is None else f"{kind[1]} {list(kind[0])}"


def _wrong(path: Path, what: str) -> InputError:
    return InputError(
        f"the checkpoint {shown(str(path))} {what}: put back a whole copy of it, or delete the folder "
        f"{shown(str(path.parent))} to train this variant and seed again; the others are as they were"
    )
