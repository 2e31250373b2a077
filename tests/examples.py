"""How much is tried: PARITY_EXAMPLES in the environment is the multiple of what is written beside each test, or 1."""

import os
from collections.abc import Iterable
from fractions import Fraction
from typing import Any, TypeVar

from hypothesis import settings

TIMES = Fraction(os.environ.get("PARITY_EXAMPLES", "1"))
"""10 is what is run before a release, 1/5 what CI runs again on another Python and on the lowest dependencies."""
Thing = TypeVar("Thing")


def examples(number: int, **others: Any) -> settings:
    """Settings of Hypothesis for so many examples."""
    return settings(max_examples=max(1, round(TIMES * number)), **others)


def some_of(everything: Iterable[Thing]) -> list[Thing]:
    """All, or evenly spread ones where only a share is tried."""
    return list(everything)[:: max(1, round(1 / TIMES))]
