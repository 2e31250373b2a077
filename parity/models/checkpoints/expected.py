"""What a config says that a place holds: arrays by name and shape."""

from dataclasses import dataclass
from math import prod

from parity.design import MoELayer
from parity.ledger import dimensions
from parity.models.checkpoints.place import Stack
from parity.models.description import Model, Placed


@dataclass(frozen=True)
class Array:
    """So many arrays of parameters of one shape, inputs before outputs."""

    op: str
    name: str
    shape: tuple[int, ...]
    copies: int = 1

    @property
    def params(self) -> int:
        """Parameters of all copies."""
        return self.copies * prod(self.shape)


def arrays_of_layer(layer: MoELayer) -> tuple[Array, ...]:
    """The arrays of an MoE layer that the ledger adds up, under the matmul convention."""
    x = dimensions(layer)
    gate = 1 if x.input_matrices == 2 else 0
    experts, shared = x.pools * x.num_experts, x.num_shared_experts
    arrays = (
        Array("head", "down-projection", (x.d_model, x.d_latent), int(x.has_head)),
        Array("router", "router", (x.d_router, x.num_experts), x.pools if x.has_router else 0),
        Array("experts", "gate", (x.d_sub_token, x.d_expert), gate * experts),
        Array("experts", "up", (x.d_sub_token, x.d_expert), experts),
        Array("experts", "down", (x.d_expert, x.d_sub_token), experts),
        Array("merge", "up-projection", (x.d_latent, x.d_model), int(x.has_merge)),
        Array("shared", "gate", (x.d_model, x.d_shared), gate * shared),
        Array("shared", "up", (x.d_model, x.d_shared), shared),
        Array("shared", "down", (x.d_shared, x.d_model), shared),
    )
    return tuple(array for array in arrays if array.copies)


class Expected:
    """The arrays of each place of a model. Layers with the same blocks are looked up once."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._known: dict[tuple[int, ...], dict[str, tuple[Array, ...]]] = {}

    def of(self, stack: Stack, layer: int | None) -> dict[str, tuple[Array, ...]]:
        """The arrays of a layer, or of what stands outside of layers, by op."""
        chosen = tuple(i for i, placed in enumerate(self._model.blocks) if _is_in(placed, stack, layer))
        if chosen not in self._known:
            ops: dict[str, tuple[Array, ...]] = {}
            for array in (array for i in chosen for array in _arrays(self._model.blocks[i])):
                ops[array.op] = (*ops.get(array.op, ()), array)
            self._known[chosen] = ops
        return self._known[chosen]


def _is_in(placed: Placed, stack: Stack, layer: int | None) -> bool:
    if layer is None:
        return placed.layers is None  # of whichever stack: names of what is outside do not always tell
    return placed.stack == stack and placed.layers is not None and layer in placed.layers


def _arrays(placed: Placed) -> list[Array]:
    block = placed.block
    parts = [Array(part.op, part.name, part.shape, part.copies) for part in block.parts if part.params]
    return [*parts, *(arrays_of_layer(block.layer) if block.layer else ())]
