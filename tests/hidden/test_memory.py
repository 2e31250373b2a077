"""Bytes of weights, states and activations hold against the engine's own arrays and the laws of ternary numbers."""

from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer, cost
from parity.builtin import BUILTIN
from parity.design import FIELDS
from parity.hidden import gradient_bytes, kept_bytes, optimizer_bytes, weight_bytes
from parity.precision import PRECISIONS
from reference import MoEConfig, forward, init
from tests.examples import examples
from tests.strategies import layers

MH_MOE = BUILTIN["paper-mh-moe-3"].design
BFLOAT16 = PRECISIONS["bfloat16"]


def arrays(thing: Any, seen: dict[int, Any]) -> dict[int, Any]:
    """The arrays in a nest of lists and dataclasses, each memory once, but for the list of idle experts."""
    if isinstance(thing, np.ndarray):
        seen[thing.ctypes.data] = thing  # views of one memory are one
    elif isinstance(thing, list):
        for item in thing:
            arrays(item, seen)
    elif is_dataclass(thing):
        for field in fields(thing):
            if field.name != "idle":
                arrays(getattr(thing, field.name), seen)
    return seen


@examples(60)
@given(layers(), st.integers(1, 6))
def test_activations_are_the_bytes_that_the_engine_keeps(layer: MoELayer, tokens: int) -> None:
    config = MoEConfig(**{name: getattr(layer, name) for name in FIELDS})
    rng = np.random.default_rng(0)
    _, kept = forward(init(config, rng), rng.standard_normal((tokens, layer.d_model), dtype=np.float32), config)
    engine = sum(array.nbytes for array in arrays(kept, {}).values())
    assert kept_bytes(layer, tokens, PRECISIONS["float32"]) == engine


@given(layers())
def test_bytes_of_ternary_weights_lie_between_the_information_limit_and_two_bits(layer: MoELayer) -> None:
    limit, packed, unpacked = (
        Fraction(weight_bytes(layer, PRECISIONS[f"ternary-{how}"])) for how in ("limit", "packed", "unpacked")
    )
    assert limit < packed < unpacked
    biases = (layer.d_latent * layer.head_layer + layer.d_model * layer.merge_layer) * layer.projection_bias
    assert unpacked - packed == Fraction(2, 5) * (cost(layer, "paper").params - biases) / 8


def test_five_ternary_digits_are_the_most_that_fit_in_a_byte() -> None:
    assert 3**5 <= 2**8 < 3**6
    assert PRECISIONS["ternary-packed"].weight_bits == Fraction(8, 5)
    assert 2 ** float(PRECISIONS["ternary-limit"].weight_bits) == pytest.approx(3)


def test_ternary_weights_of_the_paper_layer_are_its_matrices_a_scale_each_and_its_router() -> None:
    projections, experts = 2, 3 * 96  # head and merge; gate, up and down of each expert
    ternary = 2 * 768 * 768 + 96 * 3 * 256 * 512
    rest = 32 * (256 * 96 + projections + experts)
    assert weight_bytes(MH_MOE, PRECISIONS["ternary-unpacked"]) == Fraction(2 * ternary + rest, 8)


def test_biases_of_a_ternary_layer_stay_in_full_precision() -> None:
    plain = MoELayer(d_model=1, d_expert=3, num_experts=2, top_k=1, head_layer=True, merge_layer=True)
    for precision in (PRECISIONS["ternary-packed"], PRECISIONS["float32"]):
        biased = Fraction(weight_bytes(replace(plain, projection_bias=True), precision))
        assert biased - Fraction(weight_bytes(plain, precision)) == 4 * 2


@given(layers())
def test_a_checkpoint_in_bfloat16_is_half_of_one_in_float32_and_training_states_are_sixteen_bytes(
    layer: MoELayer,
) -> None:
    params = cost(layer, "matmul").params
    assert weight_bytes(layer, PRECISIONS["float32"]) == 2 * weight_bytes(layer, BFLOAT16) == 4 * params
    # Mixed precision: 2 + 2 + 4 + 4 + 4 bytes a parameter (arXiv:1910.02054, sec. 3.1).
    states = Fraction(weight_bytes(layer, BFLOAT16)) + gradient_bytes(layer, BFLOAT16)
    assert states + optimizer_bytes(layer, BFLOAT16) == 16 * params


@given(layers())
def test_a_scale_for_each_32_adds_a_thirty_second(layer: MoELayer) -> None:
    assert weight_bytes(layer, PRECISIONS["mxfp8"]) == Fraction(33, 32) * Fraction(
        weight_bytes(layer, PRECISIONS["fp8"])
    )
