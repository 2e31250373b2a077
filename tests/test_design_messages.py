"""What a design that cannot be is refused with, word for word, and how the value that was given is shown."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from sympy import Symbol

from parity import InputError, MoELayer
from parity.design import FIELDS, LARGEST_INTEGER, check_field, check_given, check_together, derived, shown
from tests.models.mutations import deep

ALL_FIELDS = ", ".join(FIELDS)
LATENT = (
    "a latent width other than d_model=8 needs both projections; accepted are both, or neither with d_latent=d_model"
)


def layer(**fields: Any) -> MoELayer:
    return MoELayer(**{"d_model": 8, "d_expert": 4, "num_experts": 4, "top_k": 2, **fields})


REFUSED: dict[str, Callable[[], object]] = {
    "d_model=0: accepted are integers of at least 1": lambda: layer(d_model=0),
    "d_shared=-1: accepted are integers of at least 0": lambda: layer(d_shared=-1),
    "gated=1: accepted are true and false": lambda: layer(gated=1),
    "expert_pool=mine: accepted are shared and per_head": lambda: layer(expert_pool="mine"),
    "router_input=null: accepted are sub_token and token": lambda: layer(router_input=None),
    f"Top-K is not a field of a design: accepted are {ALL_FIELDS}": lambda: check_field("Top-K", 1),
    f"TopK is not a field of a design: did you mean top_k? Accepted are {ALL_FIELDS}": lambda: check_field("TopK", 1),
    f"Top_K is not a field of a design: did you mean top_k? Accepted are {ALL_FIELDS}": lambda: check_field("Top_K", 1),
    f"d_model={LARGEST_INTEGER + 1}: accepted are integers up to {LARGEST_INTEGER}": lambda: check_given(
        "d_model", LARGEST_INTEGER + 1
    ),
    "top_k=5 exceeds num_experts=4: accepted is a top_k of at most num_experts": lambda: layer(top_k=5),
    f"merge_layer=false with d_latent=4: {LATENT}": lambda: layer(d_latent=4, merge_layer=False),
    f"head_layer=false with d_latent=4: {LATENT}": lambda: layer(d_latent=4, head_layer=False),
    "router_input=token with heads=2: accepted is heads=1 for a router that sees the token": lambda: layer(
        heads=2, router_input="token"
    ),
    "d_shared=0 with num_shared_experts=1: accepted are widths of at least 1": lambda: layer(num_shared_experts=1),
}


@pytest.mark.parametrize("said", REFUSED)
def test_a_design_that_cannot_be_is_refused_with_what_is_accepted(said: str) -> None:
    with pytest.raises(InputError) as refused:
        REFUSED[said]()
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("heads", "width", "divisors"),
    [
        (5, {"d_model": 24}, "4 and 6"),
        (5, {"d_latent": 6}, "3 and 6"),
        (30, {"d_model": 24}, "1 and 24"),
        (65, {"d_model": 131}, "1"),
        (66, {"d_model": 131}, "1 and 131"),
        (67, {"d_model": 131}, "1 and 131"),
        (68, {"d_model": 131}, "131"),
    ],
)
def test_heads_that_do_not_divide_are_refused_with_the_divisors_around_them(
    heads: int, width: dict[str, int], divisors: str
) -> None:
    ((name, value),) = width.items()
    with pytest.raises(InputError) as refused:
        layer(heads=heads, **width)
    assert str(refused.value) == (
        f"heads={heads} does not divide {name}={value}: accepted are its divisors, such as {divisors}"
    )


@pytest.mark.parametrize(("more", "refused"), [(0, False), (1, True)])
def test_what_comes_from_outside_may_be_the_largest_integer_and_not_more(more: int, refused: bool) -> None:
    with pytest.raises(InputError) if refused else nullcontext():
        check_given("d_model", LARGEST_INTEGER + more)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"heads": 3, "num_experts": 4}, True),  # of a width of 8
        ({"heads": Symbol("h"), "num_experts": 4}, False),
        ({"heads": 2, "num_experts": 1}, True),  # of which 2 are chosen
        ({"heads": 2, "num_experts": Symbol("E")}, False),
        ({"heads": 3, "num_experts": 4, "d_latent": Symbol("l"), "head_layer": True, "merge_layer": True}, False),
    ],
    ids=range(5),
)
def test_only_numbers_can_be_at_odds_with_one_another(fields: dict[str, Any], refused: bool) -> None:
    with pytest.raises(InputError) if refused else nullcontext():
        check_together(derived({**vars(layer()), **fields}))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (False, "false"),
        (None, "null"),
        (0, "0"),
        ("d", "d"),
        ([True, "d"], "[True, 'd']"),
        ("x" * 200, "x" * 200),
        ("a" * 150 + "b" * 51, "a" * 120 + "..." + "b" * 40 + " (201 characters)"),
        ("a" * 120 + "b" * 1_000 + "c" * 40, "a" * 120 + "..." + "c" * 40 + " (1,160 characters)"),
        (2**20_000, "int of 20,001 bits"),
        (deep(100_000), "list of what is too large or too deep to show"),
        ("a\x1b[2Jb\n", "a\\x1b[2Jb\\n"),
        ("\udc80", "\\udc80"),
    ],
    ids=range(13),
)
def test_a_value_is_shown_whole_if_short_and_never_moves_the_cursor(value: object, text: str) -> None:
    assert shown(value) == text
