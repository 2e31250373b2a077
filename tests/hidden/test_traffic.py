"""What passes through memory and between devices."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given

from parity import MoELayer, cost
from parity.builtin import BUILTIN
from parity.hidden import Setting, all_to_all_bytes_per_token, passes
from tests.hidden.strategies import set_layers

SMOE, MH_MOE = BUILTIN["paper-smoe"].design, BUILTIN["paper-mh-moe-3"].design


@given(set_layers())
def test_all_to_all_vanishes_on_one_device(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    assert all_to_all_bytes_per_token(layer, replace(setting, ep=1)) == 0


@given(set_layers())
def test_all_to_all_is_below_what_every_decision_sends_and_approaches_it(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    dropless = replace(setting, capacity_factor=None, precision="bfloat16")
    everything = 2 * 2 * layer.d_sub_token * layer.heads * layer.top_k  # there and back, two bytes a number
    assert everything - all_to_all_bytes_per_token(layer, dropless) == Fraction(everything, setting.ep)
    assert all_to_all_bytes_per_token(layer, replace(setting, precision="bfloat16")) <= everything


def test_all_to_all_of_the_paper_layers_is_three_times_as_much_with_three_heads() -> None:
    assert all_to_all_bytes_per_token(SMOE, Setting(ep=8)) == 2688
    assert all_to_all_bytes_per_token(MH_MOE, Setting(ep=8)) == 3 * 2688


@given(set_layers())
def test_on_one_device_without_drops_the_passes_do_the_flops_of_training(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    made = passes(layer, replace(setting, ep=1, capacity_factor=None))
    forward_flops = setting.tokens * cost(layer, "matmul").flops_per_token
    assert sum(part.flops for part in made if part.half == "forward") == forward_flops
    assert sum(part.flops for part in made if part.half == "backward") == 2 * forward_flops


@given(set_layers())
def test_devices_together_do_no_less_than_one(given_: tuple[MoELayer, Setting]) -> None:
    layer, setting = given_
    alone = sum(part.flops for part in passes(layer, replace(setting, ep=1)))
    assert setting.ep * sum(part.flops for part in passes(layer, setting)) >= alone


def test_bytes_moved_by_one_expert_are_its_operands_and_results() -> None:
    layer = MoELayer(d_model=6, d_expert=5, num_experts=1, top_k=1)
    forward_, backward_ = passes(layer, Setting(tokens=7, precision="float32", tile=1))
    x, pre, hidden, weights = 7 * 6, 7 * 10, 7 * 5, 6 * 10 + 5 * 6
    assert forward_.bytes_moved == 4 * ((x + pre) + (hidden + x) + weights)
    assert backward_.bytes_moved == 4 * (2 * ((x + pre) + (hidden + x)) + 2 * weights)
