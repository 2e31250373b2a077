"""Seconds that an accelerator cannot do without, by its data sheet: a lower bound, not a forecast.

A bound for products that are made one after the other; a kernel that fuses an expert's two products
moves less.
"""

from dataclasses import dataclass, fields
from fractions import Fraction

from parity.design import MoELayer
from parity.hardware import Accelerator
from parity.hidden.setting import Setting
from parity.hidden.traffic import all_to_all_bytes_per_token, passes


@dataclass(frozen=True)
class Prediction:
    """Seconds of forward and backward over the batch, by what takes them."""

    arithmetic: Fraction
    """The FLOPs of the layer at the peak rate."""
    padding: Fraction
    """FLOPs with rows that hold nothing."""
    memory: Fraction
    """What ops have to wait for memory beyond their FLOPs."""
    communication: Fraction
    """All-to-all, which nothing hides."""

    @property
    def seconds(self) -> Fraction:
        """All of it."""
        return sum(self.parts().values(), Fraction(0))

    def parts(self) -> dict[str, Fraction]:
        """The terms by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def predict(layer: MoELayer, setting: Setting, accelerator: Accelerator) -> Prediction | None:
    """Roofline: each op takes the longer of its FLOPs at the peak and its bytes at the memory's bandwidth, in seconds.

    Of `setting.ep` devices the one with the most to do; all-to-all comes on top, forward and backward.
    None if the data sheet has no rate for the precision.
    """
    peak = accelerator.flops_per_second.get(setting.format.arithmetic)
    if peak is None:
        return None
    arithmetic = padding = memory = Fraction(0)
    for part in passes(layer, setting):
        arithmetic += Fraction(part.flops, peak)
        padding += Fraction(part.padding_flops, peak)
        computing = Fraction(part.flops + part.padding_flops, peak)
        memory += max(Fraction(0), part.bytes_moved / accelerator.memory_bytes_per_second - computing)
    sent = 2 * -(-setting.tokens // setting.ep) * all_to_all_bytes_per_token(layer, setting)
    return Prediction(arithmetic, padding, memory, sent / accelerator.interconnect_bytes_per_second)
