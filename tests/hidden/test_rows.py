"""Rows, padding and drops hold against enumeration of every way to route."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, product
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer
from parity.hidden import Setting, rows_of
from parity.hidden.binomial import WIDE, expected_excess, expected_multiple
from tests.examples import examples
from tests.hidden.strategies import FACTORS, set_layers
from tests.strategies import layers


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


@examples(40)
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


@examples(30)
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
