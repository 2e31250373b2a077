"""Each backward of the decoder's parts is the derivative of its forward."""

from collections.abc import Callable, Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference import MoEConfig
from reference.attention import attention_backward, attention_forward, query_blocks, turn
from reference.cross_entropy import cross_entropy_backward, cross_entropy_forward
from reference.decoder_config import DecoderConfig
from reference.embedding import embedding_backward, embedding_forward
from reference.feedforward import (
    balance_forward,
    dense_backward,
    dense_forward,
    sparse_backward,
    sparse_forward,
)
from reference.gradcheck import Evaluated, gradient_errors
from reference.mixer import mixer_backward, mixer_forward
from reference.norm import norm_backward, norm_forward
from tests.engine.decoders import MOE
from tests.engine.strategies import SEEDS, Array, assert_close
from tests.examples import examples

LENGTHS = st.sampled_from((1, 2, 7, 65, 130))
"""Positions: one block of queries and several."""


def normal(seed: int, **shapes: tuple[int, ...]) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def assert_gradients(
    arrays: Mapping[str, Array], value: Callable[[], float], grads: Mapping[str, Array], seed: int
) -> None:
    """Every array has a gradient of its shape, which is the derivative of `value`."""
    assert {name: grad.shape for name, grad in grads.items()} == {name: a.shape for name, a in arrays.items()}
    errors = gradient_errors(lambda: Evaluated(value()), arrays, grads, np.random.default_rng(seed))
    assert max(errors.values()) < 1e-6, errors


@given(st.integers(1, 600), st.integers(4, 9), SEEDS)
def test_norm(rows: int, width: int, seed: int) -> None:
    arrays = normal(seed, x=(rows, width), gain=(width,), dy=(rows, width))
    dy = arrays.pop("dy")
    _, scale = norm_forward(**arrays)
    dx = np.ones_like(dy)  # what is there stays
    dgain = norm_backward(dy, arrays["x"], arrays["gain"], scale, dx)
    grads = {"x": dx - 1, "gain": dgain}
    assert_gradients(arrays, lambda: float((norm_forward(**arrays)[0] * dy).sum()), grads, seed)


@given(LENGTHS, st.integers(1, 3), st.sampled_from((2, 4, 6)), SEEDS)
def test_turning_back_is_the_transpose_of_turning(length: int, heads: int, width: int, seed: int) -> None:
    arrays = normal(seed, x=(length, 3 * heads * width), dy=(length, 3 * heads * width))
    y, dx = arrays["x"].copy(), arrays["dy"].copy()
    turn(y, heads)
    turn(dx, heads, back=True)
    np.testing.assert_allclose((y * arrays["dy"]).sum(), (arrays["x"] * dx).sum(), atol=1e-9)


@examples(40)
@given(LENGTHS, st.integers(1, 3), st.sampled_from((2, 4)), SEEDS)
def test_attention(length: int, heads: int, width: int, seed: int) -> None:
    arrays = normal(seed, qkv=(length, 3 * heads * width))
    dy = normal(seed + 1, dy=(length, heads * width))["dy"]
    shares, y, dqkv = np.empty((heads, length)), np.empty_like(dy), np.empty_like(arrays["qkv"])
    exponentials = [np.empty((heads, b.stop - b.start, b.stop)) for b in query_blocks(length)]

    def value() -> float:
        attention_forward(arrays["qkv"], exponentials, shares, y)
        return float((y * dy).sum())

    value()
    attention_backward(dy, arrays["qkv"], exponentials, shares, y, dqkv)
    assert_gradients(arrays, value, {"qkv": dqkv}, seed)


@examples(20)
@given(st.integers(1, 3), st.sampled_from((1, 5, 70)), SEEDS)
def test_attention_sublayer(sequences: int, length: int, seed: int) -> None:
    config = DecoderConfig(
        vocabulary=2, context=length, d_model=8, num_layers=1, attention_heads=2, d_ffn=1, dtype="float64"
    )
    arrays = normal(seed, x=(sequences * length, 8), norm=(8,), qkv=(8, 24), out=(8, 8))
    dy = normal(seed + 1, dy=arrays["x"].shape)["dy"]

    def run() -> tuple[Array, dict[str, Array]]:
        y, cache = mixer_forward(arrays, arrays["x"], length, config)
        dx, grads = mixer_backward(dy, cache)
        return y, {"x": dx, **grads}

    assert_gradients(arrays, lambda: float((run()[0] * dy).sum()), run()[1], seed)


@examples(20)
@given(st.sampled_from((1, 5, 300)), SEEDS)
def test_dense_sublayer(tokens: int, seed: int) -> None:
    config = MoEConfig(d_model=6, num_experts=1, top_k=1, d_expert=5, dtype="float64")
    arrays = normal(seed, x=(tokens, 6), norm=(6,), w_in=(6, 10), w_out=(5, 6))
    dy = normal(seed + 1, dy=(tokens, 6))["dy"]

    def run() -> tuple[Array, dict[str, Array]]:
        y, cache = dense_forward(arrays, arrays["x"], config)
        dx, grads = dense_backward(dy, cache)
        return y, {"x": dx, **grads}

    assert_gradients(arrays, lambda: float((run()[0] * dy).sum()), run()[1], seed)


@examples(40)
@given(
    st.sampled_from(sorted(name for name, moe in MOE.items() if moe)),
    st.sampled_from(("shared", "per_head")),
    st.sampled_from((0.0, 1.0, -0.5)),
    SEEDS,
)
def test_moe_sublayer_with_its_load_balancing_loss(name: str, pool: str, dbalance: float, seed: int) -> None:
    how = {**(MOE[name] or {}), "expert_pool": pool, "dtype": "float64"}
    config = MoEConfig(d_model=12, **how)
    arrays = normal(seed, x=(9, 12), norm=(12,), **config.shapes())
    dy = normal(seed + 1, dy=(9, 12))["dy"]
    y, cache = sparse_forward(arrays, arrays["x"], config)
    dx, grads = sparse_backward(dy, cache, dbalance)

    def evaluated() -> Evaluated:
        y, cache = sparse_forward(arrays, arrays["x"], config)
        assert cache.moe.routing is not None
        sides = np.sort(cache.moe.routing.chosen, axis=1)[..., None] == np.arange(config.num_experts)
        return Evaluated(float((y * dy).sum()) + dbalance * balance_forward(cache), sides)

    errors = gradient_errors(evaluated, arrays, {"x": dx, **grads}, np.random.default_rng(seed))
    assert max(errors.values()) < 1e-6, errors
    assert_close(y, sparse_forward(arrays, arrays["x"], config)[0], 0)  # backward left all as it was


@given(st.sampled_from((1, 5, 300)), st.integers(1, 5), st.integers(2, 9), SEEDS)
def test_cross_entropy(tokens: int, width: int, vocabulary: int, seed: int) -> None:
    arrays = normal(seed, x=(tokens, width), embedding=(vocabulary, width))
    targets = np.random.default_rng(seed).integers(0, vocabulary, tokens)
    _, cache = cross_entropy_forward(targets=targets, **arrays)
    dx, dembedding = cross_entropy_backward(0.7, cache)

    def value() -> float:
        return 0.7 * float(cross_entropy_forward(targets=targets, **arrays)[0].sum())

    assert_gradients(arrays, value, {"x": dx, "embedding": dembedding}, seed)


@given(st.integers(1, 40), st.integers(2, 9), SEEDS)
def test_embedding(tokens: int, vocabulary: int, seed: int) -> None:
    arrays = normal(seed, embedding=(vocabulary, 3))
    dy, words = normal(seed + 1, dy=(tokens, 3))["dy"], np.random.default_rng(seed).integers(0, vocabulary, tokens)
    dembedding = np.ones((vocabulary, 3))  # what is there stays
    embedding_backward(dy, words, dembedding)

    def value() -> float:
        return float((embedding_forward(arrays["embedding"], words) * dy).sum())

    assert_gradients(arrays, value, {"embedding": dembedding - 1}, seed)
