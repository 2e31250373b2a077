"""What a checkpoint holds, read from the headers of its safetensors files, and where its config says otherwise."""

from parity.models.checkpoints.difference import (
    MOST_DIFFERENCES,
    Comparison,
    Difference,
    Op,
    Span,
    difference,
    ledger,
)
from parity.models.checkpoints.expected import Array, arrays_of_layer
from parity.models.checkpoints.header import DTYPES, Tensor
from parity.models.checkpoints.place import Beside, Parts, Place, by_part
from parity.models.checkpoints.reading import Checkpoint, read_checkpoint

__all__ = [
    "DTYPES",
    "MOST_DIFFERENCES",
    "Array",
    "Beside",
    "Checkpoint",
    "Comparison",
    "Difference",
    "Op",
    "Parts",
    "Place",
    "Span",
    "Tensor",
    "arrays_of_layer",
    "by_part",
    "difference",
    "ledger",
    "read_checkpoint",
]
