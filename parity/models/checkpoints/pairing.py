"""Tensors of a place against the arrays that its config says: which belong together, and what is left of both."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import prod

from parity.models.checkpoints.expected import Array
from parity.models.checkpoints.header import Tensor
from parity.models.checkpoints.place import params_of

_MEANS = {
    **dict.fromkeys(("q_proj", "q_norm"), "query"),
    **dict.fromkeys(("k_proj", "k_norm"), "key"),
    **dict.fromkeys(("gate_proj", "w1"), "gate"),
    **dict.fromkeys(("up_proj", "w3"), "up"),
    **dict.fromkeys(("down_proj", "w2"), "down"),
    "v_proj": "value",
    "o_proj": "output",
}
"""What some names of tensors are among the arrays of a place. It chooses what is named, not whether they agree."""

MOST_FUSED = 1000
"""Tensors of a place that are tried as several arrays fused into one."""

Row = tuple[Tensor | None, Array | None]


def unpaired(tensors: Sequence[Tensor], arrays: Sequence[Array]) -> list[Row]:
    """The tensors and the arrays that have no counterpart of their size, side by side where they look alike.

    A tensor may hold one array, all copies of one, or several arrays fused.
    """
    left = _Left(arrays)
    rest = [tensor for tensor in tensors if not left.take_one(tensor, _meaning(tensor))]
    rest = [tensor for tensor in rest if not left.take_one(tensor, "")]
    fused = {tensor.name for tensor in rest[:MOST_FUSED] if left.take_fused(tensor, _meaning(tensor))}
    rest = [tensor for tensor in rest if tensor.name not in fused]
    rows: list[Row] = [(tensor, left.take_alike(tensor, _meaning(tensor))) for tensor in rest]
    return [*rows, *((None, array) for array in left.arrays())]


def _meaning(tensor: Tensor) -> str | None:
    """The word in the name of the array that the tensor's name stands for, if it stands for one."""
    return next((_MEANS[word] for word in tensor.name.split(".")[-2:] if word in _MEANS), None)


class _Left:
    """The arrays that no tensor is paired with yet."""

    def __init__(self, arrays: Sequence[Array]) -> None:
        # Matrices before vectors, so that query, key and value are neighbours even with a bias each.
        self._arrays = sorted(arrays, key=lambda array: len(array.shape) < 2)
        self._copies = [array.copies for array in self._arrays]
        self._of_size: dict[int, list[int]] = defaultdict(list)
        for i, array in enumerate(self._arrays):
            self._of_size[prod(array.shape)].append(i)

    def arrays(self) -> list[Array]:
        """What is left."""
        return [
            replace(array, copies=copies) for array, copies in zip(self._arrays, self._copies, strict=True) if copies
        ]

    def take_one(self, tensor: Tensor, meaning: str | None) -> bool:
        """Take one array that has the size of the tensor and that meaning."""
        for i in self._of_size.get(params_of(tensor), ()):
            if self._copies[i] and meaning is not None and meaning in self._arrays[i].name:
                self._copies[i] -= 1
                return True
        return False

    def take_fused(self, tensor: Tensor, meaning: str | None) -> bool:
        """Take neighbours that have the tensor's size together: one copy of each, or all copies that are left.

        A tensor whose name means one array is taken for copies of that one only.
        """
        size, count = params_of(tensor), len(self._arrays)
        for first in range(count):
            one = everything = 0
            for last in range(first, count if meaning is None else first + 1):
                if not self._copies[last] or (meaning or "") not in self._arrays[last].name:
                    break
                one += prod(self._arrays[last].shape)
                everything += self._copies[last] * prod(self._arrays[last].shape)
                if size in (one, everything):
                    for i in range(first, last + 1):
                        self._copies[i] -= 1 if size == one else self._copies[i]
                    return True
        return False

    def take_alike(self, tensor: Tensor, meaning: str | None) -> Array | None:
        """Take an array that the tensor may be with a side changed, or all its copies if it may be those in one."""
        alike = [i for i, array in enumerate(self._arrays) if self._copies[i] and _alike(tensor, array)]
        if not alike:
            return None
        chosen = next((i for i in alike if meaning is not None and meaning in self._arrays[i].name), alike[0])
        array = self._arrays[chosen]
        taken = self._copies[chosen] if len(tensor.shape) > len(array.shape) else 1
        self._copies[chosen] -= taken
        return replace(array, copies=taken)


def _alike(tensor: Tensor, array: Array) -> bool:
    """Whether they share a side, or both are vectors; the tensor may have a side more for the copies."""
    if len(tensor.shape) - len(array.shape) not in (0, int(array.copies > 1)):
        return False
    return len(tensor.shape) == len(array.shape) == 1 or bool(set(tensor.shape) & set(array.shape) - {1})
