"""BitNet b1.58: what weights and activations become, and what is left as it is."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference import MoEConfig, backward, forward, init
from reference.bitnet import Operand, multiplied, operand_backward, operand_forward, round_rows, ternary
from reference.decoder import loss_and_gradients
from reference.norm import EPSILON
from tests.engine.decoders import batch, decoder, params_of
from tests.engine.strategies import SEEDS, Array


def normal(seed: int, *shape: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape)


@given(st.integers(1, 9), st.integers(1, 9), SEEDS)
def test_a_ternary_matrix_has_its_mean_magnitude_with_the_sign_where_an_entry_is_more_than_half_of_it(
    rows: int, columns: int, seed: int
) -> None:
    w = normal(seed, rows, columns)
    mean = np.abs(w).mean()
    expected = np.where(np.abs(w) > mean / 2, np.copysign(mean, w), 0)
    np.testing.assert_allclose(ternary(w), expected, rtol=1e-12)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(1, 3), SEEDS)
def test_each_matrix_of_a_stack_and_each_that_stands_beside_another_has_a_scale_of_its_own(
    stacked: int, rows: int, columns: int, abreast: int, seed: int
) -> None:
    w = normal(seed, stacked, rows, columns * abreast)
    alone = [[ternary(np.ascontiguousarray(m)) for m in np.split(matrix, abreast, axis=1)] for matrix in w]
    np.testing.assert_array_equal(ternary(w, abreast), [np.concatenate(parts, axis=1) for parts in alone])


@given(st.integers(1, 9), st.integers(1, 40), SEEDS)
def test_activations_are_at_most_half_of_a_127th_of_the_largest_of_their_row_off(
    rows: int, width: int, seed: int
) -> None:
    x = normal(seed, rows, width)
    rounded = np.empty_like(x)
    round_rows(x, rounded)
    level = np.abs(x).max(axis=1, keepdims=True) / 127
    whole = rounded / level
    np.testing.assert_allclose(whole, np.rint(whole), atol=1e-9)
    assert (np.abs(whole) < 127.5).all()
    assert (np.abs(x - rounded) <= (0.5 + 2**-11) * level).all()


@given(st.integers(1, 9), SEEDS)
def test_a_last_bit_does_not_decide_how_a_half_is_rounded(width: int, seed: int) -> None:
    whole = np.random.default_rng(seed).integers(-127, 127, (3, width)) + 0.5
    x = np.concatenate([whole, np.full((3, 1), 127.0)], axis=1)
    results = [np.empty_like(x) for _ in range(3)]
    for out, towards in zip(results, (-np.inf, 0, np.inf), strict=True):
        round_rows(np.nextafter(x, towards), out)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12)
    np.testing.assert_allclose(results[2], results[1], rtol=1e-12)


@given(st.integers(1, 9), st.integers(2, 9), SEEDS)
def test_what_enters_a_product_is_normalised_then_rounded_and_its_gradient_is_that_of_the_norm(
    rows: int, width: int, seed: int
) -> None:
    x, dy = normal(seed, rows, width), normal(seed + 1, rows, width)
    operand = Operand.of(x, bitnet=True)
    values, scale = operand_forward(x, operand), 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + EPSILON)
    expected = np.empty_like(x)
    round_rows(x * scale, expected)
    np.testing.assert_allclose(values, expected, rtol=1e-9)
    dx = scale * (dy - x * scale**2 * (dy * x).mean(axis=1, keepdims=True))
    np.testing.assert_allclose(operand_backward(dy.copy(), operand), dx, atol=1e-9)


def test_zeros_stay_zeros() -> None:
    zeros = np.zeros((2, 3))
    np.testing.assert_array_equal(ternary(zeros), zeros)
    np.testing.assert_array_equal(operand_forward(zeros, Operand.of(zeros, bitnet=True)), zeros)


def test_router_gains_and_biases_are_multiplied_as_they_are_and_nothing_is_without_bitnet() -> None:
    weights = {"router": normal(0, 3, 4), "norm": normal(1, 3), "head_bias": normal(2, 3), "w_out": normal(3, 2, 3, 3)}
    made = multiplied(weights, bitnet=True, gated=True)
    assert [name for name, array in weights.items() if made[name] is not array] == ["w_out"]
    assert multiplied(weights, bitnet=False, gated=True) is weights


def test_master_weights_keep_every_bit_and_small_changes_of_them_leave_the_loss() -> None:
    config = decoder("mh-moe-2", bitnet=True)
    params, tokens = params_of(config), batch(config, 0)
    before = {name: array.tobytes() for name, array in params.items()}
    loss = loss_and_gradients(params, tokens, config).loss
    assert {name: array.tobytes() for name, array in params.items()} == before
    w = params["layers.1.moe.w_out"]
    order = np.argsort(np.abs(np.abs(w[0]) - np.abs(w[0]).mean() / 2), axis=None)[::-1]
    up, down = (np.unravel_index(at, w[0].shape) for at in order[:2])  # far from where they would be rounded otherwise
    w[0][up] += np.copysign(1e-3, w[0][up])
    w[0][down] -= np.copysign(1e-3, w[0][down])  # the mean stays
    assert abs(loss_and_gradients(params, tokens, config).loss - loss) < 1e-12


class Roundings:
    """What rounding adds, noted at first and then added again as it was, so that a gradient passes through it."""

    def __init__(self) -> None:
        self.added: list[Array] = []
        self.following: Iterator[Array] | None = None

    def again(self) -> None:
        """From the first, in the same order."""
        self.following = iter(self.added)

    def rounded(self, exact: Array, like: Callable[[Array], Array]) -> Array:
        if self.following is None:
            self.added.append(like(exact) - exact)
            return exact + self.added[-1]
        return exact + next(self.following)

    def product(self, x: Array, w: Array, abreast: int = 1) -> Array:
        """Normalised rows in 8 bits times ternary matrices side by side."""
        normed = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + EPSILON)
        y: Array = self.rounded(normed, in_8_bits) @ self.rounded(w, lambda exact: ternary(exact, abreast))
        return y

    def expert(self, x: Array, w_in: Array, w_out: Array, gated: bool) -> Array:
        hidden = self.product(x, w_in, 2 if gated else 1)
        gate, up = np.split(hidden, 2, axis=1) if gated else (hidden, np.ones_like(hidden))
        return self.product(gate / (1 + np.exp(-gate)) * up, w_out)

    def layer(self, params: Mapping[str, Array], x: Array, config: MoEConfig) -> Array:
        """A layer of one expert, which needs no router."""
        sub = self.product(x, params["head"]) if config.head_layer else x
        rows = sub.reshape(-1, config.d_sub_token)
        y = self.expert(rows, params["w_in"][0], params["w_out"][0], config.gated).reshape(x.shape)
        y = self.product(y, params["merge"]) if config.merge_layer else y
        for number in range(config.num_shared_experts):
            y = y + self.expert(x, params["shared_in"][number], params["shared_out"][number], config.gated)
        return y


def in_8_bits(x: Array) -> Array:
    out: Array = np.empty_like(x)
    round_rows(x, out)
    return out


@given(st.integers(1, 3), st.integers(2, 5), st.integers(2, 6), st.integers(0, 2), st.booleans(), SEEDS)
def test_every_product_of_a_layer_is_of_rounded_rows_and_ternary_matrices_and_gradients_pass_through_rounding(
    heads: int, width: int, d_expert: int, shared: int, gated: bool, seed: int
) -> None:
    config = MoEConfig(
        d_model=heads * width,
        heads=heads,
        num_experts=1,
        top_k=1,
        d_expert=d_expert,
        gated=gated,
        activation="silu",
        num_shared_experts=shared,
        d_shared=d_expert if shared else 0,
        bitnet=True,
        dtype="float64",
    )
    params, x, roundings = init(config, np.random.default_rng(seed)), normal(seed, 4, config.d_model), Roundings()
    y, cache = forward(params, x, config)
    np.testing.assert_allclose(y, roundings.layer(params, x, config), rtol=1e-6, atol=1e-9)

    dy, rng = normal(seed + 1, *x.shape), np.random.default_rng((seed, 1))
    dx, grads = backward(params, dy, cache, config)
    at = {"x": x, **params}
    for name, gradient in {"x": dx, **grads}.items():
        direction = rng.uniform(0.5, 1.5, gradient.shape) * np.where(gradient < 0, -1, 1)
        moved = at | {name: at[name] + 1e-30j * direction}  # differences without cancellation: nothing has a kink
        roundings.again()
        terms = roundings.layer(moved, moved["x"], config) * dy
        scale = max(1, np.abs(terms.real).sum(), np.abs(gradient).sum())
        assert abs((gradient * direction).sum() - terms.imag.sum() / 1e-30) <= 1e-9 * scale, name
