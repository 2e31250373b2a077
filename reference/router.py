"""The router: softmax over all experts, then the top k of them.

Legend: N sub-tokens, E experts, k chosen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference.tally import Array

FEW = 8
"""Up to so many are chosen one after another, more by sorting."""


@dataclass
class Routing:
    """What the router decided for each sub-token, and what its gradients need."""

    probabilities: Array  # [N, E]
    log_sum: Array  # [N], logarithm of the sum of the logits' exponentials
    chosen: NDArray[np.intp]  # [N, k], in the order of falling logits
    gates: Array  # [N, k]
    renormalized: bool

    @classmethod
    def empty(cls, N: int, E: int, k: int, dtype: np.dtype) -> "Routing":
        """Room for the routing of N sub-tokens, to be filled in by rows."""
        chosen = np.empty((N, k), np.intp)
        return cls(np.empty((N, E), dtype), np.empty(N, dtype), chosen, np.empty((N, k), dtype), renormalized=False)

    def __getitem__(self, rows: slice) -> "Routing":
        return Routing(
            self.probabilities[rows], self.log_sum[rows], self.chosen[rows], self.gates[rows], self.renormalized
        )

    def __setitem__(self, rows: slice, part: "Routing") -> None:
        self.probabilities[rows], self.log_sum[rows] = part.probabilities, part.log_sum
        self.chosen[rows], self.gates[rows] = part.chosen, part.gates
        self.renormalized = part.renormalized


def route_forward(logits_NE: Array, top_k: int, renormalize: bool, chosen: NDArray[np.intp] | None = None) -> Routing:
    """Gates of the `top_k` largest logits; of equal ones the lower index. `chosen` holds the choice fixed.

    Source: arXiv:2101.03961, eqs. 1 and 2, for any k.
    """
    largest = logits_NE.max(axis=1, keepdims=True)
    p_NE = np.exp(logits_NE - largest)
    total = p_NE.sum(axis=1, keepdims=True)
    p_NE /= total
    chosen = top(logits_NE, top_k) if chosen is None else chosen
    gates = np.take_along_axis(p_NE, chosen, axis=1)
    renormalized = renormalize and top_k > 1
    if renormalized:
        gates /= gates.sum(axis=1, keepdims=True)
    return Routing(p_NE, (largest + np.log(total))[:, 0], chosen, gates, renormalized)


def route_backward(dgates: Array, routing: Routing) -> Array:
    """dlogits [N, E], the choice held fixed."""
    dlogits = np.zeros_like(routing.probabilities)
    if routing.renormalized:  # then the gates are the softmax of the chosen logits
        g = routing.gates
        np.put_along_axis(dlogits, routing.chosen, g * (dgates - (g * dgates).sum(axis=1, keepdims=True)), axis=1)
        return dlogits
    np.put_along_axis(dlogits, routing.chosen, dgates, axis=1)
    return softmax_backward(dlogits, routing.probabilities)


def softmax_backward(dp: Array, p: Array) -> Array:
    """dlogits [N, E] = p * (dp - sum p dp), row by row, for p and dp [N, E]."""
    gradient: Array = p * (dp - (p * dp).sum(axis=1, keepdims=True))
    return gradient


def top(logits_NE: Array, top_k: int) -> NDArray[np.intp]:
    """Indices [N, k] of the `top_k` largest of each row, falling; of equal ones the lower index first."""
    if top_k > FEW:
        return np.argsort(-logits_NE, axis=1, kind="stable")[:, :top_k]
    left = logits_NE.copy() if top_k > 1 else logits_NE
    chosen = np.empty((len(logits_NE), top_k), np.intp)
    rows = np.arange(len(logits_NE))
    for choice in range(top_k):
        chosen[:, choice] = left.argmax(axis=1)
        if choice + 1 < top_k:
            left[rows, chosen[:, choice]] = -np.inf
    return chosen
