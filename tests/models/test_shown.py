"""Any value can be shown in a message."""

import pytest

from parity.design import check_given, shown
from parity.errors import InputError
from tests.models.mutations import deep

HARD_TO_SHOW: dict[str, object] = {
    "integer": 10**5000,
    "negative": -(10**5000),
    "list": [10**5000],
    "object": {"a": [10**5000]},
    "deep": deep(500),
    "deeper": deep(100_000),
    "long": list(range(100_000)),
}


@pytest.mark.parametrize("value", HARD_TO_SHOW.values(), ids=HARD_TO_SHOW)
def test_a_value_of_any_size_and_depth_is_shown_in_a_line(value: object) -> None:
    assert shown(value).isprintable()
    assert 0 < len(shown(value)) < 250


def test_an_integer_that_python_does_not_spell_out_is_refused_all_the_same() -> None:
    with pytest.raises(InputError, match=r"d_model=int of 16,610 bits: accepted are integers up to"):
        check_given("d_model", 10**5000)
