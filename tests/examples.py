"""How much is tried: PARITY_EXAMPLES in the environment is the multiple of what is written beside each test, or 1."""

import os
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import settings

TIMES = Fraction(os.environ.get("PARITY_EXAMPLES", "1"))
"""10 is what is run before a release, 1/10 what CI runs again on another Python and on the lowest dependencies."""
Thing = TypeVar("Thing")


def examples(number: int, **others: Any) -> settings:
    """Settings of Hypothesis for so many examples."""
    return settings(max_examples=max(1, round(TIMES * number)), **others)


def one_in(number: int, everything: Iterable[Thing]) -> list[Thing]:
    """Evenly spread ones, one in so many."""
    return list(everything)[:: max(1, round(number / TIMES))]
