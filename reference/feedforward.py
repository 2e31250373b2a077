"""The FFN sublayer: norm, dense FFN or MoE layer, and the residual.

Legend: T tokens of width D, F hidden units. Every pass over tokens goes in blocks that do not depend on the number
of threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reference import moe
from reference.activations import hidden_backward
from reference.bitnet import Operand, operand_backward, operand_forward, ternary
from reference.config import MoEConfig
from reference.ffn import FfnCache, ffn_forward
from reference.losses import load_balancing_backward, load_balancing_forward
from reference.memory import empty, empty_like
from reference.norm import rms_norm_backward, rms_norm_forward
from reference.tally import Array, product
from reference.threads import for_each, scratch
from reference.weights import WeightGradient, weight_gradients

BLOCK = 256
"""Tokens that one task takes."""

Params = Mapping[str, Array]


@dataclass
class DenseCache:
    """What backward needs of a forward."""

    x: Array  # [T, D]
    scale: Array  # [T]
    inputs: Operand  # [T, D], normalised x as it enters the FFN
    ffn: FfnCache
    weights: Params  # what was multiplied with


@dataclass
class SparseCache:
    """Likewise."""

    x: Array  # [T, D]
    scale: Array  # [T]
    moe: moe.Cache


def dense_forward(params: Params, x: Array, config: MoEConfig) -> tuple[Array, DenseCache]:
    """y = x + FFN(norm(x)) [T, D]; the norm's gain is `norm` [D], the FFN's `w_in` [D, 2F] and `w_out` [F, D]."""
    weights = params
    if config.bitnet:
        weights = {"w_in": ternary(params["w_in"], 2), "w_out": ternary(params["w_out"])}
    normed, y, ffn = empty_like(x), empty_like(x), FfnCache.empty(len(x), config.d_expert, config)
    cache = DenseCache(x, np.empty(len(x), x.dtype), Operand.of(normed, config.bitnet), ffn, weights)

    def work(rows: slice) -> None:
        rms_norm_forward(x[rows], params["norm"], normed[rows], cache.scale[rows])
        inputs = operand_forward(normed[rows], cache.inputs[rows])
        ffn_forward("dense", inputs, weights["w_in"], weights["w_out"], config, ffn[rows], out=y[rows])
        y[rows] += x[rows]

    for_each(blocks(len(x)), work)
    return y, cache


def dense_backward(params: Params, dy: Array, cache: DenseCache) -> tuple[Array, dict[str, Array]]:
    """dx [T, D], and the gradients of `norm`, `w_in` and `w_out`."""
    weights, ffn, (T, D) = cache.weights, cache.ffn, dy.shape
    dx, dpre = empty_like(dy), empty((T, weights["w_in"].shape[1]), dy.dtype)
    dgain = np.empty((len(blocks(T)), D), dy.dtype)

    def work(rows: slice) -> None:
        n, own = rows.stop - rows.start, ffn[rows]
        dhidden = scratch("dhidden", own.hidden.shape, dy.dtype)
        product("dense", "backward", dy[rows], weights["w_out"].T, out=dhidden)
        operand_backward(dhidden, own.inner)
        hidden_backward(dhidden, own.slopes, dpre[rows])
        dnormed = scratch("dx", (n, D), dy.dtype)
        product("dense", "backward", dpre[rows], weights["w_in"].T, out=dnormed)
        operand_backward(dnormed, cache.inputs[rows])
        _norm_backward(params, dnormed, dy, cache, rows, dx, dgain)

    for_each(blocks(T), work)
    jobs = [
        WeightGradient("dense", "w_in", (), cache.inputs.values, dpre),
        WeightGradient("dense", "w_out", (), ffn.inner.values, dy),
    ]
    grads = weight_gradients(jobs, {name: weights[name].shape for name in ("w_in", "w_out")}, dy.dtype)
    return dx, {"norm": dgain.sum(axis=0), **grads}


def sparse_forward(params: Params, x: Array, config: MoEConfig) -> tuple[Array, SparseCache]:
    """y = x + MoE(norm(x)) [T, D]; `params` has those of the layer and the norm's gain `norm` [D]."""
    normed, scale = empty_like(x), np.empty(len(x), x.dtype)

    def enter(rows: slice) -> None:
        rms_norm_forward(x[rows], params["norm"], normed[rows], scale[rows])

    for_each(blocks(len(x)), enter)
    y, cache = moe.forward(_layer(params), normed, config)

    def leave(rows: slice) -> None:
        y[rows] += x[rows]

    for_each(blocks(len(x)), leave)
    return y, SparseCache(x, scale, cache)


def sparse_backward(params: Params, dy: Array, cache: SparseCache, dbalance: float) -> tuple[Array, dict[str, Array]]:
    """dx [T, D] and the gradients; `dbalance` is the gradient of the load-balancing loss."""
    dlogits = _balance_backward(dbalance, cache.moe)
    dnormed, grads = moe.backward(_layer(params), dy, cache.moe, cache.moe.config, dlogits)
    dx, dgain = empty_like(dy), np.empty((len(blocks(len(dy))), dy.shape[1]), dy.dtype)
    for_each(blocks(len(dy)), lambda rows: _norm_backward(params, dnormed[rows], dy, cache, rows, dx, dgain))
    return dx, {"norm": dgain.sum(axis=0), **grads}


def balance_forward(cache: moe.Cache) -> float:
    """The load-balancing loss, of several pools the mean; 0 where there is nothing to route."""
    pools = cache.config.pools
    if cache.routing is None:
        return 0.0
    return sum(load_balancing_forward(cache.routing[pool::pools]) for pool in range(pools)) / pools


def _balance_backward(dbalance: float, cache: moe.Cache) -> Array | None:
    """dlogits [N, E]."""
    pools = cache.config.pools
    if cache.routing is None:
        return None
    dlogits = empty_like(cache.routing.probabilities)
    for pool in range(pools):
        dlogits[pool::pools] = load_balancing_backward(dbalance / pools, cache.routing[pool::pools])
    return dlogits


def blocks(tokens: int) -> list[slice]:
    """Rows of each task."""
    return [slice(start, min(start + BLOCK, tokens)) for start in range(0, tokens, BLOCK)]


def _norm_backward(
    params: Params, dnormed: Array, dy: Array, cache: DenseCache | SparseCache, rows: slice, dx: Array, dgain: Array
) -> None:
    dx[rows] = dy[rows]
    gain, scale = params["norm"], cache.scale[rows]
    dgain[rows.start // BLOCK] = rms_norm_backward(dnormed, cache.x[rows], gain, scale, dx[rows])


def _layer(params: Params) -> dict[str, Array]:
    return {name: array for name, array in params.items() if name != "norm"}
