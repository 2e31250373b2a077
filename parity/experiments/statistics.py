"""How sure a difference between variants is: a bootstrap over seeds and over the text that was evaluated.

A difference in perplexity varies for two reasons. Another seed gives another initialisation and order of batches:
pairs of runs with the same seed are drawn again, with replacement. Other text gives other losses: blocks of
neighbouring windows are drawn again, the same for all runs. Both deviations are added.

With n seeds, and n is 3 here, drawing seeds again can give no more than the largest of them, an interval that covers
too little: at most 1 - 2^(1 - n), which is 75 % for 3. So the deviation over seeds is widened by sqrt(n / (n - 1)),
for the mean that was taken away, and divided by a draw of sqrt(chi-squared(n - 1) / (n - 1)), as the spread itself is
estimated from n values. Of normal deviations that makes Student's t. One seed says nothing of another: there is then
no interval over seeds, only one over text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

DRAWS = 10_000
BLOCK = 8
"""Neighbouring windows that are drawn together, as they are of the same document."""

QUANTILES = (0.025, 0.975)

Losses = NDArray[np.float64]
"""Cross-entropy in nats per token: of each window of a set [windows], unless something else is said."""


@dataclass(frozen=True)
class Difference:
    """A difference in perplexity, the mean over seeds, and its 95 % intervals."""

    mean: float
    seeds: int
    interval: tuple[float, float] | None
    """Over seeds and text; None with one seed."""
    over_text: tuple[float, float]
    """Over text only: of these trained models, whatever another seed would give."""


def perplexity(losses: Losses) -> float:
    """Of the mean loss over windows, which are all as long."""
    return float(np.exp(np.mean(losses)))


def difference(contrast: Mapping[str, int], losses: Mapping[str, Sequence[Losses]]) -> Difference:
    """The sum of perplexities, each times its weight in `contrast`, from losses of windows by variant and seed.

    The seeds of all variants are the same ones in the same order, and so are the windows: equally many of each.
    """
    per_window = np.array([losses[name] for name in contrast])  # [variants, seeds, windows]
    weights = np.array(list(contrast.values()), float)
    seeds = per_window.shape[1]
    per_seed = weights @ np.exp(per_window.mean(axis=2))
    mean = float(per_seed.mean())
    over_text = _over_text(per_window, weights) - mean
    interval = None
    if seeds > 1:
        interval = _quantiles(mean, over_text + _over_seeds(per_seed))
    return Difference(mean, seeds, interval, _quantiles(mean, over_text))


def _over_text(per_window: Losses, weights: Losses) -> Losses:
    """Means over seeds with other text."""
    starts = np.arange(0, per_window.shape[2], BLOCK)
    sums = np.add.reduceat(per_window, starts, axis=2)
    sizes = np.diff([*starts, per_window.shape[2]]).astype(float)
    drawn = _draws_of(len(sizes))
    mean_losses = (sums @ drawn) / (sizes @ drawn)  # [variants, seeds, draws]
    means: Losses = np.einsum("v,vsd->d", weights, np.exp(mean_losses)) / per_window.shape[1]
    return means


@lru_cache(8)
def _draws_of(blocks: int) -> Losses:
    """How often each block is drawn [blocks, draws], the same way for all runs."""
    drawn = np.random.default_rng(0).multinomial(blocks, np.full(blocks, 1 / blocks), size=DRAWS)
    return np.ascontiguousarray(drawn.T, float)


def _over_seeds(per_seed: Losses) -> Losses:
    """Deviations of the mean with other seeds."""
    rng = np.random.default_rng(1)
    n = len(per_seed)
    drawn = per_seed[rng.integers(n, size=(DRAWS, n))].mean(axis=1) - per_seed.mean()
    widened: Losses = drawn * np.sqrt(n / (n - 1)) / np.sqrt(rng.chisquare(n - 1, DRAWS) / (n - 1))
    return widened


def _quantiles(mean: float, deviations: Losses) -> tuple[float, float]:
    low, high = np.quantile(deviations, QUANTILES)
    return mean + float(low), mean + float(high)
