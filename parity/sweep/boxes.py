"""Where the feasible pairs of a shape can be: boxes around them, found by solving rather than scanning.

With m = d_expert and E = num_experts, and the coefficients of `parity.unknowns`, a pair is feasible if

    least FLOPs       <=  f0 + fm * m + fe * E      <=  most FLOPs
    least parameters  <=  p0 + E * (pm * m + pe)    <=  most parameters

For one E these are a range of m, and for one m a range of E. So a box is walked along its shorter
side, and on each row every pair is feasible. Arrays have an element a shape, a box or a row: int64
where bounds prove that nothing overflows, and Python's integers beyond.
"""

from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Any

import numpy as np

from parity.cost import Cost
from parity.exact import narrowest_meant
from parity.sweep.evaluator import SAFE, Integers, dimensions_of, dtype_for
from parity.sweep.shapes import SLACK, Family
from parity.sweep.space import Limits, Space
from parity.unknowns import Unknowns, unknowns

COEFFICIENTS = ("f0", "fm", "fe", "p0", "pm", "pe")
MOST_ROUNDS = 64
"""How often the sides of a box are drawn in at most. Without a router it takes two rounds."""


@dataclass(frozen=True)
class Boxes:
    """Boxes around the feasible pairs of shapes, one element a box. Sides are allowed values, ends included."""

    f0: Integers
    fm: Integers
    fe: Integers
    p0: Integers
    pm: Integers
    pe: Integers
    shape: Integers
    """Which shape of the family each box is of."""
    narrowest: Integers
    widest: Integers
    fewest: Integers
    most: Integers

    def __len__(self) -> int:
        return len(self.shape)

    def take(self, chosen: Any) -> "Boxes":
        """Some of the boxes."""
        return Boxes(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def to(self, number: Any) -> "Boxes":
        """The same with another kind of number, but for the shape."""
        names = [field.name for field in fields(self) if field.name != "shape"]
        return replace(self, **{name: getattr(self, name).astype(number) for name in names})

    @property
    def sides(self) -> tuple[Integers, ...]:
        """The four of them."""
        return self.narrowest, self.widest, self.fewest, self.most


@dataclass(frozen=True)
class Lattice:
    """Which pairs are allowed by their costs, and by the multiples that they must be."""

    limits: Limits
    width_step: int
    experts_step: int

    def widths(self, b: Boxes, experts: Integers) -> tuple[Integers, Integers]:
        """The least and the greatest feasible width in each box at so many experts."""
        limits, step = self.limits, self.width_step
        flops, params, per_width = b.f0 + b.fe * experts, b.p0 + b.pe * experts, b.pm * experts
        least = np.maximum(_up(limits.least_flops - flops, b.fm), _up(limits.least_params - params, per_width))
        most = np.minimum((limits.most_flops - flops) // b.fm, (limits.most_params - params) // per_width)
        return np.maximum(b.narrowest, _up(least, step) * step), np.minimum(b.widest, most // step * step)

    def experts(self, b: Boxes, width: Integers) -> tuple[Integers, Integers]:
        """The fewest and the most feasible experts in each box at this width.

        Where FLOPs do not depend on the experts, the sides of the box hold the width to them.
        """
        limits, step, per_expert = self.limits, self.experts_step, b.pm * width + b.pe
        least, most = _up(limits.least_params - b.p0, per_expert), (limits.most_params - b.p0) // per_expert
        if b.fe.any():
            flops = b.f0 + b.fm * width
            least = np.maximum(least, _up(limits.least_flops - flops, b.fe))
            most = np.minimum(most, (limits.most_flops - flops) // b.fe)
        return np.maximum(b.fewest, _up(least, step) * step), np.minimum(b.most, most // step * step)

    def drawn_in(self, b: Boxes) -> Boxes:
        """The boxes with each side drawn in once; those that turn out empty go."""
        b = _not_empty(replace(b, narrowest=self.widths(b, b.most)[0], widest=self.widths(b, b.fewest)[1]))
        return _not_empty(replace(b, fewest=self.experts(b, b.widest)[0], most=self.experts(b, b.narrowest)[1]))

    def across(self, b: Boxes) -> tuple[Integers, Integers]:
        """How many widths and how many numbers of experts each box spans."""
        return (b.widest - b.narrowest) // self.width_step + 1, (b.most - b.fewest) // self.experts_step + 1

    def most_pairs(self, b: Boxes) -> float:
        """Rounded: how many pairs there may be in all the boxes, to refuse what is too much. No count comes from it."""
        x, (least_flops, most_flops, least_params, most_params) = b.to(np.float64), self.limits
        # Subtracted as integers: sides that are far out would be equal once rounded.
        widths, experts = (side.astype(np.float64) for side in self.across(b))
        flops, params = most_flops - least_flops, most_params - least_params
        in_a_row = np.where(
            experts <= widths,
            np.minimum(widths, 1 + np.minimum(params / (x.pm * x.fewest), flops / x.fm) / self.width_step),
            np.minimum(experts, 1 + params / (x.pm * x.narrowest) / self.experts_step),
        )
        return float(np.sum(np.minimum(widths, experts) * in_a_row))


def boxes_around(family: Family, space: Space, lattice: Lattice) -> Boxes:
    """Boxes around every feasible pair of the family: one a shape, or more where the ranges have gaps."""
    boxes = _finite(family, space, lattice)
    for _ in range(MOST_ROUNDS):
        before, boxes = boxes, lattice.drawn_in(boxes)
        if len(before) == len(boxes) and all(map(np.array_equal, before.sides, boxes.sides)):
            break
    parts = [
        _not_empty(
            replace(
                boxes,
                narrowest=np.maximum(boxes.narrowest, _up(widths[0], lattice.width_step) * lattice.width_step),
                widest=np.minimum(boxes.widest, widths[1] // lattice.width_step * lattice.width_step),
                fewest=np.maximum(boxes.fewest, _up(experts[0], lattice.experts_step) * lattice.experts_step),
                most=np.minimum(boxes.most, experts[1] // lattice.experts_step * lattice.experts_step),
            )
        )
        for widths, experts in product(space.d_expert.spans, space.num_experts.spans)
    ]
    return Boxes(**{field.name: np.concatenate([getattr(b, field.name) for b in parts]) for field in fields(Boxes)})


def _finite(family: Family, space: Space, lattice: Lattice) -> Boxes:
    """A box around all that may be feasible of each shape, not yet close."""
    limits, widths, experts = lattice.limits, space.d_expert, space.num_experts
    coefficients = _coefficients(family, space)
    lowest = widths.lowest, experts.lowest
    large = max(*limits, *lowest, lattice.width_step, lattice.experts_step) >= SAFE >> 2
    number: Any = np.object_ if large or coefficients["fm"].dtype == np.object_ else np.int64
    coefficients = {name: column.astype(number) for name, column in coefficients.items()}
    narrowest = np.full(len(family), widths.lowest, dtype=number)
    if space.rule.counts_router and not space.fixes_an_unknown:
        narrowest = np.maximum(narrowest, _narrowest_meant(coefficients, space))
    if family.one_expert:
        coefficients |= {"fe": np.zeros_like(coefficients["fe"]), "pe": np.zeros_like(coefficients["pe"])}
    fewest = np.maximum(family.shapes["top_k"].astype(number), max(experts.lowest, 1 if family.one_expert else 2))
    bound = min(experts.highest, space.constraints.max_experts or experts.highest, limits.most_params)
    boxes = Boxes(
        **coefficients,
        shape=np.arange(len(family)),
        narrowest=_up(narrowest, lattice.width_step) * lattice.width_step,
        widest=np.full(len(family), min(widths.highest, limits.most_flops), dtype=number),
        fewest=_up(fewest, lattice.experts_step) * lattice.experts_step,
        most=np.full(len(family), 1 if family.one_expert else bound, dtype=number),
    )
    x = boxes.to(np.float64)
    flops, params = x.f0 + x.fm * x.narrowest + x.fe * x.fewest, x.p0 + x.fewest * (x.pm * x.narrowest + x.pe)
    fits = (flops <= limits.most_flops * SLACK) & (params <= limits.most_params * SLACK)
    boxes = _not_empty(boxes.take(fits))
    x = boxes.to(np.float64)
    widest = np.minimum(x.widest, (limits.most_flops - x.f0) / x.fm * SLACK + 1)
    most = np.minimum(x.most, (limits.most_params - x.p0) / (x.pm * x.narrowest + x.pe) * SLACK + 1)
    for on_the_way in (x.f0 + x.fm * widest, x.fe * most, x.pm * widest + x.pe, x.p0 + (x.pm + x.pe) * most):
        if on_the_way.max(initial=0) >= SAFE:
            boxes = boxes.to(np.object_)
    return _not_empty(
        replace(
            boxes,
            widest=np.minimum(boxes.widest, (limits.most_flops - boxes.f0) // boxes.fm),
            most=np.minimum(boxes.most, (limits.most_params - boxes.p0) // (boxes.pm * boxes.narrowest + boxes.pe)),
        )
    )


def _coefficients(family: Family, space: Space) -> dict[str, Integers]:
    """The coefficients of `parity.unknowns` for each shape, with a router."""
    dtype = dtype_for(family.template, family.shapes | {"d_expert": 1, "num_experts": 2}, space.rule)
    shapes = {name: column.astype(dtype) for name, column in family.shapes.items()}
    read = unknowns(dimensions_of(family.template, shapes | {"d_expert": 1, "num_experts": 2}), space.rule)
    return {name: np.broadcast_to(np.asarray(getattr(read, name), dtype), len(family)) for name in COEFFICIENTS}


def _narrowest_meant(coefficients: dict[str, Integers], space: Space) -> Integers:
    """On which side of the least FLOPs each shape is meant; where that begins beyond int64, nothing in int64 fits."""
    always = Cost(space.rule.name, ())
    shapes = zip(*(coefficients[name].tolist() for name in COEFFICIENTS), strict=True)
    read = (Unknowns(f0, fm, fe, p0, pm, pe, always) for f0, fm, fe, p0, pm, pe in shapes)
    number = coefficients["fm"].dtype
    most = SAFE if number == np.int64 else None
    meant = (narrowest_meant(u, space.target.params) for u in read)
    return np.array([value if most is None else min(value, most) for value in meant], dtype=number)


def _not_empty(boxes: Boxes) -> Boxes:
    return boxes.take((boxes.narrowest <= boxes.widest) & (boxes.fewest <= boxes.most))


def _up(number: Any, step: Any) -> Any:
    """How many steps reach the number."""
    return -(-number // step)
