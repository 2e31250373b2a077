"""Settings that cannot be are refused."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given

from parity import InputError, MoELayer
from parity.design import LARGEST_INTEGER
from parity.hidden import Setting
from tests.strategies import layers


@pytest.mark.parametrize(
    ("shows", "arguments"),
    [
        ("tokens=0", {"tokens": 0}),
        ("tokens=true", {"tokens": True}),
        ("ep=9223372036854775808", {"ep": LARGEST_INTEGER + 1}),
        ("tile=1.5", {"tile": 1.5}),
        ("capacity_factor=-1/2", {"capacity_factor": Fraction(-1, 2)}),
        ("precision='ternary-limit'", {"precision": "ternary-limit"}),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused(shows: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="accepted are") as refused:
        Setting(**arguments)
    assert shows in str(refused.value)


@given(layers())
def test_more_devices_than_experts_are_refused_and_as_many_are_not(layer: MoELayer) -> None:
    experts = layer.pools * layer.num_experts
    Setting(ep=experts).check("it", layer)
    with pytest.raises(InputError, match=f"ep={experts + 1} exceeds the {experts} experts of it"):
        Setting(ep=experts + 1).check("it", layer)
