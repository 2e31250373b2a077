"""Parameters of the layer to safetensors and back, named as the reference and the exported torch layer name them."""

from collections.abc import Mapping
from math import prod
from types import ModuleType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from parity.design import shown
from parity.errors import InputError
from parity.files import open_to_read, write_whole
from parity.models.checkpoints.header import read_header

Array = NDArray[Any]

DTYPES = {"float32": "F32", "float64": "F64"}
"""What safetensors calls each dtype of the engine."""

LARGEST_HEADER = 1 << 16
"""Bytes of the header, which names at most nine arrays."""


class Layer(Protocol):
    """What says which arrays a layer has: a `reference.MoEConfig`."""

    @property
    def dtype(self) -> str:
        """The dtype of all of them."""

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each by name."""


def save(path: str, params: Mapping[str, Array], config: Layer) -> None:
    """Write the parameters, whole or not at all.

    Raises:
        InputError: they are not the layer's, the file cannot be written, or safetensors is not installed.
    """
    library = _library()
    _check_same(path, {name: (_kind(array), np.shape(array)) for name, array in params.items()}, config)
    contiguous = {name: np.ascontiguousarray(array) for name, array in params.items()}
    write_whole(path, library.save(contiguous))


def load(path: str, config: Layer) -> dict[str, Array]:
    """The parameters of the layer from a file that may come from anywhere; it is read once its header fits.

    Raises:
        InputError: the file cannot be read or is no safetensors file, it does not hold exactly the layer's parameters,
            or safetensors is not installed.
    """
    library = _library()
    tensors, header = read_header(path, LARGEST_HEADER)
    _check_same(path, {tensor.name: (tensor.dtype, tensor.shape) for tensor in tensors}, config)
    expected = 8 + header + sum(tensor.bytes for tensor in tensors)
    with open_to_read(path, "safetensors files") as file:
        data = file.read(expected + 1)
    if len(data) != expected:
        raise InputError(
            f"{shown(path)} has other than the {expected} bytes that its header says: accepted are whole files"
        )
    try:
        loaded: dict[str, Array] = library.load(data)
    except Exception as error:  # the library's own type, which is not to be imported here
        raise InputError(
            f"{shown(path)} is no safetensors file ({shown(str(error))}): accepted are such files"
        ) from None
    return {name: loaded[name] for name in config.shapes()}


def _check_same(path: str, found: Mapping[str, tuple[str, tuple[int, ...]]], config: Layer) -> None:
    """Exactly the names, shapes and the dtype of the layer."""
    shapes, dtype = config.shapes(), DTYPES[config.dtype]
    for name in [*shapes, *found]:
        expected = (dtype, shapes[name]) if name in shapes else None
        if found.get(name) != expected:
            raise InputError(
                f"{shown(path)}: {shown(name)} is {_said(found.get(name))}: accepted is {_said(expected)} "
                f"in a layer with exactly {', '.join(shapes)}"
            )


def _said(array: tuple[str, tuple[int, ...]] | None) -> str:
    return "absent" if array is None else f"{array[0]} {list(array[1])} of {prod(array[1]):,}"


def _kind(array: Array) -> str:
    name = str(getattr(array, "dtype", type(array).__name__))
    return DTYPES.get(name, name)


def _library() -> ModuleType:
    try:
        import safetensors.numpy
    except ImportError:
        raise InputError("safetensors is not installed: accepted after pip install 'moe-parity[weights]'") from None
    return safetensors.numpy
