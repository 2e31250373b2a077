"""Hidden costs of a layer as a column of a table and as data."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

from parity.design import MoELayer
from parity.hidden import (
    Setting,
    all_to_all_bytes_per_token,
    gradient_bytes,
    kept_bytes,
    optimizer_bytes,
    passes,
    rows_of,
    weight_bytes,
)
from parity.precision import PRECISIONS
from parity.report.model import Cell
from parity.text import decimal, integer, number

MEGABYTE = 10**6

LARGEST_IN_FULL = 10**15
"""Below which a number is shown to the last digit before the point."""


class Hidden:
    """One column: memory, rows of the experts, and what passes between devices."""

    def __init__(self, layer: MoELayer, setting: Setting) -> None:
        self.layer, self.setting = layer, setting
        self.weights = {name: weight_bytes(layer, precision) for name, precision in PRECISIONS.items()}
        self.gradients = gradient_bytes(layer, setting.format)
        self.optimizer = optimizer_bytes(layer, setting.format)
        self.activations = kept_bytes(layer, setting.tokens, setting.format)
        self.passes = passes(layer, setting)
        self.moved = sum((part.bytes_moved for part in self.passes), Fraction(0))
        self.intensity = sum(part.flops for part in self.passes) / self.moved
        self.rows = rows_of(layer, setting)
        self.sent = all_to_all_bytes_per_token(layer, setting)

    @staticmethod
    def labels(setting: Setting) -> list[str]:
        """The labels of `cells`."""
        capacity = ["  slots of each", "  dropped", "    if random"] if setting.capacity_factor is not None else []
        return [
            *(f"weights, {name}, MB" for name in PRECISIONS),
            "gradients, MB",
            "AdamW states, MB",
            "activations kept, MB",
            f"bytes moved{', fullest device' if setting.ep > 1 else ''}, MB",
            "FLOPs per byte moved",
            "rows per expert",
            *capacity,
            f"  padding, tiles of {integer(setting.tile)}",
            "    if random",
            "routing decisions per token",
            "all-to-all bytes per token",
        ]

    def cells(self) -> list[Cell]:
        """The column, rounded for people."""
        rows = self.rows
        capacity: list[Cell] = (
            [] if rows.slots is None else [rows.slots, _percent(rows.dropped), _percent(rows.expected_dropped)]
        )
        return [
            *(_megabytes(size) for size in self.weights.values()),
            *(_megabytes(size) for size in (self.gradients, self.optimizer, self.activations, self.moved)),
            rounded(self.intensity),
            rounded(rows.per_expert),
            *capacity,
            _percent(rows.padding),
            _percent(rows.expected_padding),
            self.layer.heads * self.layer.top_k,
            rounded(2 * self.sent),
        ]

    def data(self) -> dict[str, Any]:
        """`memory` and `communication`, exact but for the expectations."""
        halves = {half: sum(p.bytes_moved for p in self.passes if p.half == half) for half in ("forward", "backward")}
        rows = self.rows
        return {
            "memory": {
                "weight_bytes": {name: exact(size) for name, size in self.weights.items()},
                "gradient_bytes": exact(self.gradients),
                "optimizer_bytes": exact(self.optimizer),
                "activation_bytes": exact(self.activations),
                "bytes_moved": {half: exact(Fraction(size)) for half, size in halves.items()},
                "flops_per_byte_moved": exact(self.intensity),
            },
            "communication": {
                "routing_decisions_per_token": self.layer.heads * self.layer.top_k,
                "all_to_all_bytes_per_token": {"forward": exact(self.sent), "backward": exact(self.sent)},
                "rows_per_expert": exact(rows.per_expert),
                "slots_per_expert": rows.slots,
                "rows_computed": rows.computed,
                "padding_share": exact(rows.padding),
                "dropped_share": exact(rows.dropped),
                "expected_under_random_routing": {
                    "padding_share": rows.expected_padding,
                    "dropped_share": rows.expected_dropped,
                },
            },
        }

    @staticmethod
    def notes(setting: Setting) -> list[str]:
        """What the rows mean where the labels do not say it."""
        spread = (
            [
                "Memory is that of all devices together. All-to-all runs at the rate between neighbours, which devices "
                "further apart do not reach. A capacity is that of the whole batch; where each device drops among its "
                "own tokens, more is dropped."
            ]
            if setting.ep > 1
            else []
        )
        return [
            "1 MB is 10^6 bytes. Gradients, states, activations and bytes moved are of forward and backward in "
            f"{setting.precision}; ternary weights have a full-precision router and a scale for each matrix, and their "
            "limit cannot be stored. Activations kept are those of the reference engine, indices of 8 bytes included.",
            'Rows are those of balanced routing; "if random" is expected where every sub-token chooses uniformly. '
            "Padding is the share of computed rows that hold nothing. All-to-all is there and back, forward and "
            "backward, without gates and expert numbers.",
            *spread,
        ]


def exact(value: Fraction | Decimal) -> int | str:
    """An integer, or else text: an exact rational, or a rounded number of twelve digits."""
    if isinstance(value, Decimal):
        return decimal(value)
    return value.numerator if value.denominator == 1 else str(value)


def _megabytes(size: Fraction | Decimal) -> str:
    return rounded(size / MEGABYTE)


def _percent(share: Fraction | float) -> str:
    return f"{decimal(Fraction(share) * 100, 4) if share > 1e-12 else 0}%"


def rounded(value: Fraction | Decimal) -> str:
    """To four digits, or to an integer where that is more: for people, who find the exact value in the data."""
    if 1000 <= value < LARGEST_IN_FULL:
        return integer(round(value))
    return number(Decimal(decimal(value, 4)))
