"""Rows that experts are given, drop, and compute when they round up.

Balanced means as even as whole rows can be: q = floor(rows / experts) each, and one more for as many as
remain. What random routing adds is an expectation over uniform choices, apart for each sub-token.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from math import ceil

from parity.design import MoELayer
from parity.hidden.binomial import expected_excess, expected_multiple
from parity.hidden.setting import Setting


@dataclass(frozen=True)
class Group:
    """Experts that all get the same number of rows."""

    experts: int
    rows: int
    kept: int
    """Rows that there are slots for."""
    stored: int
    """Rows that take memory: all slots where there are such."""
    computed: int
    """Rows that products are made of: those stored, rounded up to a tile."""


@dataclass(frozen=True)
class Rows:
    """The routed rows of a batch, over the experts of all pools."""

    experts: int
    total: int
    """Routing decisions of the batch: tokens * heads * top_k."""
    slots: int | None
    """Rows that one expert has room for; None without a capacity."""
    groups: tuple[Group, ...]
    """The experts under balanced routing, those with more rows first."""
    expected_dropped: float
    """Share of the decisions dropped under random routing."""
    expected_padding: float
    """Share of the rows computed that hold nothing under random routing."""

    @property
    def per_expert(self) -> Fraction:
        """Rows of one expert under balanced routing."""
        return Fraction(self.total, self.experts)

    @property
    def kept(self) -> int:
        """Decisions that are not dropped under balanced routing."""
        return sum(group.experts * group.kept for group in self.groups)

    @property
    def computed(self) -> int:
        """Rows that are computed under balanced routing."""
        return sum(group.experts * group.computed for group in self.groups)

    @property
    def dropped(self) -> Fraction:
        """Share of the decisions dropped under balanced routing."""
        return 1 - Fraction(self.kept, self.total)

    @property
    def padding(self) -> Fraction:
        """Share of the rows computed that hold nothing under balanced routing."""
        return 1 - Fraction(self.kept, self.computed)

    def on_fullest_device(self, devices: int) -> tuple[Group, ...]:
        """The groups as they are on the device with the most rows, where each has as even a share of the experts."""
        left, here = -(-self.experts // devices), []
        for group in self.groups:
            taken = min(left, -(-group.experts // devices))
            here.append(replace(group, experts=taken))
            left -= taken
        return tuple(group for group in here if group.experts)


@lru_cache(64)  # each accelerator asks again, and expectations take milliseconds
def rows_of(layer: MoELayer, setting: Setting) -> Rows:
    """The rows of the layer's experts in that setting."""
    experts, total = layer.pools * layer.num_experts, setting.tokens * layer.heads * layer.top_k
    factor, tile = setting.capacity_factor, setting.tile
    slots = None if factor is None else ceil(factor * Fraction(total, experts))

    def group(number: int, rows: int) -> Group:
        stored = rows if slots is None else slots
        return Group(number, rows, min(rows, stored), stored, _rounded_up(stored, tile))

    least, fuller = divmod(total, experts)
    groups = tuple(group(n, rows) for n, rows in ((fuller, least + 1), (experts - fuller, least)) if n)
    draws, chance = setting.tokens * layer.heads // layer.pools, Fraction(layer.top_k, layer.num_experts)
    mean = float(draws * chance)
    lost = 0.0 if slots is None else expected_excess(draws, chance, slots)
    computed = expected_multiple(draws, chance, tile) if slots is None else float(_rounded_up(slots, tile))
    return Rows(experts, total, slots, groups, lost / mean, max(0.0, 1 - (mean - lost) / computed))


def _rounded_up(rows: int, tile: int) -> int:
    return -(-rows // tile) * tile
