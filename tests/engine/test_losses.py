"""The auxiliary losses of a router, from what their papers say."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference.losses import load_balancing_backward, load_balancing_forward, z_loss_backward, z_loss_forward
from reference.router import route_forward
from tests.engine.strategies import SEEDS

numbers = st.integers(1, 6)
dtypes = st.sampled_from((np.float32, np.float64))


@given(numbers, numbers, st.data(), SEEDS)
def test_balance_is_the_experts_times_shares_times_mean_probabilities(
    tokens: int, num_experts: int, data: st.DataObject, seed: int
) -> None:
    top_k = data.draw(st.integers(1, num_experts), label="top_k")
    logits = np.random.default_rng(seed).standard_normal((tokens, num_experts))
    routing = route_forward(logits, top_k, renormalize=False)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = 0.0
    for expert in range(num_experts):
        share = sum(expert in chosen for chosen in routing.chosen.tolist()) / (tokens * top_k)
        expected += num_experts * share * float(np.mean(probabilities[:, expert]))
    np.testing.assert_allclose(load_balancing_forward(routing), expected, rtol=1e-12)


@given(numbers, numbers, SEEDS)
def test_z_loss_is_the_mean_square_of_the_logarithm(tokens: int, num_experts: int, seed: int) -> None:
    logits = np.random.default_rng(seed).standard_normal((tokens, num_experts))
    expected = np.mean(np.log(np.exp(logits).sum(axis=1)) ** 2)
    np.testing.assert_allclose(z_loss_forward(route_forward(logits, 1, renormalize=False)), expected, rtol=1e-12)


@given(numbers, numbers, dtypes, SEEDS)
def test_gradients_of_the_losses_are_of_the_dtype_of_the_logits(
    tokens: int, num_experts: int, dtype: type[np.floating], seed: int
) -> None:
    logits = np.random.default_rng(seed).standard_normal((tokens, num_experts)).astype(dtype)
    routing = route_forward(logits, 1, renormalize=False)
    for gradient in (load_balancing_backward(0.5, routing), z_loss_backward(0.5, routing)):
        assert gradient.dtype == dtype
        assert gradient.shape == logits.shape
