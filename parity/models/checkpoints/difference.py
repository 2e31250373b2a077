"""Where a checkpoint and its config disagree: op by op, layer by layer, and tensor by tensor."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

from parity.models.checkpoints.expected import Array, Expected
from parity.models.checkpoints.header import Tensor
from parity.models.checkpoints.pairing import unpaired
from parity.models.checkpoints.place import Parts, Place, Stack, by_part, layers_of, params_of
from parity.models.checkpoints.reading import Checkpoint
from parity.models.cost import cost_of_model
from parity.models.description import OPS, Model

MOST_DIFFERENCES = 10_000
"""Differences that are listed; the ledger and the ranges of layers say how large the rest is."""


@dataclass(frozen=True)
class Difference:
    """A tensor that the config does not say, arrays that no tensor holds, or one in place of the other."""

    place: Place | None
    """None of a tensor whose name fits no rule."""
    tensor: Tensor | None
    array: Array | None

    @property
    def params(self) -> int:
        """Parameters that the tensor holds."""
        return params_of(self.tensor) if self.tensor else 0

    @property
    def expected(self) -> int:
        """Parameters that the config says."""
        return self.array.params if self.array else 0


@dataclass(frozen=True)
class Op:
    """The parameters of one op of all layers, as the config says and as the checkpoint holds."""

    op: str
    config: int
    checkpoint: int


@dataclass(frozen=True)
class Span:
    """Consecutive layers of a stack, from the first to the last."""

    stack: Stack
    first: int
    last: int


@dataclass(frozen=True)
class Comparison:
    """A checkpoint against its config."""

    parts: Parts
    ledger: tuple[Op, ...]
    differences: tuple[Difference, ...]
    """At most `MOST_DIFFERENCES`, in layers that both have; tensors whose names fit no rule come last."""
    more: bool
    """Whether there are more of them."""
    only_in_config: tuple[Span, ...]
    """Layers of which the checkpoint has no tensor."""
    only_in_checkpoint: tuple[Span, ...]
    """Layers behind the config's last."""

    @property
    def agrees(self) -> bool:
        """Whether each place holds as many parameters as the config says, and each name is known."""
        return not (self.differences or self.only_in_config or self.only_in_checkpoint)


def difference(model: Model, checkpoint: Checkpoint) -> Comparison:
    """What a checkpoint holds against what its config says.

    Compared are the parameters of each op of each layer. Where their number is the same the tensors are taken to be
    those of the config, however they are fused, split or transposed; where it is not, they are paired by size.
    """
    parts = by_part(checkpoint, model)
    found = list(islice(_differences(model, parts), MOST_DIFFERENCES + 1))
    missing, extra = _layers_of_one(model, parts)
    return Comparison(
        parts, ledger(parts, model), tuple(found[:MOST_DIFFERENCES]), len(found) > MOST_DIFFERENCES, missing, extra
    )


def ledger(parts: Parts, model: Model | None) -> tuple[Op, ...]:
    """Op by op, the parameters of config and checkpoint; without a model, of the checkpoint."""
    said = {row.op: row.params for row in cost_of_model(model).rows} if model else {}
    held: Counter[str] = Counter()
    for place, tensors in parts.places.items():
        held[place.op] += sum(map(params_of, tensors))
    return tuple(Op(op, said.get(op, 0), held[op]) for op in OPS if said.get(op, 0) or held[op])


def _differences(model: Model, parts: Parts) -> Iterator[Difference]:
    expected = Expected(model)
    counts = {stack: layers_of(model, stack) for stack in _STACKS}
    layers = {(place.stack, place.layer) for place in parts.places if place.layer is not None}
    both = sorted((stack, layer) for stack, layer in layers if layer is not None and layer < counts[stack])
    for stack, layer in ((_STACKS[0], None), *both):
        said = expected.of(stack, layer)
        held = {op: parts.places.get(Place(stack, layer, op), ()) for op in OPS}
        for op in OPS:
            arrays, tensors = said.get(op, ()), held[op]
            if sum(map(params_of, tensors)) != sum(array.params for array in arrays):
                place = Place(stack, layer, op)
                yield from (Difference(place, tensor, array) for tensor, array in unpaired(tensors, arrays))
    yield from (Difference(None, tensor, None) for tensor in parts.unknown)


_STACKS: tuple[Stack, Stack] = ("decoder", "encoder")


def _layers_of_one(model: Model, parts: Parts) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The layers that only the config has, and those that only the checkpoint has."""
    missing: list[Span] = []
    extra: list[Span] = []
    for stack in _STACKS:
        count = layers_of(model, stack)
        held = sorted({place.layer for place in parts.places if place.stack == stack and place.layer is not None})
        ends = (-1, *(layer for layer in held if layer < count), count)
        missing += [Span(stack, a + 1, b - 1) for a, b in pairwise(ends) if b - a > 1]
        extra += [Span(stack, first, last) for first, last in _runs(layer for layer in held if layer >= count)]
    return tuple(missing), tuple(extra)


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Runs of consecutive numbers in ascending ones."""
    first = last = None
    for number in numbers:
        if last is not None and first is not None and number != last + 1:
            yield first, last
            first = None
        first = number if first is None else first
        last = number
    if first is not None and last is not None:
        yield first, last
