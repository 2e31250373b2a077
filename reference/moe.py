"""The layer: head, router, experts, merge and shared experts, forward and backward.

Legend: T tokens of width D, latent L = heads h times H, N = T h sub-tokens, E experts in a pool, k choices,
R = N k rows. Every pass over tokens goes in blocks that do not depend on the number of threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from reference.activations import hidden_backward
from reference.bitnet import Operand, multiplied, operand_backward, operand_forward
from reference.check import (
    check_cache,
    checked_choice,
    checked_gradient,
    checked_logits_gradient,
    checked_params,
    checked_tokens,
)
from reference.config import MoEConfig
from reference.experts import Dispatch, combined, dispatch, experts_backward, experts_forward
from reference.ffn import FfnCache, ffn_forward
from reference.memory import empty, empty_like
from reference.pools import experts_chosen, pooled, routers, seen_by_routers, sub_tokens
from reference.router import Routing, route_backward, route_forward
from reference.tally import Array, product
from reference.threads import for_each, single_threaded_blas
from reference.weights import WeightGradient, weight_gradients

BLOCK = 1024
"""Tokens that one task takes."""

Params = Mapping[str, Array]


@dataclass
class Cache:
    """What backward needs of a forward. The losses of `reference.losses` take `routing`."""

    config: MoEConfig
    x: Array  # [T, D]
    sub: Array  # [T, L], the sub-tokens of a token side by side
    routing: Routing | None  # None where there is nothing to route
    where: Dispatch
    experts: FfnCache
    y_RH: Array  # outputs of the experts in sorted order, before their gates
    merged: Array  # [T, L]
    shared: list[FfnCache]
    weights: Params  # what was multiplied with
    tokens_in: Operand  # x as it enters head layer and shared experts
    sub_in: Operand  # sub-tokens as they enter the experts, [N, H]
    merged_in: Operand  # merged as it enters the merge layer

    def sides(self) -> NDArray[np.bool_] | None:
        """On which side of each kink of the activation the units were; None if it has no kink."""
        if self.config.activation != "relu":
            return None
        return np.concatenate([ffn.hidden.ravel() > 0 for ffn in (self.experts, *self.shared)])


def init(config: MoEConfig, rng: Generator) -> dict[str, Array]:
    """Parameters of the layer, named and shaped as `config.shapes()` says.

    Matrices are normal with standard deviation 1 / sqrt(fan-in), biases 0.
    """
    params = {}
    for name, shape in config.shapes().items():
        if len(shape) == 1:
            params[name] = np.zeros(shape, config.dtype)
            continue
        array = rng.standard_normal(shape, dtype=np.dtype(config.dtype).type)
        array *= shape[-2] ** -0.5
        params[name] = array
    return params


def forward(params: Params, x: Array, config: MoEConfig, chosen: NDArray[np.intp] | None = None) -> tuple[Array, Cache]:
    """y [T, D] for x [T, D] (arXiv:2411.16205, eqs. 1-5).

    `chosen` [N, k] holds the selection of experts fixed instead of taking the router's. The cache refers to x
    and to the parameters, so leave both as they are until backward.

    Raises:
        EngineError: an array is missing or of the wrong shape or dtype, x is not finite, or `chosen` is not top_k
            different experts in each row or is given where there is no router.
    """
    params, x = checked_params(params, config), checked_tokens(x, config)
    if chosen is not None:
        chosen = checked_choice(chosen, len(x), config)
    with single_threaded_blas:
        return layer_forward(multiplied(params, config.bitnet, config.gated), x, config, chosen)


def backward(
    params: Params, dy: Array, cache: Cache, config: MoEConfig, dlogits: Array | None = None
) -> tuple[Array, dict[str, Array]]:
    """dx [T, D] and the gradients, which have the keys and shapes of the parameters.

    `dlogits` [N, E] is added to the gradient of the router's logits: that of auxiliary losses.

    Raises:
        EngineError: an array is missing or of the wrong shape or dtype, the cache is another layer's, or `dlogits` is
            given where there is no router.
    """
    check_cache(cache, Cache, config)
    params, dy = checked_params(params, config), checked_gradient(dy, cache.x, config)
    if dlogits is not None:
        dlogits = checked_logits_gradient(dlogits, len(dy), config)
    with single_threaded_blas:
        dx, grads = layer_backward(dy, cache, dlogits)
    return dx, {name: grads[name] for name in params}


def layer_forward(
    weights: Params, x: Array, config: MoEConfig, chosen: NDArray[np.intp] | None = None
) -> tuple[Array, Cache]:
    """`forward` of arrays that need no check, with weights as they are multiplied."""
    tokens_in = Operand.of(x, config.bitnet and (config.head_layer or config.num_shared_experts > 0))
    sub, sub_in, routing = _enter(weights, x, tokens_in, config, chosen)
    where = dispatch(experts_chosen(routing, len(x), config), config.pools * config.num_experts)
    y_RH, experts = experts_forward(sub_in.values, *pooled(weights, config), where, config)
    y, merged, merged_in, shared = _leave(weights, x, tokens_in, y_RH, routing, where, config)
    return y, Cache(
        config, x, sub, routing, where, experts, y_RH, merged, shared, weights, tokens_in, sub_in, merged_in
    )


def layer_backward(dy: Array, cache: Cache, dlogits: Array | None = None) -> tuple[Array, dict[str, Array]]:
    """`backward` of arrays that need no check."""
    config, weights = cache.config, cache.weights
    dmerged, dx, dshared = _leave_backward(weights, dy, cache)
    dx_RH, dgates, dw_in, dw_out = experts_backward(
        dmerged.reshape(-1, config.d_sub_token),
        cache.routing.gates if cache.routing else None,
        cache.sub_in.values,
        cache.y_RH,
        *pooled(weights, config),
        cache.where,
        cache.experts,
    )
    dsub, dlogits = _enter_backward(weights, dx, dx_RH, dgates, dlogits, cache)
    grads = weight_gradients(_weights(dy, dsub, dlogits, dshared, cache), config.shapes(), dy.dtype)
    grads |= {name: d.sum(axis=0) for name, d in (("head_bias", dsub), ("merge_bias", dy)) if name in weights}
    return dx, grads | {"w_in": dw_in.reshape(weights["w_in"].shape), "w_out": dw_out.reshape(weights["w_out"].shape)}


def _enter(
    params: Params, x: Array, tokens_in: Operand, config: MoEConfig, chosen: NDArray[np.intp] | None
) -> tuple[Array, Operand, Routing | None]:
    """Head layer and router: sub [T, L], the same as it enters the experts, and the routing of its sub-tokens."""
    T, N, E, k = len(x), len(x) * config.heads, config.num_experts, config.top_k
    sub = empty((T, config.d_latent), x.dtype) if config.head_layer else x
    sub_NH = sub.reshape(-1, config.d_sub_token)
    sub_in = Operand.of(sub_NH, config.bitnet)
    routing = Routing.empty(N, E, k, x.dtype) if config.routed else None

    def work(tokens: slice) -> None:
        rows, seen = sub_tokens(tokens, config), operand_forward(x[tokens], tokens_in[tokens])
        if config.head_layer:
            product("head", "forward", seen, params["head"], out=sub[tokens])
            if config.projection_bias:
                sub[tokens] += params["head_bias"]
        operand_forward(sub_NH[rows], sub_in[rows])
        if routing is not None:
            logits = empty((rows.stop - rows.start, E), x.dtype)
            for seen, router, its in routers(params["router"], x[tokens], sub[tokens], logits, config):
                product("router", "forward", seen, router, out=its)
            routing[rows] = route_forward(logits, k, config.renormalize, None if chosen is None else chosen[rows])

    for_each(_blocks(T), work)
    return sub, sub_in, routing


def _enter_backward(
    params: Params, dx: Array, dx_RH: Array, dgates: Array | None, extra: Array | None, cache: Cache
) -> tuple[Array, Array | None]:
    """dsub [T, L] and dlogits [N, E]; adds what comes through head layer and router to dx."""
    config, routing = cache.config, cache.routing
    dsub = empty_like(cache.sub)
    dlogits = None if routing is None else empty_like(routing.probabilities)

    def work(tokens: slice) -> None:
        rows = sub_tokens(tokens, config)
        place = cache.where.place[rows]
        dsub[tokens] = operand_backward(combined(dx_RH, place), cache.sub_in[rows]).reshape(-1, config.d_latent)
        if routing is not None and dlogits is not None and dgates is not None:
            dlogits[rows] = route_backward(dgates[place], routing[rows])
            if extra is not None:
                dlogits[rows] += extra[rows]
            for dseen, router, its in routers(params["router"], dx[tokens], dsub[tokens], dlogits[rows], config):
                dseen += product("router", "backward", its, router.T)
        if config.head_layer:
            dx[tokens] += operand_backward(
                product("head", "backward", dsub[tokens], params["head"].T), cache.tokens_in[tokens]
            )
        else:
            dx[tokens] += dsub[tokens]

    for_each(_blocks(len(dx)), work)
    return dsub, dlogits


def _leave(
    params: Params,
    x: Array,
    tokens_in: Operand,
    y_RH: Array,
    routing: Routing | None,
    where: Dispatch,
    config: MoEConfig,
) -> tuple[Array, Array, Operand, list[FfnCache]]:
    """Merge layer and shared experts: y [T, D], what merge saw [T, L], as it is and as it entered, and their caches."""
    T = len(x)
    merged = empty((T, config.d_latent), x.dtype)
    y = empty((T, config.d_model), x.dtype) if config.merge_layer else merged
    merged_in = Operand.of(merged, config.bitnet and config.merge_layer)
    shared = [FfnCache.empty(T, config.d_shared, config) for _ in range(config.num_shared_experts)]
    if shared and y is merged:
        y = empty_like(merged)

    def work(tokens: slice) -> None:
        rows = sub_tokens(tokens, config)
        gates = None if routing is None else routing.gates[rows]
        merged[tokens] = combined(y_RH, where.place[rows], gates).reshape(-1, config.d_latent)
        if config.merge_layer:
            seen = operand_forward(merged[tokens], merged_in[tokens])
            product("merge", "forward", seen, params["merge"], out=y[tokens])
            if config.projection_bias:
                y[tokens] += params["merge_bias"]
        elif y is not merged:
            y[tokens] = merged[tokens]
        for expert, cache in enumerate(shared):
            weights = params["shared_in"][expert], params["shared_out"][expert]
            y[tokens] += ffn_forward("shared", tokens_in.values[tokens], *weights, config, cache[tokens])

    for_each(_blocks(T), work)
    return y, merged, merged_in, shared


def _leave_backward(params: Params, dy: Array, cache: Cache) -> tuple[Array, Array, list[Array]]:
    """dmerged [T, L], dx [T, D] through the shared experts, and dpre of each of these."""
    config = cache.config
    dmerged = empty_like(cache.merged) if config.merge_layer else dy
    dx = np.zeros_like(cache.x)
    dshared = [empty((len(dy), params["shared_in"].shape[-1]), dy.dtype) for _ in cache.shared]

    def work(tokens: slice) -> None:
        if config.merge_layer:
            product("merge", "backward", dy[tokens], params["merge"].T, out=dmerged[tokens])
            operand_backward(dmerged[tokens], cache.merged_in[tokens])
        for expert, (shared, dpre) in enumerate(zip(cache.shared, dshared, strict=True)):
            dhidden = product("shared", "backward", dy[tokens], params["shared_out"][expert].T)
            operand_backward(dhidden, shared[tokens].hidden_in)
            hidden_backward(dhidden, shared[tokens].slopes, dpre[tokens])
            dseen = product("shared", "backward", dpre[tokens], params["shared_in"][expert].T)
            dx[tokens] += operand_backward(dseen, cache.tokens_in[tokens])

    for_each(_blocks(len(dy)), work)
    return dmerged, dx, dshared


def _weights(dy: Array, dsub: Array, dlogits: Array | None, dshared: list[Array], cache: Cache) -> list[WeightGradient]:
    """Input and output gradient of each weight that is not a routed expert's."""
    config, jobs = cache.config, []
    if config.head_layer:
        jobs.append(WeightGradient("head", "head", (), cache.tokens_in.values, dsub))
    if dlogits is not None:
        pool = [(head,) for head in range(config.heads)] if config.expert_pool == "per_head" else [()]
        seen = seen_by_routers(cache.x, cache.sub, dlogits, config)
        jobs += [WeightGradient("router", "router", at, a, b) for at, (a, b) in zip(pool, seen, strict=True)]
    if config.merge_layer:
        jobs.append(WeightGradient("merge", "merge", (), cache.merged_in.values, dy))
    for expert, (shared, dpre) in enumerate(zip(cache.shared, dshared, strict=True)):
        jobs.append(WeightGradient("shared", "shared_in", (expert,), cache.tokens_in.values, dpre))
        jobs.append(WeightGradient("shared", "shared_out", (expert,), shared.hidden_in.values, dy))
    return jobs


def _blocks(tokens: int) -> list[slice]:
    return [slice(start, min(start + BLOCK, tokens)) for start in range(0, tokens, BLOCK)]
