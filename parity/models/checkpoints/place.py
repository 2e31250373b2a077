"""Where each tensor of a checkpoint belongs: its layer and the op of the ledger that holds it, or beside the model."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from parity.models.checkpoints import names
from parity.models.checkpoints.header import Tensor
from parity.models.checkpoints.reading import Checkpoint
from parity.models.description import Model, Placed

Stack = Literal["decoder", "encoder"]


class Place(NamedTuple):
    """An op of one layer of a stack; without a number, of all that stands outside of layers."""

    stack: Stack
    layer: int | None
    op: str


@dataclass(frozen=True)
class Beside:
    """Tensors that the main model does not count, all for one reason."""

    what: str
    tensors: tuple[Tensor, ...]


@dataclass(frozen=True)
class Parts:
    """The tensors of a checkpoint: those of the main model by place, those beside it, those whose names fit no rule."""

    places: Mapping[Place, tuple[Tensor, ...]]
    beside: tuple[Beside, ...]
    unknown: tuple[Tensor, ...]

    @property
    def params(self) -> int:
        """Parameters of the main model; unknown tensors do not count."""
        return sum(params_of(tensor) for tensors in self.places.values() for tensor in tensors)


def params_of(tensor: Tensor) -> int:
    """Parameters that a tensor of the main model holds: one an element, but for blocks of MXFP4."""
    return tensor.elements * (2 if _is_blocks(tensor) else 1)


def by_part(checkpoint: Checkpoint, model: Model | None = None) -> Parts:
    """Each tensor by its name. A model says what is tied, and where the layers end that count.

    Layers behind the last are of multi-token prediction where they have what only such layers have. Without a model
    nothing is taken for tied.
    """
    places: dict[Place, list[Tensor]] = defaultdict(list)
    beside: dict[str, list[Tensor]] = defaultdict(list)
    unknown = []
    predicting = _predicting_layers(checkpoint, model)
    layers = _Layers(model)
    for tensor in checkpoint.tensors:
        found = names.layer_of(tensor.name)
        what = names.PREDICTION if found and found[:2] in predicting else names.beside(tensor.name)
        place = None
        if found is not None and what in (None, names.BUFFERS):
            place = layers.place(*found)
            what = None if place else what
        elif found is None and what is None:
            op = names.op_outside(tensor.name)
            place = Place("decoder", None, op) if op else None
        if place and tensor.dtype in names.PACKED_DTYPES and not _is_blocks(tensor):
            what = names.PACKED
        if what:
            beside[what].append(tensor)
        elif place:
            places[place].append(tensor)
        else:
            unknown.append(tensor)
    _set_copies_aside(places, beside, tied=model is not None and model.tied)
    return Parts(
        {place: tuple(tensors) for place, tensors in places.items() if tensors},
        tuple(Beside(what, tuple(tensors)) for what, tensors in beside.items()),
        tuple(unknown),
    )


def layers_of(model: Model, stack: Stack) -> int:
    """How many layers a stack of the model has."""
    return max((_end(placed) for placed in model.blocks if placed.stack == stack), default=0)


def _end(placed: Placed) -> int:
    """The number behind that of the last layer with a block."""
    if placed.layers is None or not len(placed.layers):
        return 0
    among = placed.layers.among
    return (among[-1] if isinstance(among, range) else max(among)) + 1


def _is_blocks(tensor: Tensor) -> bool:
    return names.in_blocks(tensor.name) and tensor.dtype == "U8"


def _predicting_layers(checkpoint: Checkpoint, model: Model | None) -> set[tuple[bool, int]]:
    """The layers behind the model's last that hold what only multi-token prediction has."""
    count = layers_of(model, "decoder") if model else 0
    found = (names.layer_of(tensor.name) for tensor in checkpoint.tensors)
    return {layer[:2] for layer in found if layer and layer[1] >= count and names.marks_prediction(layer[2])}


class _Layers:
    """Places in layers, where a name alone does not always tell the op."""

    def __init__(self, model: Model | None) -> None:
        placed = [placed for placed in (model.blocks if model else ()) if placed.layers is not None]
        self._dense = [p for p in placed if any(part.op == "dense" for part in p.block.parts)]
        self._corrected = [p for p in placed if any("correction" in part.name for part in p.block.parts)]

    def place(self, in_encoder: bool, layer: int, rest: str) -> Place | None:
        """The place of a tensor with that name in a layer.

        Tables of positions serve all layers. What corrects a router counts where the model says so. What granite
        calls shared is the dense block of a layer without experts.
        """
        stack: Stack = "encoder" if in_encoder else "decoder"
        if names.corrects_router(rest):
            return Place(stack, layer, "router") if _any_in(self._corrected, stack, layer) else None
        op = names.op_in_layer(rest)
        if op is None:
            return None
        if op == "positions":
            return Place("decoder", None, op)
        if op == "shared" and _any_in(self._dense, stack, layer):
            return Place(stack, layer, "dense")
        return Place(stack, layer, op)


def _any_in(blocks: Iterable[Placed], stack: Stack, layer: int) -> bool:
    return any(placed.stack == stack and placed.layers is not None and layer in placed.layers for placed in blocks)


def _set_copies_aside(places: dict[Place, list[Tensor]], beside: dict[str, list[Tensor]], *, tied: bool) -> None:
    """Take what is the embedding once more out of the count: a tied head, and the tables of T5's two stacks."""
    embedding, head = places[Place("decoder", None, "embedding")], places[Place("decoder", None, "lm_head")]
    if tied and not embedding:  # of the two names of one tensor a file may have the other
        embedding += [tensor for tensor in head if len(tensor.shape) > 1]
        head[:] = [tensor for tensor in head if len(tensor.shape) == 1]
    shapes = {tensor.shape for tensor in embedding}
    copies = [tensor for tensor in head if tied and tensor.shape in shapes]
    if any(tensor.name == "shared.weight" for tensor in embedding):
        copies += [tensor for tensor in embedding if tensor.name != "shared.weight"]
        embedding[:] = [tensor for tensor in embedding if tensor.name == "shared.weight"]
    aside = {tensor.name for tensor in copies}
    head[:] = [tensor for tensor in head if tensor.name not in aside]
    if copies:
        beside[names.COPIES] += copies
