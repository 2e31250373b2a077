"""Hidden costs summed up: equal FLOPs, so many times the time, because of what."""

from collections.abc import Sequence
from fractions import Fraction

from parity.cost import cost
from parity.design import MoELayer
from parity.hardware import Accelerator
from parity.hidden import Prediction, Setting, all_to_all_bytes_per_token, passes, predict, rows_of
from parity.text import counted, decimal, integer

PREFERRED = "H100 SXM"
"""The accelerator that sentences are about, where it is among those shown and has a rate."""


def summaries(
    labels: Sequence[str], layers: Sequence[MoELayer], setting: Setting, on: Sequence[Accelerator]
) -> list[str]:
    """A sentence on each layer but the first, which the others are held against."""
    able = [accelerator for accelerator in on if setting.format.arithmetic in accelerator.flops_per_second]
    if not able:
        return []
    accelerator = next((a for a in able if a.name == PREFERRED), able[0])
    base, *others = (
        _Side(label, layer, setting, prediction)
        for label, layer in zip(labels, layers, strict=True)
        if (prediction := predict(layer, setting, accelerator)) is not None
    )
    return [_sentence(side, base, accelerator.name) for side in others]


class _Side:
    """What a sentence says of one layer."""

    def __init__(self, label: str, layer: MoELayer, setting: Setting, prediction: Prediction) -> None:
        self.label, self.layer, self.parts, self.seconds = label, layer, prediction.parts(), prediction.seconds
        self.flops_per_token = int(cost(layer).flops_per_token)
        made = passes(layer, setting)
        self.flops = sum(part.flops for part in made)
        self.moved = sum((part.bytes_moved for part in made), Fraction(0))
        self.sent = all_to_all_bytes_per_token(layer, setting)
        self.rows = rows_of(layer, setting)
        self.decisions = layer.heads * layer.top_k


def _sentence(own: _Side, base: _Side, accelerator: str) -> str:
    flops = Fraction(own.flops_per_token, base.flops_per_token)
    has = "the FLOPs" if flops == 1 else f"{_times(flops)} times the FLOPs"
    start = f"{own.label} has {has} of {base.label} (paper convention) and"
    ratio = own.seconds / base.seconds
    if ratio == 1:
        return f"{start} the same predicted time on {accelerator}."
    return f"{start} {_times(ratio)} times its predicted time on {accelerator}: {_cause(own, base)}."


def _cause(own: _Side, base: _Side) -> str:
    """What contributes most to the difference in time, in the direction of that difference."""
    slower = own.seconds > base.seconds
    differences = {name: own.parts[name] - base.parts[name] for name in own.parts}
    part = max(differences, key=lambda name: differences[name] if slower else -differences[name])
    if part == "arithmetic":
        return f"all its ops, the router too, take {_times(Fraction(own.flops, base.flops))} times the FLOPs"
    if part == "padding":
        own_share, base_share = (decimal(side.rows.padding * 100, 3) for side in (own, base))
        own_rows, base_rows = (decimal(side.rows.per_expert, 4) for side in (own, base))
        return (
            f"{own_share}% of the rows its experts compute are padding instead of {base_share}%, with {own_rows} "
            f"rows per expert instead of {base_rows}"
        )
    decisions = counted(own.decisions, "routing decision")
    if part == "memory":
        waits = f"its ops wait {'longer' if slower else 'less'} for memory"
        return f"{waits}, moving {_times(own.moved / base.moved)} times the bytes with {_instead(decisions, own, base)}"
    return (
        f"{_instead(decisions, own, base)}, of {integer(own.layer.d_sub_token)} numbers each instead of "
        f"{integer(base.layer.d_sub_token)}, send {_times(own.sent / base.sent)} times the bytes"
    )


def _instead(decisions: str, own: _Side, base: _Side) -> str:
    if own.decisions == base.decisions:
        return f"as many routing decisions, {integer(own.decisions)}"
    return f"{decisions} a token instead of {integer(base.decisions)}"


def _times(ratio: Fraction) -> str:
    """To three digits, or as many more as it takes to tell it from 1."""
    texts = (decimal(ratio, digits) for digits in range(3, 13))
    return next((text for text in texts if ratio == 1 or text != "1"), "1")
