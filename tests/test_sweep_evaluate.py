"""The ledger over arrays counts for each design what it counts for it alone, whatever the sizes."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import parity
from parity import InputError, MoELayer
from parity.design import LARGEST_INTEGER
from parity.sweep import evaluate
from tests.examples import examples
from tests.strategies import CONVENTIONS, divisors, layers

MAGNITUDES = (3, 40, 2**20, 2**31, 2**62)
BLOCKS = 200_000
"""More designs than are evaluated at once."""

SIZES = st.integers(1, 5) | st.integers(1, LARGEST_INTEGER)

Row = dict[str, int]


@st.composite
def rows(draw: st.DrawFn, template: MoELayer) -> list[Row]:
    """Designs with the template's projections, router and kind of pool, of one magnitude or of several."""
    most = st.integers(1, draw(st.sampled_from(MAGNITUDES), label="magnitude"))
    sizes = st.just(1) | most | st.integers(1, 5)
    has_shared = draw(st.booleans(), label="shared experts")
    projected = template.head_layer and template.merge_layer
    designs = []
    for _ in range(draw(st.integers(1, 5), label="designs")):
        latent = draw(sizes) * draw(st.integers(1, 6)) if projected else template.d_model
        top_k = draw(sizes)
        designs.append(
            {
                "d_latent": latent,
                "heads": 1 if template.heads == 1 else draw(st.sampled_from([1, latent, *small_divisors(latent)])),
                "top_k": top_k,
                "num_experts": min(top_k + draw(st.just(0) | sizes), LARGEST_INTEGER),
                "d_expert": draw(sizes),
                "num_shared_experts": draw(sizes) if has_shared else 0,
                "d_shared": draw(sizes) if has_shared else 0,
            }
        )
    return designs


def small_divisors(number: int) -> list[int]:
    return divisors(number) if number < 100 else [d for d in range(2, 7) if number % d == 0]


def costs_one_by_one(template: MoELayer, rows: list[Row], convention: str) -> list[dict[str, int]]:
    return [
        parity.cost(MoELayer(**{**template.to_dict(), **row}), convention).totals()  # type: ignore[arg-type]  # rows hold integers
        for row in rows
    ]


def costs_at_once(template: MoELayer, columns: Mapping[str, Any], convention: str) -> list[dict[str, int]]:
    costs = evaluate(template, columns, convention)
    lists = (column.tolist() for column in costs)
    return [dict(zip(costs._fields, totals, strict=True)) for totals in zip(*lists, strict=True)]


def as_columns(rows: list[Row]) -> dict[str, Any]:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return {n: np.array(c, dtype=np.int64 if max(c) <= LARGEST_INTEGER else np.object_) for n, c in columns.items()}


@examples(400)
@given(st.data(), layers(), st.sampled_from(CONVENTIONS))
def test_designs_at_once_cost_what_they_cost_one_by_one(
    data: st.DataObject, template: MoELayer, convention: str
) -> None:
    designs = data.draw(rows(template), label="designs")
    expected = costs_one_by_one(template, designs, convention)
    assert costs_at_once(template, as_columns(designs), convention) == expected


@examples(200)
@given(st.data(), layers(), st.sampled_from(CONVENTIONS), st.lists(st.tuples(SIZES, SIZES), min_size=1, max_size=4))
def test_a_number_for_all_is_a_column_or_one_integer_or_the_templates(
    data: st.DataObject, template: MoELayer, convention: str, unknowns: list[tuple[int, int]]
) -> None:
    shape = data.draw(rows(template), label="designs")[0]
    widths, experts = (list(column) for column in zip(*unknowns, strict=True))
    top_k = min(shape["top_k"], *experts)
    designs = [shape | {"top_k": top_k, "d_expert": m, "num_experts": e} for m, e in unknowns]
    columns: dict[str, Any] = {"d_expert": np.array(widths), "num_experts": np.array(experts)}
    fields = template.to_dict()
    for name in ("d_latent", "heads", "top_k", "num_shared_experts", "d_shared"):
        form = data.draw(st.sampled_from(("column", "integer", "template")), label=name)
        if form == "template":
            fields[name] = designs[0][name]
        else:
            columns[name] = designs[0][name] if form == "integer" else np.full(len(designs), designs[0][name])
    own = MoELayer(**fields | designs[0] | {"num_experts": max(experts)})
    assert costs_at_once(own, columns, convention) == costs_one_by_one(template, designs, convention)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_designs_in_many_blocks_stay_in_their_places(convention: str) -> None:
    template = MoELayer(d_model=6, heads=2, d_expert=1, num_experts=2, top_k=1, num_shared_experts=1, d_shared=2)
    number = np.arange(BLOCKS)
    columns = {"d_expert": 1 + number % 1000, "num_experts": 1 + number // 1000 % 7}
    costs = evaluate(template, columns, convention)
    for place in (0, 1, 999, 1000, 2**14 - 1, 2**14, 2**15, 2**15 + 1, 131_071, 131_072, BLOCKS - 1):
        row = {name: int(column[place]) for name, column in columns.items()}
        expected = costs_one_by_one(template, [row], convention)[0]
        assert [int(column[place]) for column in costs] == list(expected.values())


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_integers_of_any_size_are_evaluated(convention: str) -> None:
    template = MoELayer(d_model=2**62, d_expert=1, num_experts=1, top_k=1)
    designs = [{"d_expert": 2**70 + 1, "num_experts": 1}, {"d_expert": 3, "num_experts": 2**80}]
    columns = {name: np.array([row[name] for row in designs], dtype=object) for name in designs[0]}
    assert costs_at_once(template, columns, convention) == costs_one_by_one(template, designs, convention)


def test_no_column_is_one_design_and_empty_columns_are_none() -> None:
    template = MoELayer(d_model=6, d_expert=5, num_experts=4, top_k=2)
    assert costs_at_once(template, {}, "matmul") == [parity.cost(template, "matmul").totals()]
    assert costs_at_once(template, {"d_expert": np.zeros(0, np.int64)}, "matmul") == []


def test_an_unknown_convention_is_refused() -> None:
    with pytest.raises(InputError, match="mine"):
        evaluate(MoELayer(d_model=6, d_expert=5, num_experts=4, top_k=2), {}, "mine")
