"""What figures that a paper prints can count of a layer."""

from collections.abc import Callable, Mapping
from operator import attrgetter

from parity.cost import Cost

Count = Callable[[Cost], int]


def _of_experts(quantity: str) -> Count:
    """The quantity of experts alone, routed and shared."""
    return lambda cost: sum(getattr(row, quantity) for row in cost.rows if row.op in ("experts", "shared"))


COUNTED: Mapping[str, Count] = {
    "flops_per_token": attrgetter("flops_per_token"),
    "params": attrgetter("params"),
    "active_params": attrgetter("active_params"),
    "expert_params": _of_experts("params"),
    "active_expert_params": _of_experts("active_params"),
}
"""By name, how it is counted."""
