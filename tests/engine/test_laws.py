"""Laws of the layer: what it equals, and what leaves it as it is."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from math import erf, exp, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer
from reference import MoEConfig, backward, forward, init
from reference.experts import MOST_PIECES, MOST_ROWS, dispatch
from reference.losses import load_balancing_forward
from reference.router import top
from tests.engine.strategies import (
    PLAIN,
    ROUTED,
    SEEDS,
    SMALL,
    SPARSE,
    Array,
    Call,
    assert_all_close,
    assert_close,
    calls,
    results,
)
from tests.examples import examples
from tests.strategies import layers

EXACT = 1e-12
"""Two ways to the same float64 number differ by rounding only."""

many = examples(100)


def activation(name: str, number: float) -> float:
    """One hidden unit, by the textbook."""
    if name == "silu":
        return number / (1 + exp(-number))
    return max(number, 0.0) if name == "relu" else number * (1 + erf(number / sqrt(2))) / 2


def dense_ffn(x: Array, w_in: Array, w_out: Array, config: MoEConfig) -> Any:
    """One token or more through one expert."""
    width = w_out.shape[0]
    gate = np.vectorize(activation, otypes=[np.float64])(config.activation, x.dot(w_in[:, :width]))
    return (gate * x.dot(w_in[:, width:]) if config.gated else gate).dot(w_out)


def dtypes(kept: object) -> set[str]:
    """Of all numbers that are no integers, wherever they are kept."""
    if isinstance(kept, np.ndarray):
        return {kept.dtype.name} if kept.dtype.kind == "f" else set()
    if isinstance(kept, Mapping):
        kept = [*kept.values()]
    parts = kept if isinstance(kept, list | tuple) else vars(kept).values() if hasattr(kept, "__dict__") else ()
    return set().union(*map(dtypes, parts))


@many
@given(calls() | calls(dtype="float32"))
def test_what_a_layer_keeps_and_gives_is_of_its_dtype(call: Call) -> None:
    y, cache = forward(call.params, call.x, call.config)
    dx, grads = backward(call.params, call.dy, cache, call.config)
    assert dtypes([y, cache, dx, grads]) == {call.config.dtype}


@many
@given(calls(SPARSE, renormalize=True))
def test_renormalised_gates_sum_to_one(call: Call) -> None:
    routing = forward(call.params, call.x, call.config)[1].routing
    assert routing
    assert_close(routing.gates.sum(axis=1), np.ones(call.sub_tokens), EXACT)


@many
@given(calls(ROUTED))
def test_gates_that_are_not_renormalised_are_the_softmax_of_all_logits(call: Call) -> None:
    routing = forward(call.params, call.x, call.config)[1].routing
    assert routing
    assert_close(routing.probabilities.sum(axis=1), np.ones(call.sub_tokens), EXACT)
    softmax = np.take_along_axis(routing.probabilities, routing.chosen, axis=1)
    if call.config.renormalize and call.config.top_k > 1:
        softmax = softmax / softmax.sum(axis=1, keepdims=True)
    assert_close(routing.gates, softmax, EXACT)


@many
@given(calls(ROUTED))
def test_every_sub_token_reaches_exactly_k_experts_and_none_is_likelier(call: Call) -> None:
    routing = forward(call.params, call.x, call.config)[1].routing
    assert routing
    assert routing.chosen.shape == (call.sub_tokens, call.config.top_k)
    for probabilities, chosen in zip(routing.probabilities, routing.chosen.tolist(), strict=True):
        assert len(set(chosen)) == call.config.top_k
        others = set(range(call.config.num_experts)) - set(chosen)
        assert max((probabilities[i] for i in others), default=0) <= probabilities[chosen].min()


@many
@given(st.integers(1, 4), st.integers(2, 20), st.sampled_from((2, 40)), SEEDS, st.data())
def test_of_equal_logits_the_lower_index_wins(
    width: int, num_experts: int, values: int, seed: int, data: st.DataObject
) -> None:
    top_k = data.draw(st.integers(1, num_experts), label="top_k")
    config = MoEConfig(d_model=width, num_experts=num_experts, top_k=top_k, d_expert=1, dtype="float64")
    rng = np.random.default_rng(seed)
    x, router = (rng.integers(values, size=shape) for shape in ((7, width), (width, num_experts)))
    params = {**init(config, rng), "router": router.astype(np.float64)}
    routing = forward(params, x.astype(np.float64), config)[1].routing
    assert routing
    for logits, chosen in zip(np.dot(x, router).tolist(), routing.chosen.tolist(), strict=True):
        assert chosen == sorted(range(num_experts), key=lambda expert: (-logits[expert], expert))[:top_k]


@many
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 6), SEEDS)
def test_choosing_experts_leaves_their_logits_as_they_are(rows: int, num_experts: int, top_k: int, seed: int) -> None:
    logits = np.random.default_rng(seed).standard_normal((rows, num_experts))
    before = logits.copy()
    top(logits, min(top_k, num_experts))
    assert np.array_equal(logits, before)


@examples(30)
@given(st.sampled_from((3, 1 << 16, 70_000)), st.lists(st.integers(0, 40_000), max_size=4), SEEDS)
def test_each_row_is_in_one_piece_of_its_expert_the_largest_first(
    num_experts: int, sizes: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(np.repeat(rng.integers(max(0, num_experts - 6000), num_experts, len(sizes)), sizes))
    where = dispatch(chosen[:, None], num_experts)
    assert where.order.tolist() == sorted(range(len(chosen)), key=chosen.tolist().__getitem__)
    assert np.array_equal(where.order[where.place[:, 0]], np.arange(len(chosen)))
    assert [piece.stop - piece.start for piece in where.pieces] == sorted(
        (piece.stop - piece.start for piece in where.pieces), reverse=True
    )
    rows = sorted((start, stop, expert, first) for expert, start, stop, first in where.pieces)
    assert [0, *(stop for _, stop, *_ in rows)] == [*(start for start, *_ in rows), len(chosen)]
    for start, stop, expert, first in rows:
        assert set(chosen[where.order[start:stop]]) == {expert}
        assert first == (start == 0 or chosen[where.order[start - 1]] != expert)
    pieces = Counter(piece.expert for piece in where.pieces)
    assert max(pieces.values(), default=0) <= MOST_PIECES
    assert all(pieces[expert] == 1 for expert in pieces if (chosen == expert).sum() <= MOST_ROWS)
    assert set(where.idle.tolist()) == set(range(num_experts)) - set(chosen.tolist())


@many
@given(calls(), st.randoms(use_true_random=False))
def test_permuting_tokens_permutes_outputs_and_input_gradients(call: Call, random: Any) -> None:
    order = random.sample(range(call.tokens), call.tokens)
    expected = call.run()
    expected |= {"y": expected["y"][order], "dx": expected["dx"][order]}
    assert_all_close(results(call.params, call.x[order], call.dy[order], call.config), expected, EXACT)


@many
@given(calls(ROUTED), st.randoms(use_true_random=False))
def test_permuting_experts_with_their_router_columns_changes_nothing(call: Call, random: Any) -> None:
    order = random.sample(range(call.config.num_experts), call.config.num_experts)

    def permuted(arrays: dict[str, Array]) -> dict[str, Array]:
        axes = {"router": -1, "w_in": -3, "w_out": -3}
        return arrays | {name: np.take(arrays[name], order, axis) for name, axis in axes.items()}

    assert_all_close(results(permuted(call.params), call.x, call.dy, call.config), permuted(call.run()), EXACT)


@many
@given(calls(PLAIN.map(lambda layer: replace(layer, num_experts=1, top_k=1))))
def test_one_expert_without_projections_is_the_dense_ffn(call: Call) -> None:
    y, cache = forward(call.params, call.x, call.config)
    assert cache.routing is None
    assert call.params.keys() == {"w_in", "w_out"}
    assert_close(y, dense_ffn(call.x, call.params["w_in"][0], call.params["w_out"][0], call.config), EXACT)


@many
@given(calls(PLAIN.filter(lambda layer: layer.num_experts > 1)))
def test_one_head_without_projections_is_smoe_token_by_token(call: Call) -> None:
    config, params = call.config, call.params
    expected = np.zeros_like(call.x)
    for token, x in enumerate(call.x):
        weights = np.exp(x.dot(params["router"]))
        gates = weights / weights.sum()
        best = sorted(range(config.num_experts), key=lambda expert: -gates[expert])[: config.top_k]
        total = sum(gates[best]) if config.renormalize and config.top_k > 1 else 1
        for expert in best:
            out = dense_ffn(x, params["w_in"][expert], params["w_out"][expert], config)
            expected[token] += gates[expert] / total * out
    assert_close(forward(params, call.x, config)[0], expected, EXACT)


@many
@given(calls(SPARSE, renormalize=True), SEEDS)
def test_identical_experts_with_renormalised_gates_make_routing_irrelevant(call: Call, seed: int) -> None:
    first = {name: call.params[name][..., :1, :, :] for name in ("w_in", "w_out")}
    alike = {name: np.broadcast_to(array, call.params[name].shape) for name, array in first.items()}
    router = np.random.default_rng(seed).standard_normal(call.params["router"].shape)
    one, other = (
        results({**call.params, **alike, "router": each}, call.x, call.dy, call.config)
        for each in (call.params["router"], router)
    )
    scale = np.abs(one["dx"]).max(initial=1)
    for name in one.keys() - {"w_in", "w_out", "router"}:
        assert_close(one[name], other[name], EXACT, name, least=scale)
    assert_close(one["router"], np.zeros_like(router), EXACT, "router", least=scale)


@st.composite
def pooled(draw: st.DrawFn) -> MoELayer:
    """Layers with a pool for each head and nothing around them."""
    heads, width = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    layer = draw(layers(most_experts=6, widest_expert=9))
    bare = {"head_layer": False, "merge_layer": False, "num_shared_experts": 0, "d_shared": 0}
    wide = {"d_model": heads * width, "d_latent": heads * width, "heads": heads, "expert_pool": "per_head"}
    fields: dict[str, Any] = layer.to_dict() | bare | wide | {"router_input": "sub_token"}
    return MoELayer(**fields)


@many
@given(calls(pooled()))
def test_per_head_pools_are_separate_smoe_layers_on_the_sub_tokens(call: Call) -> None:
    config, width = call.config, call.config.d_sub_token
    fields: dict[str, Any] = vars(config) | {
        "d_model": width,
        "d_latent": width,
        "heads": 1,
        "expert_pool": "shared",
    }
    whole = call.run()
    for head in range(config.heads):
        columns = slice(head * width, (head + 1) * width)
        own = {name: array[head] for name, array in call.params.items()}
        expected = {name: array[head] for name, array in whole.items() if name in own}
        expected |= {"y": whole["y"][:, columns], "dx": whole["dx"][:, columns]}
        assert_all_close(results(own, call.x[:, columns], call.dy[:, columns], MoEConfig(**fields)), expected, EXACT)


@many
@given(calls(SMALL.filter(lambda layer: layer.num_shared_experts > 0)))
def test_shared_experts_add_their_dense_ffn_of_the_whole_token(call: Call) -> None:
    bare: dict[str, Any] = vars(call.config) | {"num_shared_experts": 0, "d_shared": 0}
    params = {name: array for name, array in call.params.items() if not name.startswith("shared")}
    expected = forward(params, call.x, MoEConfig(**bare))[0]
    for w_in, w_out in zip(call.params["shared_in"], call.params["shared_out"], strict=True):
        expected = expected + dense_ffn(call.x, w_in, w_out, call.config)
    assert_close(forward(call.params, call.x, call.config)[0], expected, EXACT)


@pytest.mark.parametrize("expert_pool", ["shared", "per_head"])
@given(st.integers(2, 9), st.integers(1, 3), st.data())
def test_load_balancing_loss_of_a_balanced_pool_with_uniform_probabilities_is_one(
    expert_pool: Any, num_experts: int, heads: int, data: st.DataObject
) -> None:
    top_k = data.draw(st.integers(1, num_experts), label="top_k")
    config = MoEConfig(
        d_model=2 * heads,
        heads=heads,
        expert_pool=expert_pool,
        dtype="float64",
        num_experts=num_experts,
        top_k=top_k,
        d_expert=1,
    )
    call = Call(config, num_experts, 0)
    params = {**call.params, "router": np.zeros_like(call.params["router"])}
    each = (np.arange(num_experts)[:, None] + np.arange(top_k)) % num_experts
    routing = forward(params, call.x, config, np.repeat(each, heads, axis=0))[1].routing
    assert routing
    for pool in range(config.pools):
        assert load_balancing_forward(routing[pool :: config.pools]) == pytest.approx(1, rel=EXACT)


@many
@given(calls())
def test_calls_leave_their_arrays_as_they_were_and_a_cache_can_be_used_again(call: Call) -> None:
    arrays = {"x": call.x, "dy": call.dy, **call.params}
    before = {name: array.tobytes() for name, array in arrays.items()}
    for array in arrays.values():
        array.flags.writeable = False
    y, cache = forward(call.params, call.x, call.config)
    y[...] = np.nan  # outputs are the caller's to overwrite
    dx, first = backward(call.params, call.dy, cache, call.config)
    again, second = backward(call.params, call.dy, cache, call.config)
    assert np.isfinite(dx).all()
    assert [dx.tobytes(), *(a.tobytes() for a in first.values())] == [
        again.tobytes(),
        *(a.tobytes() for a in second.values()),
    ]
    assert {name: array.tobytes() for name, array in arrays.items()} == before
