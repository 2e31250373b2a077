"""Predicted times of a layer as a column of a table and as data."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from parity.design import MoELayer
from parity.hardware import Accelerator
from parity.hidden import Setting, gradient_bytes, kept_bytes, optimizer_bytes, predict, weight_bytes
from parity.machine import Machine, engine_seconds
from parity.report.hidden import rounded
from parity.report.model import Cell
from parity.text import decimal


class Times:
    """One column: milliseconds on each accelerator, and on this machine."""

    def __init__(self, layer: MoELayer, setting: Setting, on: Sequence[Accelerator], machine: Machine | None) -> None:
        self.predicted = [(accelerator, predict(layer, setting, accelerator)) for accelerator in on]
        self.here = None if machine is None else engine_seconds(layer, setting.tokens, machine)
        precision = setting.format
        self.bytes_per_device = (
            Fraction(weight_bytes(layer, precision))
            + gradient_bytes(layer, precision)
            + optimizer_bytes(layer, precision)
            + kept_bytes(layer, setting.tokens, precision)
        ) / setting.ep

    @staticmethod
    def labels(on: Sequence[Accelerator], machine: Machine | None) -> list[str]:
        """The labels of `cells`."""
        return [*(accelerator.name for accelerator in on), *([] if machine is None else ["this machine, float32"])]

    def cells(self) -> list[Cell]:
        """The column; no time where the data sheet has no rate for the precision."""
        cells: list[Cell] = [
            "no rate" if prediction is None else rounded(1000 * prediction.seconds) for _, prediction in self.predicted
        ]
        return cells if self.here is None else [*cells, rounded(1000 * Fraction(self.here))]

    def data(self) -> dict[str, Any]:
        """Seconds on each accelerator with what takes them, and on this machine; null where there are none."""
        return {
            "accelerators": {
                accelerator.name: None
                if prediction is None
                else {
                    "seconds": decimal(prediction.seconds),
                    "parts": {name: decimal(seconds) for name, seconds in prediction.parts().items()},
                    "fits_in_memory": self._fits(accelerator),
                    "source": accelerator.source,
                }
                for accelerator, prediction in self.predicted
            },
            "this_machine": None if self.here is None else {"seconds": self.here, "precision": "float32"},
        }

    @staticmethod
    def notes(labels: Sequence[str], times: "Sequence[Times]", machine: Machine | None) -> list[str]:
        """Who has too little memory, and what this machine's row is or how to get it."""
        notes = []
        for label, time in zip(labels, times, strict=True):
            small = [accelerator.name for accelerator, _ in time.predicted if not time._fits(accelerator)]
            if small:
                notes.append(f"{label} with gradients, states and activations does not fit in {', '.join(small)}.")
        if machine is None:
            notes.append("This machine has not been measured: parity compare with --measure does so once, in seconds.")
        else:
            notes.append(
                "This machine's row is no bound but what the reference engine should take: one device, float32, "
                "no row dropped or padded."
            )
        return notes

    def _fits(self, accelerator: Accelerator) -> bool:
        return self.bytes_per_device <= accelerator.memory_bytes
