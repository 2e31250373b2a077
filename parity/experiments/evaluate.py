"""Cross-entropy of a model on the validation part of each set, window by window."""

from collections.abc import Mapping
from math import fsum
from typing import TYPE_CHECKING, Any

from parity.experiments.batches import Windows

if TYPE_CHECKING:
    from reference.decoder_config import DecoderConfig

CURVE_TOKENS = 16_384
"""Tokens of each set that are evaluated on the way."""

FINAL_TOKENS = 131_072
"""Tokens of each set that are evaluated at the end."""

CURVE_POINTS = 10
"""Evaluations of a run, the last one included."""


def losses(params: Mapping[str, Any], windows: Windows, config: "DecoderConfig", sequences: int) -> list[float]:
    """Mean cross-entropy in nats of each window; always so many windows at once, so that nothing depends on how."""
    from reference.decoder import negative_log_likelihoods

    found: list[float] = []
    for start in range(0, len(windows), sequences):
        per_token = negative_log_likelihoods(params, windows[start : start + sequences], config)
        found += [fsum(row) / len(row) for row in per_token.tolist()]
    return found


def mean(values: list[float]) -> float:
    """The mean, whatever the order."""
    return fsum(values) / len(values)


def points(steps: int) -> frozenset[int]:
    """The steps after which a run is evaluated."""
    return frozenset(max(1, steps * number // CURVE_POINTS) for number in range(1, CURVE_POINTS + 1))
