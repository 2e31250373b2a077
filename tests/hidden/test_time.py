"""Times are bounds, and accelerators are what their data sheets say."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer
from parity.hardware import accelerator_named, accelerators
from parity.hidden import Setting, passes, predict
from parity.precision import PRECISIONS
from tests.hidden.strategies import set_layers


@given(set_layers(), st.sampled_from(sorted(accelerators())))
def test_no_time_is_below_the_flops_at_peak_the_bytes_at_full_bandwidth_or_the_exchange(
    given_: tuple[MoELayer, Setting], name: str
) -> None:
    layer, setting = given_
    accelerator = accelerator_named(name)
    made = passes(layer, setting)
    predicted = predict(layer, setting, accelerator)
    rate = accelerator.flops_per_second.get(setting.format.arithmetic)
    assert (predicted is None) is (rate is None)
    if predicted is not None and rate is not None:
        assert all(seconds >= 0 for seconds in predicted.parts().values())
        assert predicted.seconds - predicted.communication >= max(
            Fraction(sum(part.flops + part.padding_flops for part in made), rate),
            sum(part.bytes_moved for part in made) / accelerator.memory_bytes_per_second,
        )
        assert (predicted.communication == 0) is (setting.ep == 1)


@given(set_layers(), st.integers(1, 5))
def test_a_tile_of_one_row_is_never_slower(given_: tuple[MoELayer, Setting], times: int) -> None:
    layer, setting = given_
    fine, coarse = (
        predict(layer, replace(setting, precision="bfloat16", tile=tile), accelerator_named("H100 SXM"))
        for tile in (1, times)
    )
    assert fine is not None
    assert coarse is not None
    assert fine.seconds <= coarse.seconds


def test_data_sheets_are_within_reason_and_name_their_source() -> None:
    assert len(accelerators()) >= 8
    for name, accelerator in accelerators().items():
        rates = accelerator.flops_per_second
        assert accelerator.name == name
        assert len(accelerator.source) > 20
        assert set(rates) <= {precision.arithmetic for precision in PRECISIONS.values()}
        assert 10**14 < rates["bfloat16"] < 10**16
        assert rates["bfloat16"] > rates.get("float32", 0)
        # Halving the bits doubles the rate at most, but for what data sheets round.
        assert rates.get("fp8", 0) <= 2.03 * rates["bfloat16"]
        assert 5 * 10**11 < accelerator.memory_bytes_per_second < 10**13
        assert 10**10 < accelerator.memory_bytes < 10**12
        assert 10**10 < accelerator.interconnect_bytes_per_second < accelerator.memory_bytes_per_second
