"""Cross-entropy of the next token under a softmax over the vocabulary, forward and backward.

Logits are products with the embedding itself, as it is tied to the output. They are turned in place into
exponentials and, in backward, into their own gradient, so only one array of that size is ever held.

Legend: T tokens of width D, V words.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference.memory import empty, empty_like
from reference.tally import Array, product
from reference.threads import blocks, for_each
from reference.weights import WeightGradient, weight_gradients

Targets = NDArray[np.intp]


@dataclass
class CrossEntropyCache:
    """What backward needs of a forward, which it overwrites."""

    x: Array  # [T, D]
    embedding: Array  # [V, D]
    targets: Targets  # [T]
    exponentials: Array  # [T, V], of each logit less the largest of its row
    totals: Array  # [T], their sums


def cross_entropy_forward(x: Array, embedding: Array, targets: Targets) -> tuple[Array, CrossEntropyCache]:
    """-log softmax(x embedding^T)[target] of each token, in nats, [T] in float64."""
    T, V = len(x), len(embedding)
    losses = np.empty(T)
    cache = CrossEntropyCache(x, embedding, targets, empty((T, V), x.dtype), np.empty(T, x.dtype))

    def work(rows: slice) -> None:
        logits = product("lm_head", "forward", x[rows], embedding.T, out=cache.exponentials[rows])
        logits -= np.maximum.reduce(logits, axis=1, keepdims=True)
        of_targets = np.take_along_axis(logits, targets[rows, None], axis=1)[:, 0]
        exponentials = np.exp(logits, out=logits)
        np.add.reduce(exponentials, axis=1, out=cache.totals[rows])
        np.log(cache.totals[rows], out=losses[rows], dtype=np.float64)
        losses[rows] -= of_targets

    for_each(blocks(T), work)
    return losses, cache


def cross_entropy_backward(dlosses: float, cache: CrossEntropyCache) -> tuple[Array, Array]:
    """dx [T, D] and dembedding [V, D], where each token's loss has the gradient `dlosses`."""
    dx, dlogits = empty_like(cache.x), cache.exponentials

    def work(rows: slice) -> None:
        dlogits[rows] *= (dlosses / cache.totals[rows])[:, None]
        dlogits[np.arange(rows.start, rows.stop), cache.targets[rows]] -= dlosses
        product("lm_head", "backward", dlogits[rows], cache.embedding, out=dx[rows])

    for_each(blocks(len(dx)), work)
    job = WeightGradient("lm_head", "embedding", (), dlogits, cache.x)
    return dx, weight_gradients([job], {"embedding": cache.embedding.shape}, dx.dtype)["embedding"]
