"""Counts of what `transformers` builds, as `scripts/golden-models` wrote them: parity comes to the same without it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.models.configs import FAMILIES, one_at_a_time
from tests.models.count import counted
from tests.models.released import RELEASED

GOLDEN = json.loads((Path(__file__).parents[1] / "data" / "models_golden.json").read_text("utf-8"))


def numbers(config: Any) -> list[int]:
    counts = counted(config)
    row = [counts.pop(column, 0) for column in GOLDEN["columns"]]
    assert not counts
    return row


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_model_comes_to_what_its_class_holds(name: str) -> None:
    assert numbers(RELEASED[name]) == GOLDEN["released"][name]


@pytest.mark.parametrize("family", FAMILIES)
def test_whatever_field_is_changed_the_count_is_that_of_the_class(family: str) -> None:
    assert {label: numbers(config) for label, config in one_at_a_time(family)} == GOLDEN["small"][family]
