"""The ledger over arrays: what many designs cost, exactly.

A column is an array of integers or one integer for all designs. Integers are int64 where the cost of
the largest of each column proves that nothing overflows, and Python's own beyond.
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity.conventions import Convention, convention_named
from parity.cost import cost_of
from parity.design import LARGEST_INTEGER, MoELayer
from parity.lattice import Target
from parity.ledger import Dimensions, resolved

Integers = NDArray[Any]
"""int64, or Python integers where they may be larger."""
Columns = Mapping[str, Any]
"""Fields of designs by name: arrays of integers, all as long, and integers that hold for all designs."""

BLOCK = 1 << 15
"""Designs evaluated at once: what is worked on stays in a processor's own cache."""
SAFE = 1 << 62
"""A bound below which sums and differences of two stay within int64."""


class Costs(NamedTuple):
    """The totals of many designs."""

    flops_per_token: Integers
    params: Integers
    active_params: Integers


def evaluate(template: MoELayer, columns: Columns, convention: str | Convention = "paper") -> Costs:
    """Forward FLOPs per token, parameters and active parameters of designs, one for each element of the columns.

    A field that is no column is the template's. The designs are taken to be valid: `heads` divides
    `d_latent`, `top_k` is at most `num_experts`, `num_shared_experts` is 0 for all or for none, and
    `head_layer`, `merge_layer`, `router_input` and `expert_pool` are the template's.

    Raises:
        InputError: there is no convention of that name.
    """
    rule = convention if isinstance(convention, Convention) else convention_named(convention)
    whole = {name: column for name, column in columns.items() if isinstance(column, np.ndarray)}
    single = {name: column for name, column in columns.items() if name not in whole}
    length = max((len(column) for column in whole.values()), default=1)
    costs = Costs(*(np.empty(length, dtype=dtype_for(template, columns, rule)) for _ in Costs._fields))

    def fill(part: slice) -> None:
        _fill(Costs(*(c[part] for c in costs)), template, {n: c[part] for n, c in whole.items()} | single, rule)

    _in_blocks(length, fill)
    return costs


def _fill(costs: Costs, template: MoELayer, columns: Mapping[str, Any], rule: Convention) -> None:
    """Evaluate one block, those with one expert apart where the router counts: they have none."""
    experts = columns.get("num_experts", template.num_experts)
    if rule.counts_router and isinstance(experts, np.ndarray):
        alone = experts == 1
        if alone.any() and not alone.all():
            for chosen, num_experts in ((alone, 1), (~alone, experts[~alone])):
                part = {n: c[chosen] if isinstance(c, np.ndarray) else c for n, c in columns.items()}
                counted = _totals(template, part | {"num_experts": num_experts}, rule, costs.params.dtype)
                for out, values in zip(costs, counted, strict=True):
                    out[chosen] = values
            return
        columns = {**columns, "num_experts": 1} if alone.all() else columns
    for out, values in zip(costs, _totals(template, columns, rule, costs.params.dtype), strict=True):
        out[:] = values


def _totals(template: MoELayer, columns: Columns, rule: Convention, dtype: Any) -> tuple[Any, ...]:
    wide = {n: c.astype(dtype, copy=False) if isinstance(c, np.ndarray) else c for n, c in columns.items()}
    return tuple(cost_of(dimensions_of(template, wide), rule).totals().values())


def errors(costs: Costs, target: Target) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(cost - target) / target of the FLOPs and of the parameters, rounded to floating point."""
    flops_error, params_error = np.empty(len(costs.params)), np.empty(len(costs.params))

    def fill(part: slice) -> None:
        flops_error[part] = less(costs.flops_per_token[part], target.flops_per_token) / target.flops_per_token
        params_error[part] = less(costs.params[part], target.params) / target.params

    _in_blocks(len(costs.params), fill)
    return flops_error, params_error


def less(column: Integers, value: int) -> Integers:
    """The column less an integer of any size."""
    return (column if abs(value) < SAFE else column.astype(np.object_)) - value


def dimensions_of(template: MoELayer, columns: Columns) -> Dimensions:
    """The dimensions of the designs: all with a router unless `num_experts` is one integer, 1."""
    fields: dict[str, Any] = template.to_dict() | dict(columns)
    heads, experts = fields["heads"], fields["num_experts"]
    pools = heads if fields["expert_pool"] == "per_head" else 1
    reachable = _least(pools * experts, heads * fields["top_k"])
    return replace(
        resolved(fields, fields["d_latent"] // heads, reachable),
        has_router=isinstance(experts, np.ndarray) or experts != 1,
        has_shared=bool(np.any(fields["num_shared_experts"] != 0)),
    )


def dtype_for(template: MoELayer, columns: Columns, rule: Convention) -> Any:
    """Costs grow with every column, so those of the largest values bound all of them, and every product on the way."""
    largest = {n: int(c.max(initial=1)) if isinstance(c, np.ndarray) else c for n, c in columns.items()}
    heads = columns.get("heads", template.heads)
    fewest_heads = int(heads.min(initial=LARGEST_INTEGER)) if isinstance(heads, np.ndarray) else heads
    widest = largest.get("d_latent", template.d_latent) // fewest_heads
    bound = cost_of(replace(dimensions_of(template, largest), d_sub_token=widest, has_router=True), rule)
    return np.int64 if all(abs(total) < SAFE for total in bound.totals().values()) else np.object_


def _least(one: Any, other: Any) -> Any:
    both_integers = isinstance(one, int) and isinstance(other, int)
    return min(one, other) if both_integers else np.minimum(one, other)


def _in_blocks(length: int, fill: Callable[[slice], None]) -> None:
    """Do all blocks, on as many threads as there are processors: NumPy lets others run while it works on an array."""
    parts = [slice(start, start + BLOCK) for start in range(0, length, BLOCK)]
    if len(parts) <= 1:
        for part in parts:
            fill(part)
        return
    with ThreadPoolExecutor(_processors()) as pool:
        list(pool.map(fill, parts))


def _processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
