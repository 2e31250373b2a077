"""Layers in settings that they can be run in."""

from fractions import Fraction

from hypothesis import strategies as st

from parity import MoELayer
from parity.hidden import Setting
from parity.precision import ATTAINABLE
from tests.strategies import layers

FACTORS = st.fractions(min_value=Fraction(1, 10), max_value=4, max_denominator=20)


@st.composite
def set_layers(draw: st.DrawFn) -> tuple[MoELayer, Setting]:
    """A layer and a setting that it can be run in."""
    layer = draw(layers(), label="layer")
    setting = Setting(
        tokens=draw(st.integers(1, 40), label="tokens"),
        precision=draw(st.sampled_from(ATTAINABLE), label="precision"),
        ep=draw(st.integers(1, layer.pools * layer.num_experts), label="ep"),
        capacity_factor=draw(st.none() | FACTORS, label="capacity factor"),
        tile=draw(st.integers(1, 9), label="tile"),
    )
    return layer, setting
