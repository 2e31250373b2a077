"""How many examples a law is tried on: so many, or a multiple where the environment has PARITY_EXAMPLES."""

import os
from typing import Any

from hypothesis import settings

TIMES = int(os.environ.get("PARITY_EXAMPLES", "1"))
"""10 is what is run before a release."""


def examples(number: int, **others: Any) -> settings:
    """Settings of Hypothesis for so many examples."""
    return settings(max_examples=TIMES * number, **others)
