"""Laws of the ledger, and counts that were published or that cli.md fixes."""

from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st

from parity import MoELayer, cost
from parity.cost import Cost, cost_of, training_flops
from parity.ledger import Dimensions, dimensions
from tests.examples import examples
from tests.strategies import CONVENTIONS, layers

PAPER_SMOE = MoELayer(d_model=768, d_expert=2048, num_experts=8, top_k=1)
PAPER_MH_MOE_3 = MoELayer(d_model=768, heads=3, d_expert=512, num_experts=96, top_k=3)
LATENT = MoELayer(d_model=64, d_latent=16, router_input="token", d_expert=32, num_experts=8, top_k=2, gated=False)
POOLS = MoELayer(d_model=64, heads=4, expert_pool="per_head", d_expert=32, num_experts=8, top_k=2)

conventions = st.sampled_from(CONVENTIONS)
many = examples(100)


def row(priced: Cost, op: str) -> tuple[int, int]:
    """FLOPs per token and parameters of an op; nothing where it has no row."""
    return next(((r.flops_per_token, r.params) for r in priced.rows if r.op == op), (0, 0))


@pytest.mark.parametrize(
    ("layer", "convention", "flops_per_token", "params", "active_params"),
    [
        (PAPER_SMOE, "paper", 9437184, 37748736, 4718592),
        (PAPER_MH_MOE_3, "paper", 9437184, 38928384, 4718592),
        (PAPER_MH_MOE_3, "matmul", 9437184 + 2 * 768 * 96, 38928384 + 256 * 96, 4718592 + 256 * 96),
        (LATENT, "matmul", 4 * 64 * 16 + 2 * 64 * 8 + 4 * 2 * 16 * 32, 2 * 64 * 16 + 64 * 8 + 2 * 8 * 16 * 32, 4608),
        (POOLS, "matmul", 4 * 64 * 64 + 2 * 64 * 8 + 6 * 2 * 64 * 32, 2 * 64 * 64 + 64 * 8 + 3 * 8 * 64 * 32, 20992),
    ],
)
def test_the_totals_are_the_published_ones(
    layer: MoELayer, convention: str, flops_per_token: int, params: int, active_params: int
) -> None:
    assert cost(layer, convention).totals() == {
        "flops_per_token": flops_per_token,
        "params": params,
        "active_params": active_params,
    }


def test_the_ungated_example_of_the_paper_takes_its_scalar_operations() -> None:
    d = 768
    layer = MoELayer(d_model=d, heads=2, d_expert=3 * d, num_experts=8, top_k=1, gated=False)
    assert cost(layer, "scalar").flops_per_token == 16 * d**2 - 9 * d


@many
@given(st.integers(1, 99), st.integers(1, 9), st.integers(1, 99), st.integers(2, 9), st.data())
def test_scalar_counts_are_equations_6_and_7_term_by_term(
    width: int, heads: int, m: int, num_experts: int, data: st.DataObject
) -> None:
    d, k = width * heads, data.draw(st.integers(1, num_experts), label="top_k")
    given_fields: dict[str, Any] = {"d_expert": m, "num_experts": num_experts, "top_k": k, "gated": False}
    projected = MoELayer(d_model=d, heads=heads, head_layer=True, merge_layer=True, **given_fields)
    assert [(r.op, r.flops_per_token) for r in cost(projected, "scalar").rows] == [
        ("head", 2 * d * d - d),
        ("experts", (4 * d * m - d - m * heads) * k),
        ("merge", 2 * d * d - d),
    ]
    assert cost(MoELayer(d_model=d, **given_fields), "scalar").flops_per_token == (4 * d * m - m - d) * k


@many
@given(st.integers(1, 99), st.integers(2, 9), st.integers(1, 99), st.integers(2, 99))
def test_params_are_both_sides_of_equation_9(width: int, heads: int, m: int, num_experts: int) -> None:
    d = width * heads
    given_fields: dict[str, Any] = {"d_model": d, "d_expert": m, "num_experts": num_experts, "top_k": 1, "gated": False}
    assert cost(MoELayer(**given_fields)).params == 2 * d * m * num_experts
    assert cost(MoELayer(heads=heads, **given_fields)).params == 2 * d**2 + 2 * (d // heads) * m * num_experts


@many
@given(layers())
def test_params_are_the_sizes_of_the_arrays_that_the_engine_allocates(x: MoELayer) -> None:
    inner, pools = (2 if x.gated else 1), ((x.heads,) if x.expert_pool == "per_head" else ())
    width, seen = x.d_latent // x.heads, x.d_model if x.router_input == "token" else x.d_latent // x.heads
    shapes: dict[str, list[tuple[int, ...]]] = {
        "head": [(x.d_model, x.d_latent)] * x.head_layer,
        "router": [(*pools, seen, x.num_experts)] * (x.num_experts > 1),
        "experts": [
            (*pools, x.num_experts, width, inner * x.d_expert),
            (*pools, x.num_experts, x.d_expert, width),
        ],
        "merge": [(x.d_latent, x.d_model)] * x.merge_layer,
        "shared": [
            (x.num_shared_experts, x.d_model, inner * x.d_shared),
            (x.num_shared_experts, x.d_shared, x.d_model),
        ],
    }
    sizes = {op: sum(prod(shape) for shape in arrays) for op, arrays in shapes.items()}
    assert {r.op: r.params for r in cost(x, "matmul").rows} == {op: size for op, size in sizes.items() if size}


@many
@given(layers())
def test_every_parameter_that_a_vector_passes_is_one_multiply_add(x: MoELayer) -> None:
    vectors = {"head": 1, "router": x.heads, "experts": x.heads * x.top_k, "merge": 1, "shared": 1}
    pools = x.heads if x.expert_pool == "per_head" else 1
    copies = {"head": 1, "router": pools, "experts": pools * x.num_experts, "merge": 1, "shared": 1}
    for r in cost(x, "matmul").rows:
        assert r.flops_per_token * copies[r.op] == 2 * r.params * vectors[r.op]


@many
@given(layers())
def test_matmul_minus_paper_is_exactly_the_router(layer: MoELayer) -> None:
    matmul, paper = cost(layer, "matmul"), cost(layer, "paper")
    assert [r for r in matmul.rows if r.op != "router"] == list(paper.rows)
    router = row(matmul, "router")
    assert (matmul.flops_per_token - paper.flops_per_token, matmul.params - paper.params) == router
    assert matmul.active_params - paper.active_params == router[1]


@many
@given(layers(), conventions)
def test_one_expert_has_no_router_in_any_convention(layer: MoELayer, convention: str) -> None:
    dense, sparse = (replace(layer, num_experts=n, top_k=1) for n in (1, 2))
    assert "router" not in [r.op for r in cost(dense, convention).rows]
    assert ("router" in [r.op for r in cost(sparse, convention).rows]) == (convention == "matmul")


@many
@given(layers(), conventions)
def test_one_head_without_projections_is_the_same_layer_whatever_its_router_sees(
    layer: MoELayer, convention: str
) -> None:
    smoe = MoELayer(d_model=layer.d_model, d_expert=layer.d_expert, num_experts=layer.num_experts, top_k=layer.top_k)
    same = replace(smoe, head_layer=False, merge_layer=False, router_input="token", expert_pool="per_head")
    assert [r.op for r in cost(smoe, "paper").rows] == ["experts"]
    assert cost(same, convention) == cost(smoe, convention)


@many
@given(layers(), st.integers(2, 5), conventions)
def test_finer_experts_cost_the_same_experts(layer: MoELayer, granularity: int, convention: str) -> None:
    coarse = replace(layer, d_expert=layer.d_expert * granularity)
    fine = replace(layer, num_experts=layer.num_experts * granularity, top_k=layer.top_k * granularity)
    flops, params = row(cost(coarse, convention), "experts")
    extra_sums = layer.d_latent * layer.top_k * (granularity - 1) if convention == "scalar" else 0
    assert row(cost(fine, convention), "experts") == (flops - extra_sums, params)


@many
@given(layers(), conventions)
def test_total_params_do_not_depend_on_top_k(layer: MoELayer, convention: str) -> None:
    counts = {cost(replace(layer, top_k=k), convention).params for k in range(1, layer.num_experts + 1)}
    assert counts == {cost(layer, convention).params}


@many
@given(layers(), conventions)
def test_active_params_are_all_but_the_experts_that_a_token_cannot_reach(layer: MoELayer, convention: str) -> None:
    chosen = layer.heads * layer.top_k
    pooled = layer.expert_pool == "per_head"
    held = layer.num_experts * (layer.heads if pooled else 1)
    reached = chosen if pooled else min(layer.num_experts, chosen)
    priced = cost(layer, convention)
    one_expert = Fraction(row(priced, "experts")[1], held)
    assert priced.active_params == priced.params - (held - reached) * one_expert


@many
@given(layers())
def test_doubling_all_widths_costs_four_times_as_much_and_the_router_twice(layer: MoELayer) -> None:
    widths = {name: 2 * getattr(layer, name) for name in ("d_model", "d_latent", "d_expert", "d_shared")}
    doubled = cost(replace(layer, **widths), "matmul")
    for r in cost(layer, "matmul").rows:
        factor = 2 if r.op == "router" else 4
        assert row(doubled, r.op) == (factor * r.flops_per_token, factor * r.params)


SYMBOLS = {
    field.name: sympy.Symbol(field.name, positive=True)
    for field in fields(Dimensions)
    if not field.name.startswith("has_") and field.name != "input_matrices"
}


def totals(x: Dimensions, convention: str) -> tuple[Any, Any, Any]:
    priced = cost_of(x, convention)
    return priced.flops_per_token, priced.params, priced.active_params


def with_numbers(x: Dimensions, number: Callable[[str], Any]) -> Dimensions:
    return replace(x, **{name: number(name) for name in SYMBOLS})


@examples(40)
@given(layers(), conventions)
def test_symbols_give_the_formula_of_the_numbers(layer: MoELayer, convention: str) -> None:
    x = dimensions(layer)
    formulas = totals(with_numbers(x, SYMBOLS.__getitem__), convention)
    values = {symbol: getattr(x, name) for name, symbol in SYMBOLS.items()}
    assert [sympy.sympify(formula).subs(values) for formula in formulas] == list(totals(x, convention))


@many
@given(layers(), conventions, st.integers(2, 99))
def test_fractions_are_counted_exactly(layer: MoELayer, convention: str, denominator: int) -> None:
    x = dimensions(layer)
    assert totals(with_numbers(x, lambda name: Fraction(getattr(x, name))), convention) == totals(x, convention)
    whole, part = (replace(x, d_expert=m) for m in (x.d_expert, Fraction(x.d_expert, denominator)))
    nothing = replace(x, d_expert=0)
    for all_, some, none in zip(*(totals(each, convention) for each in (whole, part, nothing)), strict=True):
        assert (some - none) * denominator == all_ - none


@many
@given(st.lists(layers(), min_size=2, max_size=12), conventions, st.sampled_from((object, np.int64)))
def test_arrays_are_counted_element_by_element(
    drawn: list[MoELayer], convention: str, dtype: type[np.generic] | type[object]
) -> None:
    first = drawn[0]
    alike = [
        replace(layer, gated=first.gated, num_shared_experts=1, d_shared=3, num_experts=layer.num_experts + 1)
        for layer in drawn
        if (layer.head_layer, layer.merge_layer) == (first.head_layer, first.merge_layer)
    ]
    assume(len(alike) > 1)
    each = [dimensions(layer) for layer in alike]
    stacked = with_numbers(each[0], lambda name: np.array([getattr(x, name) for x in each], dtype=dtype))
    for column, total in enumerate(totals(stacked, convention)):
        assert total.dtype == dtype
        assert total.tolist() == [totals(x, convention)[column] for x in each]


@given(layers())
def test_costs_are_under_the_paper_convention_where_none_is_named(layer: MoELayer) -> None:
    assert cost(layer) == cost(layer, "paper") == cost_of(dimensions(layer)) == cost_of(dimensions(layer), "paper")
    assert training_flops(layer, 3) == training_flops(layer, 3, "paper") == 9 * cost(layer, "paper").flops_per_token
