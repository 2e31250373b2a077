"""Each named constructor is the layer that its paper describes."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import InputError, MoELayer, cost
from parity.cost import expected_active_experts
from parity.family import dense, fine_grained, first_mh_moe, latent_moe, mh_moe, multi_head_latent_moe, smoe

SMALL = st.integers(1, 30)


@given(SMALL, SMALL, SMALL, st.integers(1, 6), SMALL)
def test_splitting_experts_changes_neither_flops_nor_parameters(d: int, m: int, e: int, g: int, k: int) -> None:
    before, after = smoe(d, m * g, e + k, k), fine_grained(d, m * g, e + k, k, granularity=g)
    assert cost(before).totals() == cost(after).totals()
    assert (after.d_expert, after.num_experts, after.top_k) == (m, (e + k) * g, k * g)


EXPERTS = {"d_expert": 5, "num_experts": 4, "top_k": 2}


@pytest.mark.parametrize(
    ("make", "given", "fields"),
    [
        (dense, (6, 5), {"d_expert": 5, "num_experts": 1, "top_k": 1}),
        (smoe, (6, 5, 4), {**EXPERTS, "top_k": 1}),
        (smoe, (6, 5, 4, 2), EXPERTS),
        (partial(fine_grained, granularity=2), (6, 10, 4), {"d_expert": 5, "num_experts": 8, "top_k": 2}),
        (partial(fine_grained, granularity=2), (6, 10, 4, 3), {"d_expert": 5, "num_experts": 8, "top_k": 6}),
        (mh_moe, (6, 3, 5, 4, 2), {**EXPERTS, "heads": 3}),
        (first_mh_moe, (6, 3, 4, Fraction(1, 2), "follow_up"), {**EXPERTS, "heads": 3, "d_expert": 36, "top_k": 1}),
        (latent_moe, (6, 3, 5, 4, 2), {**EXPERTS, "d_latent": 3, "router_input": "token"}),
        (multi_head_latent_moe, (6, 3, 5, 4, 2), {**EXPERTS, "heads": 3, "expert_pool": "per_head"}),
    ],
    ids=range(9),
)
def test_each_is_the_layer_with_these_fields_and_those_that_are_added(
    make: Callable[..., MoELayer], given: tuple[Any, ...], fields: dict[str, Any]
) -> None:
    assert make(*given) == MoELayer(d_model=6, **fields, gated=make is not first_mh_moe)
    assert make(*given, gated=False) == MoELayer(d_model=6, **fields, gated=False)


@given(SMALL, SMALL)
def test_a_dense_layer_is_one_expert_without_a_router(d: int, m: int) -> None:
    for convention in ("paper", "matmul", "scalar"):
        assert [row.op for row in cost(dense(d, m), convention).rows] == ["experts"]


@given(st.integers(1, 8), SMALL, SMALL)
def test_pools_of_one_head_are_one_pool(w: int, m: int, e: int) -> None:
    assert cost(multi_head_latent_moe(w, 1, m, e, 1), "matmul").totals() == cost(smoe(w, m, e), "matmul").totals()


@given(st.integers(2, 6), st.integers(1, 8), SMALL, SMALL)
def test_pools_hold_heads_times_the_experts_and_do_the_same_work(h: int, w: int, m: int, e: int) -> None:
    shared, pools = mh_moe(h * w, h, m, e, 1), multi_head_latent_moe(h * w, h, m, e, 1)
    rows = [{row.op: row for row in cost(layer, "matmul").rows} for layer in (shared, pools)]
    for op in rows[0]:
        assert rows[0][op].flops_per_token == rows[1][op].flops_per_token
        times = h if op in ("router", "experts") else 1
        assert rows[1][op].params == times * rows[0][op].params


def test_the_router_of_latent_moe_sees_the_token() -> None:
    (router,) = [r for r in cost(latent_moe(64, 16, 32, 8, 2, gated=False), "matmul").rows if r.op == "router"]
    assert (router.flops_per_token, router.params) == (2 * 64 * 8, 64 * 8)


@given(st.sampled_from([2, 4, 8]), st.integers(2, 16))
def test_both_readings_of_the_first_mh_moe_imply_what_they_say(h: int, e: int) -> None:
    d, beta = 64 * h, Fraction(63, 64)
    base = smoe(d, 4 * d, e, gated=False)
    experts = [
        next(r for r in cost(layer).rows if r.op == "experts")
        for layer in (base, first_mh_moe(d, h, e, beta, "own_appendix"), first_mh_moe(d, h, e, beta, "follow_up"))
    ]
    assert Fraction(experts[1].flops_per_token, experts[0].flops_per_token) == beta
    assert Fraction(experts[1].params, experts[0].params) == beta / h
    assert Fraction(experts[2].flops_per_token, experts[0].flops_per_token) == beta * h
    assert Fraction(experts[2].params, experts[0].params) == beta


@given(st.sampled_from([1, 2, 3, 6]), st.booleans(), st.booleans())
def test_head_and_merge_layers_come_off_one_by_one(heads: int, head: bool, merge: bool) -> None:
    layer = mh_moe(12, heads, 5, 4, 2, head_layer=head, merge_layer=merge)
    ops = {row.op for row in cost(layer).rows}
    assert ("head" in ops, "merge" in ops) == (head, merge)


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))
def test_a_token_reaches_at_most_what_it_chooses_and_on_average_no_more(h: int, k: int, more: int) -> None:
    layer = mh_moe(60, h, 5, k + more - 1, k, head_layer=True, merge_layer=True)
    assert layer.reachable_experts == min(layer.num_experts, h * k)
    assert k <= expected_active_experts(layer) <= layer.reachable_experts
    pools = multi_head_latent_moe(60, h, 5, k + more - 1, k)
    assert expected_active_experts(pools) == pools.reachable_experts == h * k


@given(st.integers(1, 5), st.integers(1, 9), st.integers(0, 9) | st.integers(0, 2**62))
def test_the_expectation_has_29_digits_at_least_however_many_experts_there_are(h: int, k: int, more: int) -> None:
    experts = k + more
    exact = experts * (1 - (1 - Fraction(k, experts)) ** h)
    found = expected_active_experts(mh_moe(60, h, 5, experts, k))
    assert abs(Fraction(found) - exact) <= exact / 10**29


def test_the_expectation_is_what_counting_every_choice_gives() -> None:
    from itertools import combinations, product

    layer = mh_moe(60, 3, 5, 5, 2)
    choices = list(combinations(range(5), 2))
    reached = [len(set().union(*together)) for together in product(choices, repeat=3)]
    assert Fraction(expected_active_experts(layer)).limit_denominator(10**6) == Fraction(sum(reached), len(reached))


def test_a_layer_is_frozen_and_its_fields_are_checked() -> None:
    layer = smoe(768, 2048, 8)
    with pytest.raises(FrozenInstanceError):
        layer.d_model = 3  # type: ignore[misc]  # what must fail
    for wrong in (0, -1, 2.0, "8", True, None):
        with pytest.raises(InputError, match="num_experts"):
            MoELayer(d_model=768, d_expert=2048, num_experts=wrong, top_k=1)  # type: ignore[arg-type]  # what must fail
    granularities: list[tuple[Any, str]] = [(3, "3"), (0, "0"), (-1, "-1"), (2.0, "2.0"), (True, "true")]
    for granularity, shown in granularities:
        with pytest.raises(InputError, match=f"granularity={shown} with d_expert=2048: accepted"):
            fine_grained(768, 2048, 8, granularity=granularity)
    with pytest.raises(InputError, match="beta=1/7"):
        first_mh_moe(768, 4, 8, Fraction(1, 7), "follow_up")
    with pytest.raises(InputError, match="mine"):
        first_mh_moe(768, 4, 8, Fraction(1), "mine")  # type: ignore[arg-type]  # what is wrong with it
