"""All shapes inside the ranges of a sweep, as families.

A shape is all of a design but its two unknowns, `d_expert` and `num_experts`. A family holds the
shapes that differ in numbers alone: with the same projections, router and kind of pool.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from parity.cost import cost_of
from parity.design import LARGEST_INTEGER, MoELayer
from parity.errors import InputError
from parity.ranges import Ranges
from parity.sweep.evaluator import Integers, dimensions_of
from parity.sweep.space import FEW, Space, divisors_within
from parity.unknowns import unknowns

MOST_SHAPES = 1_000_000
"""The most shapes in one sweep."""
MOST_DIVISIONS = 10**8
"""The most pairs of a latent width and heads that are tried: some seconds of work."""
SLACK = 1 + 1e-9
"""What bounds in floating point are widened by; what they admit in excess is dropped later, exactly."""


@dataclass(frozen=True)
class Family:
    """Shapes with the same projections, router and kind of pool."""

    template: MoELayer
    """One of them, its unknowns filled in at will."""
    shapes: dict[str, Integers]
    """`heads`, `top_k`, `d_latent`, `num_shared_experts` and `d_shared`, one element a shape."""
    one_expert: bool
    """Whether these are the designs of one expert, which have no router, or those of more."""

    def __len__(self) -> int:
        return len(self.shapes["heads"])


def families(space: Space) -> Iterator[Family]:
    """All shapes inside the ranges that may be feasible, each once.

    Raises:
        InputError: fields do not go together, or there are more than MOST_SHAPES.
    """
    plain = space.template()
    room = _Room()
    for pool in space.expert_pools or (plain.expert_pool,):
        for latents, shared in product(_latents(space, plain), _shared(space, plain)):
            split = _heads(latents, space.heads)
            for chosen in (split[1] == 1, split[1] > 1):
                d_latent, heads = split[:, chosen]
                if not len(heads):
                    continue
                fields = {"d_latent": int(d_latent[0]), "expert_pool": pool}
                fields |= {"num_shared_experts": shared[0][0], "d_shared": shared[0][1]}
                template = space.template(int(heads[0]), **fields)
                aligned = d_latent // heads % space.constraints.alignment == 0
                bases = _crossed(d_latent[aligned], heads[aligned], shared, room)
                shapes = _with_top_k(space, template, bases, room)
                alone = shapes["top_k"] == 1
                if alone.any():
                    yield Family(template, {name: column[alone] for name, column in shapes.items()}, one_expert=True)
                if len(alone):
                    yield Family(template, shapes, one_expert=False)


def _latents(space: Space, plain: MoELayer) -> Iterator[list[int]]:
    """The latent widths: the token's own, and those that need projections."""
    widths = space.d_latent or Ranges(((plain.d_latent, plain.d_latent),))
    if plain.d_model in widths:
        yield [plain.d_model]
    other = next((width for width in widths if width != plain.d_model), None)
    if other is not None:
        projected = space.template(d_latent=other)
        affordable = widths.up_to(_largest_affordable(space, projected, "d_latent", ("head", "merge")))
        if affordable:
            _check_number("latent widths", affordable.size)
            projected_widths = [width for width in affordable if width != plain.d_model]
            if projected_widths:
                yield projected_widths


def _shared(space: Space, plain: MoELayer) -> Iterator[list[tuple[int, int]]]:
    """Numbers and widths of shared experts: none, and some."""
    numbers = space.num_shared_experts or Ranges(((plain.num_shared_experts, plain.num_shared_experts),))
    if space.d_shared is not None and numbers.highest == 0:
        raise InputError(
            f"d_shared={space.d_shared} without shared experts: accepted with num_shared_experts of at least 1"
        )
    if 0 in numbers:
        yield [(0, 0 if space.d_shared else plain.d_shared)]
    widths = space.d_shared or Ranges(((plain.d_shared, plain.d_shared),))
    if numbers.highest == 0:
        return
    narrowest = next((width for width in widths if width), None)
    if narrowest is None:
        raise InputError(f"num_shared_experts={numbers} with d_shared=0: accepted are widths of at least 1")
    some = space.template(num_shared_experts=1, d_shared=narrowest)
    affordable = numbers.up_to(_largest_affordable(space, some, "num_shared_experts", ("shared",)))
    pairs: list[tuple[int, int]] = []
    widest = _largest_affordable(space, some, "d_shared", ("shared",))
    for number in affordable or ():
        # Costs grow with number times width; the one more is for what the scalar count subtracts.
        bound = widest // max(number, 1) + 1 if widest < LARGEST_INTEGER else LARGEST_INTEGER
        within = widths.up_to(bound)
        if number and within:
            _check_number("shared experts of different number or width", len(pairs) + within.size)
            pairs += [(number, width) for width in within if width]
    if pairs:
        yield pairs


def _largest_affordable(space: Space, template: MoELayer, name: str, ops: tuple[str, ...]) -> int:
    """The largest value of the field at which the ops that it determines stay within the limits."""

    def exceeds(value: int) -> bool:
        always = unknowns(dimensions_of(template, {name: value}), space.rule).always
        alone = replace(always, rows=tuple(row for row in always.rows if row.op in ops))
        return bool(alone.flops_per_token > space.limits.most_flops or alone.params > space.limits.most_params)

    largest = bisect_left(range(1, LARGEST_INTEGER), True, key=exceeds)
    return largest + (largest == LARGEST_INTEGER - 1 and not exceeds(LARGEST_INTEGER))


def _heads(latents: list[int], heads: Ranges) -> Integers:
    """[2, n]: each latent width with each of the heads that divide it."""
    fitting = heads.up_to(max(latents))
    if fitting is None:
        return np.empty((2, 0), np.int64)
    if len(latents) * min(fitting.size, FEW) > MOST_DIVISIONS:
        raise InputError(
            f"{len(latents):,} latent widths with {fitting.size:,} values of heads are too many to divide: "
            "accepted are narrower ranges of d_latent or heads"
        )
    if fitting.size > FEW:
        found = [(width, h) for width in latents for h in divisors_within(fitting, width)]
        return np.array(found, dtype=np.int64).reshape(-1, 2).T
    widths = np.array(latents)
    divided = [(widths[widths % h == 0], h) for h in fitting]
    return np.concatenate([np.stack([some, np.full(len(some), h)]) for some, h in divided], axis=1)


class _Room:
    """Counts shapes before they are made."""

    def __init__(self) -> None:
        self._taken = 0

    def take(self, number: int) -> None:
        self._taken += number
        _check_number("combinations of heads, top-k, latent and shared widths", self._taken)


def _check_number(what: str, number: int) -> None:
    if number > MOST_SHAPES:
        raise InputError(f"the ranges hold {number:,} {what} or more: accepted are ranges with up to {MOST_SHAPES:,}")


def _crossed(d_latent: Integers, heads: Integers, shared: list[tuple[int, int]], room: _Room) -> dict[str, Integers]:
    """Each latent width and heads with each number and width of shared experts."""
    room.take(0 if not len(heads) else len(heads) * len(shared) - len(heads))
    numbers, widths = (np.tile(column, len(heads)) for column in np.array(shared).T)
    bases = {"d_latent": np.repeat(d_latent, len(shared)), "heads": np.repeat(heads, len(shared))}
    return bases | {"num_shared_experts": numbers, "d_shared": widths}


def _with_top_k(space: Space, template: MoELayer, bases: dict[str, Integers], room: _Room) -> dict[str, Integers]:
    """Each base with every top-k at which the narrowest and fewest experts may stay within the limits."""
    # Bounds, widened by SLACK: what they admit in excess is dropped by the integers of the boxes.
    floats: dict[str, Any] = {name: column.astype(np.float64) for name, column in bases.items()}
    floats["d_expert"] = float(space.constraints.width_step)
    one = cost_of(dimensions_of(template, floats | {"top_k": 1.0, "num_experts": np.ones(1)}), space.rule)
    always = [row for row in one.rows if row.op not in ("router", "experts")]
    each = next(row for row in one.rows if row.op == "experts")
    by_flops = (space.limits.most_flops * SLACK - sum(row.flops_per_token for row in always)) / each.flops_per_token
    by_params = (space.limits.most_params * SLACK - sum(row.params for row in always)) / each.params
    bound = min(space.top_k.highest, space.num_experts.highest, space.constraints.max_experts or LARGEST_INTEGER)
    floats_at_most = np.broadcast_to(np.minimum(by_flops, by_params), len(bases["heads"])).tolist()
    most = [min(int(most), bound) for most in floats_at_most]
    parts = []
    for first, last in space.top_k.spans:
        numbers = [max(0, min(top_k, last) - first + 1) for top_k in most]
        room.take(sum(numbers))
        counts = np.array(numbers, dtype=np.int64)
        base = np.repeat(np.arange(len(counts)), counts)
        top_k = first + np.arange(len(base)) - np.repeat(np.cumsum(counts) - counts, counts)
        parts.append({name: column[base] for name, column in bases.items()} | {"top_k": top_k})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
