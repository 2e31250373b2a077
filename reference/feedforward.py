"""The FFN sublayer: norm, dense FFN or MoE layer, and the residual.

Legend: T tokens of width D, F hidden units. Weights are as they are multiplied.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reference import moe
from reference.activations import hidden_backward
from reference.bitnet import Operand, operand_backward, operand_forward
from reference.config import MoEConfig
from reference.ffn import FfnCache, ffn_forward
from reference.losses import load_balancing_backward, load_balancing_forward
from reference.memory import empty, empty_like
from reference.norm import norm_backward, norm_forward, rms_norm_backward, rms_norm_forward
from reference.tally import Array, product
from reference.threads import blocks, for_each, scratch
from reference.weights import WeightGradient, weight_gradients

Weights = Mapping[str, Array]


@dataclass
class DenseCache:
    """What backward needs of a forward."""

    x: Array  # [T, D]
    scale: Array  # [T]
    inputs: Operand  # [T, D], normalised x as it enters the FFN
    ffn: FfnCache
    weights: Weights


@dataclass
class SparseCache:
    """Likewise."""

    x: Array  # [T, D]
    scale: Array  # [T]
    gain: Array  # [D]
    moe: moe.Cache


def dense_forward(weights: Weights, x: Array, config: MoEConfig) -> tuple[Array, DenseCache]:
    """y = x + FFN(norm(x)) [T, D]; weights are the gain `norm` [D], `w_in` [D, 2F] and `w_out` [F, D]."""
    normed, y, ffn = empty_like(x), empty_like(x), FfnCache.empty(len(x), config.d_expert, config)
    cache = DenseCache(x, np.empty(len(x), x.dtype), Operand.of(normed, config.bitnet), ffn, weights)

    def work(rows: slice) -> None:
        rms_norm_forward(x[rows], weights["norm"], normed[rows], cache.scale[rows])
        inputs = operand_forward(normed[rows], cache.inputs[rows])
        ffn_forward("dense", inputs, weights["w_in"], weights["w_out"], config, ffn[rows], out=y[rows])
        y[rows] += x[rows]

    for_each(blocks(len(x)), work)
    return y, cache


def dense_backward(dy: Array, cache: DenseCache) -> tuple[Array, dict[str, Array]]:
    """dx [T, D], and the gradients of `norm`, `w_in` and `w_out`."""
    weights, ffn, (T, D), tasks = cache.weights, cache.ffn, dy.shape, blocks(len(dy))
    dx, dpre, dgain = (
        empty_like(dy),
        empty((T, weights["w_in"].shape[1]), dy.dtype),
        np.empty((len(tasks), D), dy.dtype),
    )

    def work(task: int) -> None:
        rows = tasks[task]
        own, dnormed = ffn[rows], scratch("dx", (rows.stop - rows.start, D), dy.dtype)
        dhidden = scratch("dhidden", own.hidden.shape, dy.dtype)
        product("dense", "backward", dy[rows], weights["w_out"].T, out=dhidden)
        operand_backward(dhidden, own.hidden_in)
        hidden_backward(dhidden, own.slopes, dpre[rows])
        product("dense", "backward", dpre[rows], weights["w_in"].T, out=dnormed)
        operand_backward(dnormed, cache.inputs[rows])
        dx[rows] = dy[rows]
        dgain[task] = rms_norm_backward(dnormed, cache.x[rows], weights["norm"], cache.scale[rows], dx[rows])

    for_each(range(len(tasks)), work)
    jobs = [
        WeightGradient("dense", "w_in", (), cache.inputs.values, dpre),
        WeightGradient("dense", "w_out", (), ffn.hidden_in.values, dy),
    ]
    grads = weight_gradients(jobs, {name: weights[name].shape for name in ("w_in", "w_out")}, dy.dtype)
    return dx, {"norm": dgain.sum(axis=0), **grads}


def sparse_forward(weights: Weights, x: Array, config: MoEConfig) -> tuple[Array, SparseCache]:
    """y = x + MoE(norm(x)) [T, D]; weights are those of the layer and the gain `norm` [D]."""
    normed, scale = norm_forward(x, weights["norm"])
    y, cache = moe.layer_forward(weights, normed, config)

    def work(rows: slice) -> None:
        y[rows] += x[rows]

    for_each(blocks(len(x)), work)
    return y, SparseCache(x, scale, weights["norm"], cache)


def sparse_backward(dy: Array, cache: SparseCache, dbalance: float) -> tuple[Array, dict[str, Array]]:
    """dx [T, D] and the gradients; `dbalance` is the gradient of the load-balancing loss."""
    dnormed, grads = moe.layer_backward(dy, cache.moe, _balance_backward(dbalance, cache.moe))
    dx = empty_like(dy)
    dx[...] = dy
    dgain = norm_backward(dnormed, cache.x, cache.gain, cache.scale, dx)
    return dx, {"norm": dgain, **grads}


def balance_forward(cache: SparseCache) -> float:
    """The load-balancing loss, of several pools the mean; 0 where there is nothing to route."""
    pools, routing = cache.moe.config.pools, cache.moe.routing
    if routing is None:
        return 0.0
    return sum(load_balancing_forward(routing[pool::pools]) for pool in range(pools)) / pools


def _balance_backward(dbalance: float, cache: moe.Cache) -> Array | None:
    """dlogits [N, E]."""
    pools = cache.config.pools
    if cache.routing is None:
        return None
    dlogits = empty_like(cache.routing.probabilities)
    for pool in range(pools):
        dlogits[pool::pools] = load_balancing_backward(dbalance / pools, cache.routing[pool::pools])
    return dlogits
