"""Hidden costs hold against enumeration, the engine's own arrays and the laws they must obey."""

from collections import Counter
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from itertools import combinations, product
from math import ceil
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity import InputError, MoELayer, cost
from parity.builtin import BUILTIN
from parity.design import FIELDS, LARGEST_INTEGER
from parity.hardware import accelerator_named, accelerators
from parity.hidden import (
    Setting,
    all_to_all_bytes_per_token,
    gradient_bytes,
    kept_bytes,
    optimizer_bytes,
    passes,
    predict,
    rows_of,
    weight_bytes,
)
from parity.hidden.binomial import WIDE, expected_excess, expected_multiple
from parity.precision import ATTAINABLE, PRECISIONS
from reference import MoEConfig, forward, init
from tests.strategies import layers

SMOE, MH_MOE = BUILTIN["paper-smoe"].design, BUILTIN["paper-mh-moe-3"].design
BFLOAT16 = PRECISIONS["bfloat16"]
FACTORS = st.fractions(min_value=Fraction(1, 10), max_value=4, max_denominator=20)


@st.composite
def set_layers(draw: st.DrawFn) -> tuple[MoELayer, Setting]:
    """A layer and a setting that it can be run in."""
    layer = draw(layers(), label="layer")
    setting = Setting(
        tokens=draw(st.integers(1, 40), label="tokens"),
        precision=draw(st.sampled_from(ATTAINABLE), label="precision"),
        ep=draw(st.integers(1, layer.pools * layer.num_experts), label="ep"),
        capacity_factor=draw(st.none() | FACTORS, label="capacity factor"),
        tile=draw(st.integers(1, 9), label="tile"),
    )
    return layer, setting


def arrays(thing: Any, seen: dict[int, Any]) -> dict[int, Any]:
    """The different arrays in a nest of lists and dataclasses, but for the list of idle experts."""
    if isinstance(thing, np.ndarray):
        seen[id(thing)] = thing
    elif isinstance(thing, list):
        for item in thing:
            arrays(item, seen)
    elif is_dataclass(thing):
        for field in fields(thing):
            if field.name != "idle":
                arrays(getattr(thing, field.name), seen)
    return seen


# Memory


@settings(max_examples=60)
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


# Rows


@given(set_layers())
def test_every_decision_is_a_row_kept_or_dropped(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    rows = rows_of(layer, setting)
    given_out = [group.rows for group in rows.groups for _ in range(group.experts)]
    assert len(given_out) == rows.experts
    assert sum(given_out) == rows.total == setting.tokens * layer.heads * layer.top_k
    assert max(given_out) - min(given_out) <= 1
    assert rows.kept == sum(min(r, rows.slots if rows.slots is not None else r) for r in given_out)
    assert rows.dropped == Fraction(rows.total - rows.kept, rows.total)
    assert 0 <= rows.padding < 1
    assert rows.computed >= rows.kept
    assert all(group.computed % setting.tile == 0 for group in rows.groups)


@given(layers(), st.integers(1, 12), st.integers(1, 6))
def test_waste_vanishes_where_the_tile_divides_the_rows(layer: MoELayer, tile: int, tiles: int) -> None:
    tokens = layer.pools * layer.num_experts * tile * tiles  # so that each expert gets whole tiles
    assert rows_of(layer, Setting(tokens=tokens, tile=tile)).padding == 0


@given(set_layers())
def test_rounding_up_wastes_less_than_a_tile_for_each_expert(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    rows = rows_of(layer, replace(setting, capacity_factor=None))
    assert 0 <= rows.computed - rows.total <= rows.experts * (setting.tile - 1)


@given(layers(), st.integers(1, 5))
def test_capacity_one_drops_nothing_when_routing_is_balanced_and_rows_are_whole(layer: MoELayer, each: int) -> None:
    tokens = layer.pools * layer.num_experts * each
    rows = rows_of(layer, Setting(tokens=tokens, capacity_factor=Fraction(1), tile=1))
    assert rows.per_expert == rows.slots == Fraction(rows.total, rows.experts)
    assert rows.dropped == rows.padding == 0


@given(layers(), st.integers(1, 30), FACTORS, FACTORS)
def test_more_capacity_drops_no_more_and_pads_no_less(
    layer: MoELayer, tokens: int, one: Fraction, other: Fraction
) -> None:
    tight, loose = (
        rows_of(layer, Setting(tokens=tokens, capacity_factor=factor, tile=1)) for factor in sorted((one, other))
    )
    assert tight.dropped >= loose.dropped
    assert tight.expected_dropped >= loose.expected_dropped - 1e-12
    assert tight.padding <= loose.padding


@settings(max_examples=40)
@given(
    st.integers(1, 3).flatmap(lambda E: st.tuples(st.just(E), st.integers(1, E))),
    st.integers(1, 4),
    st.integers(1, 4),
    st.none() | FACTORS,
)
def test_expectations_are_the_averages_over_every_way_to_route(
    experts: tuple[int, int], tokens: int, tile: int, factor: Fraction | None
) -> None:
    num_experts, top_k = experts
    layer = MoELayer(d_model=4, d_expert=3, num_experts=num_experts, top_k=top_k)
    rows = rows_of(layer, Setting(tokens=tokens, capacity_factor=factor, tile=tile))
    slots = None if factor is None else ceil(factor * Fraction(tokens * top_k, num_experts))
    ways = list(product(combinations(range(num_experts), top_k), repeat=tokens))
    dropped = kept = computed = 0
    for way in ways:
        counts = Counter(expert for choice in way for expert in choice)
        for expert in range(num_experts):
            stored = counts[expert] if slots is None else slots
            kept += min(counts[expert], stored)
            dropped += max(0, counts[expert] - stored)
            computed += ceil(Fraction(stored, tile)) * tile
    assert rows.expected_dropped == pytest.approx(float(Fraction(dropped, len(ways) * tokens * top_k)), abs=1e-9)
    assert rows.expected_padding == pytest.approx(float(1 - Fraction(kept, computed)), abs=1e-9)


@settings(max_examples=30)
@given(
    st.floats(WIDE / 3, WIDE / 2),
    st.fractions(min_value=Fraction(1, 50), max_value=Fraction(49, 50), max_denominator=50),
    st.fractions(min_value=-5, max_value=5, max_denominator=9),
    st.integers(1, 10**5),
)
def test_the_normal_limit_continues_the_sum(
    deviation: float, chance: Fraction, deviations: Fraction, tile: int
) -> None:
    draws = round(Fraction(deviation) ** 2 / (chance * (1 - chance)))
    slots = round(draws * chance + deviations * Fraction(deviation))
    with pytest.MonkeyPatch.context() as patch:
        summed = expected_excess(draws, chance, slots), expected_multiple(draws, chance, tile)
        patch.setattr("parity.hidden.binomial.WIDE", 0)
        limit = expected_excess(draws, chance, slots), expected_multiple(draws, chance, tile)
    assert limit[0] == pytest.approx(summed[0], abs=2e-3 * deviation)
    assert limit[1] == pytest.approx(summed[1], abs=2e-3 * tile + 1e-9 * draws)


# Traffic


@given(set_layers())
def test_all_to_all_vanishes_on_one_device(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    assert all_to_all_bytes_per_token(layer, replace(setting, ep=1)) == 0


@given(set_layers())
def test_all_to_all_is_below_what_every_decision_sends_and_approaches_it(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    dropless = replace(setting, capacity_factor=None, precision="bfloat16")
    everything = 2 * 2 * layer.d_sub_token * layer.heads * layer.top_k  # there and back, two bytes a number
    assert everything - all_to_all_bytes_per_token(layer, dropless) == Fraction(everything, setting.ep)
    assert all_to_all_bytes_per_token(layer, replace(setting, precision="bfloat16")) <= everything


def test_all_to_all_of_the_paper_layers_is_three_times_as_much_with_three_heads() -> None:
    assert all_to_all_bytes_per_token(SMOE, Setting(ep=8)) == 2688
    assert all_to_all_bytes_per_token(MH_MOE, Setting(ep=8)) == 3 * 2688


@given(set_layers())
def test_on_one_device_without_drops_the_passes_do_the_flops_of_training(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    made = passes(layer, replace(setting, ep=1, capacity_factor=None))
    forward_flops = setting.tokens * cost(layer, "matmul").flops_per_token
    assert sum(part.flops for part in made if part.half == "forward") == forward_flops
    assert sum(part.flops for part in made if part.half == "backward") == 2 * forward_flops


@given(set_layers())
def test_devices_together_do_no_less_than_one(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    alone = sum(part.flops for part in passes(layer, replace(setting, ep=1)))
    assert setting.ep * sum(part.flops for part in passes(layer, setting)) >= alone


def test_bytes_moved_by_one_expert_are_its_operands_and_results() -> None:
    layer = MoELayer(d_model=6, d_expert=5, num_experts=1, top_k=1)
    forward_, backward_ = passes(layer, Setting(tokens=7, precision="float32", tile=1))
    x, pre, hidden, weights = 7 * 6, 7 * 10, 7 * 5, 6 * 10 + 5 * 6
    assert forward_.bytes_moved == 4 * ((x + pre) + (hidden + x) + weights)
    assert backward_.bytes_moved == 4 * (2 * ((x + pre) + (hidden + x)) + 2 * weights)


# Time


@given(set_layers(), st.sampled_from(sorted(accelerators())))
def test_no_time_is_below_the_flops_at_peak_the_bytes_at_full_bandwidth_or_the_exchange(
    given_: tuple[MoELayer, Setting], name: str
) -> None:
    layer, setting = given_
    accelerator = accelerator_named(name)
    made = passes(layer, setting)
    predicted = predict(layer, setting, accelerator)
    rate = accelerator.flops_per_second.get(setting.format.arithmetic)
    assert (predicted is None) is (rate is None)
    if predicted is not None and rate is not None:
        assert all(seconds >= 0 for seconds in predicted.parts().values())
        assert predicted.seconds - predicted.communication >= max(
            Fraction(sum(part.flops + part.padding_flops for part in made), rate),
            sum(part.bytes_moved for part in made) / accelerator.memory_bytes_per_second,
        )
        assert (predicted.communication == 0) is (setting.ep == 1)


@given(set_layers(), st.integers(1, 5))
def test_a_tile_of_one_row_is_never_slower(given_: tuple[MoELayer, Setting], times: int) -> None:
    layer, setting = given_
    fine, coarse = (
        predict(layer, replace(setting, precision="bfloat16", tile=tile), accelerator_named("H100 SXM"))
        for tile in (1, times)
    )
    assert fine is not None
    assert coarse is not None
    assert fine.seconds <= coarse.seconds


def test_data_sheets_are_within_reason_and_name_their_source() -> None:
    assert len(accelerators()) >= 8
    for name, accelerator in accelerators().items():
        rates = accelerator.flops_per_second
        assert accelerator.name == name
        assert len(accelerator.source) > 20
        assert set(rates) <= {precision.arithmetic for precision in PRECISIONS.values()}
        assert 10**14 < rates["bfloat16"] < 10**16
        assert rates["bfloat16"] > rates.get("float32", 0)
        # Halving the bits doubles the rate at most, but for what data sheets round.
        assert rates.get("fp8", 0) <= 2.03 * rates["bfloat16"]
        assert 5 * 10**11 < accelerator.memory_bytes_per_second < 10**13
        assert 10**10 < accelerator.memory_bytes < 10**12
        assert 10**10 < accelerator.interconnect_bytes_per_second < accelerator.memory_bytes_per_second


# Refusals


@pytest.mark.parametrize(
    ("shows", "arguments"),
    [
        ("tokens=0", {"tokens": 0}),
        ("tokens=true", {"tokens": True}),
        ("ep=9223372036854775808", {"ep": LARGEST_INTEGER + 1}),
        ("tile=1.5", {"tile": 1.5}),
        ("capacity_factor=-1/2", {"capacity_factor": Fraction(-1, 2)}),
        ("precision='ternary-limit'", {"precision": "ternary-limit"}),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(shows: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="accepted are") as refused:
        Setting(**arguments)
    assert shows in str(refused.value)


@given(layers())
def test_more_devices_than_experts_are_refused_and_as_many_are_not(layer: MoELayer) -> None:
    experts = layer.pools * layer.num_experts
    Setting(ep=experts).check("it", layer)
    with pytest.raises(InputError, match=f"ep={experts + 1} exceeds the {experts} experts of it"):
        Setting(ep=experts + 1).check("it", layer)
