"""Configs of every family at random."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.models.configs import FAMILIES, one_at_a_time, spelled_out


@st.composite
def configs(draw: st.DrawFn, families: Sequence[str] = tuple(FAMILIES)) -> dict[str, Any]:
    """A config each of whose fields has one of its values, whatever the others have."""
    family = draw(st.sampled_from(families), label="family")
    fields = {name: draw(st.sampled_from(values), label=name) for name, values in FAMILIES[family].items()}
    return spelled_out(family, fields)


def usual(family: str) -> dict[str, Any]:
    """The usual config of a family."""
    return next(one_at_a_time(family))[1]


OTHERS = {name: value for family in FAMILIES for name, value in usual(family).items() if name != "model_type"}
"""A value for every field of any family."""
