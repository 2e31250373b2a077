"""What is trained and evaluated on: windows of the tokens, the same ones for every variant.

Legend: B sequences of N tokens, each with the one that follows, so rows have N + 1.
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from parity.experiments.corpus import Tokens

Windows = NDArray[np.int64]


class Batches:
    """Batches of the training parts of all sets together.

    A pass has each window of each set once, in an order and from an offset that seed and pass decide; a set has the
    share of the batches that it has of the tokens. What a step sees depends on nothing else, so that training can go
    on from any step and variants see the same.
    """

    def __init__(self, sets: Mapping[str, Tokens], context: int, sequences: int, seed: int) -> None:
        self.streams = list(sets.values())
        self.context, self.sequences, self.seed = context, sequences, seed
        self.ends = np.cumsum([(len(tokens) - context) // context for tokens in self.streams])
        self._pass = lru_cache(2)(self._drawn)

    def batch(self, step: int) -> Windows:
        """The batch of a step, counted from 0, [B, N + 1]."""
        first = step * self.sequences
        return np.stack([self._window(number) for number in range(first, first + self.sequences)])

    def _window(self, number: int) -> Windows:
        order, offsets = self._pass(number // int(self.ends[-1]))
        window = order[number % int(self.ends[-1])]
        which = int(np.searchsorted(self.ends, window, side="right"))
        start = offsets[which] + (window - (self.ends[which - 1] if which else 0)) * self.context
        return self.streams[which][start : start + self.context + 1].astype(np.int64)

    def _drawn(self, number: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        rng = np.random.default_rng([self.seed, number])
        return rng.permutation(int(self.ends[-1])), rng.integers(self.context, size=len(self.streams))


def windows(tokens: Tokens, context: int, most_tokens: int) -> Windows:
    """The windows of a validation part one behind the other [n, N + 1], up to so many tokens predicted.

    Every token but the first is predicted once, within a window from what the window has before it.
    """
    count = min(len(tokens) - 1, most_tokens) // context
    starts = np.arange(count)[:, None] * context
    return np.asarray(tokens[starts + np.arange(context + 1)], np.int64)
