"""The rows of the embedding that a sequence of tokens names, forward and backward.

Legend: T tokens of width D, V words.
"""

import numpy as np
from numpy.typing import NDArray

from reference.tally import Array

Tokens = NDArray[np.intp]


def embedding_forward(embedding: Array, tokens: Tokens) -> Array:
    """x [T, D], the rows of embedding [V, D] for tokens [T]."""
    return np.take(embedding, tokens, axis=0)


def embedding_backward(dx: Array, tokens: Tokens, dembedding: Array) -> None:
    """Adds to dembedding [V, D] the sum of dx [T, D] over the places of each word."""
    order = np.argsort(tokens, kind="stable")
    words, starts = np.unique(tokens[order], return_index=True)
    dembedding[words] += np.add.reduceat(dx[order], starts, axis=0)
