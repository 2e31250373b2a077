"""Auxiliary losses of a router: load balancing and router z-loss, each with its gradient.

Both take the routing of one pool. Legend: N sub-tokens, E experts, k chosen.
"""

import numpy as np

from reference.router import Routing, softmax_backward
from reference.tally import Array


def load_balancing_forward(routing: Routing) -> float:
    """E * sum over experts of (share of the choices) * (mean probability); 1 when balanced.

    Source: Switch Transformer, arXiv:2101.03961, eqs. 4-6; GShard, arXiv:2006.16668.
    """
    N, E = routing.probabilities.shape
    return float(E * (_shares(routing) * routing.probabilities.sum(axis=0)).sum() / max(N, 1))


def load_balancing_backward(dloss: float, routing: Routing) -> Array:
    """dlogits [N, E]. The shares are counts and have no gradient."""
    N, E = routing.probabilities.shape
    dp = np.broadcast_to(dloss * E / max(N, 1) * _shares(routing), (N, E))
    return softmax_backward(dp, routing.probabilities)


def z_loss_forward(routing: Routing) -> float:
    """Mean square of the logarithm of the sum of exponentials of the logits (ST-MoE, arXiv:2202.08906, eq. 5)."""
    return float((routing.log_sum**2).sum() / max(len(routing.log_sum), 1))


def z_loss_backward(dloss: float, routing: Routing) -> Array:
    """dlogits [N, E]."""
    N = len(routing.log_sum)
    return (2 * dloss / max(N, 1)) * routing.log_sum[:, None] * routing.probabilities


def _shares(routing: Routing) -> Array:
    """Share of all choices that each expert got, [E]."""
    E = routing.probabilities.shape[1]
    counts = np.bincount(routing.chosen.ravel(), minlength=E)
    return (counts / max(routing.chosen.size, 1)).astype(routing.probabilities.dtype)
