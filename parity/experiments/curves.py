"""How runs went: points to draw, of all seeds of a variant as far as each of them is."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity.experiments.results import Results

POINTS = 100
"""Points of a curve of training losses, each a mean over the steps before it."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """What was measured after some steps [n], with each seed [seeds, n]."""

    steps: NDArray[np.int64]
    values: Values

    @property
    def mean(self) -> Values:
        """The mean over seeds [n]."""
        mean: Values = self.values.mean(axis=0)
        return mean

    @property
    def low(self) -> Values:
        """The least of the seeds [n]."""
        low: Values = self.values.min(axis=0)
        return low

    @property
    def high(self) -> Values:
        """The largest of the seeds [n]."""
        high: Values = self.values.max(axis=0)
        return high


@dataclass(frozen=True)
class Panel:
    """What is drawn in one chart: the curve of each variant that has begun."""

    title: str
    logarithmic: bool
    curves: Mapping[str, Curve]


def panels(results: Results) -> list[Panel]:
    """The training loss, and the perplexity on each set."""
    names = [variant.name for variant in results.plan.suite.variants]
    training = _begun({name: training_curve(results, name) for name in names})
    drawn = [Panel("training loss, nats per token", False, training)]
    for each in results.sets:
        perplexities = _begun({name: _perplexity_curve(results, name, each) for name in names})
        drawn.append(Panel(f"{each}: validation perplexity", True, perplexities))
    return drawn


def training_curve(results: Results, variant: str) -> Curve | None:
    """Training loss in nats per token; None before the first step."""
    found = [run.training for (name, _), run in results.runs.items() if name == variant and len(run.training)]
    if not found:
        return None
    length = min(map(len, found))
    block = -(-length // POINTS)
    whole = length // block * block
    values = np.array([losses[:whole].reshape(-1, block).mean(axis=1) for losses in found])
    return Curve(np.arange(block, whole + 1, block), values)


def _perplexity_curve(results: Results, variant: str, name: str) -> Curve | None:
    """Validation perplexity on the set of that name; None before the first evaluation."""
    found = [run.curve for (other, _), run in results.runs.items() if other == variant and run.curve]
    if not found:
        return None
    length = min(map(len, found))
    values = np.exp(np.array([[losses[name] for _, losses in curve[:length]] for curve in found]))
    return Curve(np.array([step for step, _ in found[0][:length]]), values)


def _begun(curves: Mapping[str, Curve | None]) -> dict[str, Curve]:
    return {name: curve for name, curve in curves.items() if curve is not None}
