"""Sets of integers: what is written is what is meant, and what cannot be meant is refused."""

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import InputError
from parity.design import LARGEST_INTEGER
from parity.ranges import MOST_SPANS, Ranges

SPANS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20)), min_size=1, max_size=6)


def written(spans: list[tuple[int, int]]) -> str:
    return ", ".join(str(first) if not more else f"{first}-{first + more}" for first, more in spans)


@given(SPANS)
def test_a_list_of_ranges_is_their_union(spans: list[tuple[int, int]]) -> None:
    expected = {value for first, more in spans for value in range(first, first + more + 1)}
    found = Ranges.of("x", written(spans))
    assert list(found) == sorted(expected)
    assert (found.size, found.lowest, found.highest) == (len(expected), min(expected), max(expected))
    assert all((value in found) == (value in expected) for value in range(90))


@given(SPANS)
def test_spans_grow_and_do_not_touch(spans: list[tuple[int, int]]) -> None:
    assert all(before[1] + 1 < after[0] for before, after in pairwise(Ranges.of("x", written(spans)).spans))


@given(SPANS, st.randoms())
def test_order_and_overlap_do_not_matter(spans: list[tuple[int, int]], random: Random) -> None:
    shuffled = [*spans, *spans[:2]]
    random.shuffle(shuffled)
    assert Ranges.of("x", written(shuffled)) == Ranges.of("x", written(spans))


@given(SPANS)
def test_a_set_is_read_back_as_it_is_shown(spans: list[tuple[int, int]]) -> None:
    ranges = Ranges.of("x", written(spans))
    assert Ranges.of("x", str(ranges)) == ranges


@given(SPANS)
def test_text_lists_and_sets_mean_the_same(spans: list[tuple[int, int]]) -> None:
    ranges = Ranges.of("x", written(spans))
    assert Ranges.of("x", list(ranges)) == Ranges.of("x", set(ranges)) == Ranges.of("x", ranges) == ranges


@given(SPANS, st.integers(0, 90))
def test_up_to_leaves_out_what_is_greater(spans: list[tuple[int, int]], bound: int) -> None:
    ranges = Ranges.of("x", written(spans))
    assert list(ranges.up_to(bound) or ()) == [value for value in ranges if value <= bound]


def test_an_enormous_range_is_not_spelled_out() -> None:
    assert Ranges.of("x", f"1-{LARGEST_INTEGER}").size == LARGEST_INTEGER
    assert Ranges.of("x", range(1, LARGEST_INTEGER)).highest == LARGEST_INTEGER - 1


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("", "x="),
        (",", "x=,"),
        ("1,,2", "1,,2"),
        ("16-1", "1-16"),
        ("-3", "-3"),
        ("1-", "1-"),
        ("1-2-3", "1-2-3"),
        ("1.5", "1.5"),
        ("one", "one"),
        ("٣", "٣"),
        ("0", "x=0"),
        (str(2**63), str(2**63)),
        ("9" * 50, "9" * 50),
        ([], "empty"),
        (range(5, 5), "empty"),
        ([1, 2.5], "2.5"),
        ([True], "true"),
        (list(range(1, 2 * MOST_SPANS + 3, 2)), str(MOST_SPANS)),
    ],
)
def test_what_is_no_set_is_refused_with_what_was_given(given: object, shown: str) -> None:
    with pytest.raises(InputError, match="accepted") as refused:
        Ranges.of("x", given)  # type: ignore[arg-type]  # what must fail
    assert shown in str(refused.value)
