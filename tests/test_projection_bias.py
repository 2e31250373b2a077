"""Biases of head and merge layers, which the authors' published code of MH-MoE has."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer, cost, solve
from parity.verify import verify
from reference import MoEConfig, forward, init
from tests.examples import examples
from tests.strategies import layers


@given(layers())
def test_a_bias_is_one_parameter_for_each_output_of_a_projection(layer: MoELayer) -> None:
    plain, biased = (cost(replace(layer, projection_bias=bias)) for bias in (False, True))
    outputs = layer.head_layer * layer.d_latent + layer.merge_layer * layer.d_model
    assert biased.params - plain.params == biased.active_params - plain.active_params == outputs


@given(layers())
def test_a_bias_is_an_addition_that_only_the_scalar_convention_counts(layer: MoELayer) -> None:
    outputs = layer.head_layer * layer.d_latent + layer.merge_layer * layer.d_model
    for convention, additions in (("paper", 0), ("matmul", 0), ("scalar", outputs)):
        plain, biased = (cost(replace(layer, projection_bias=bias), convention) for bias in (False, True))
        assert biased.flops_per_token - plain.flops_per_token == additions


@examples(15, deadline=None)
@given(layers(), st.integers(1, 9))
def test_the_engine_allocates_executes_and_differentiates_biases(layer: MoELayer, tokens: int) -> None:
    assert verify(replace(layer, projection_bias=True), tokens).verified


def test_biases_shift_what_they_are_added_to() -> None:
    config = MoEConfig(d_model=6, heads=2, num_experts=3, top_k=2, d_expert=4, projection_bias=True, dtype="float64")
    rng = np.random.default_rng(0)
    params, x = init(config, rng), rng.standard_normal((5, 6))
    y, _ = forward(params, x, config)
    moved, _ = forward({**params, "merge_bias": np.arange(6.0)}, x, config)
    np.testing.assert_allclose(moved - y, np.broadcast_to(np.arange(6.0), y.shape), atol=1e-12)
    # A bias of the head is what a token shifted by its inverse would have given.
    shift = np.linalg.solve(params["head"].T, np.arange(6.0))
    shifted, _ = forward({**params, "head_bias": np.arange(6.0)}, x, config)
    np.testing.assert_allclose(shifted, forward(params, x + shift, config)[0], atol=1e-10)


def test_a_design_with_biases_needs_narrower_or_fewer_experts() -> None:
    smoe = MoELayer(d_model=768, d_expert=2048, num_experts=8, top_k=1)
    point = solve(smoe, heads=3, top_k=3, projection_bias=True).exact.point
    assert point is not None
    assert point.d_expert == 512
    assert point.num_experts == 93 - (768 + 768) / (3 * 256 * 512)
