"""FLOPs and parameters are those predicted; gradients are derivatives; float32 is close to float64."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parity import MoELayer, cost
from reference import MoEConfig, backward, forward, tally
from reference.losses import (
    load_balancing_backward,
    load_balancing_forward,
    z_loss_backward,
    z_loss_forward,
)
from tests.engine.strategies import (
    ROUTED,
    SEEDS,
    SMALL,
    TOKENS,
    Array,
    Call,
    assert_all_close,
    assert_is_gradient,
    calls,
    config_of,
    hidden_signs,
    results,
)
from tests.examples import examples

FACTORS = st.integers(-8, 8).map(lambda quarters: quarters / 4)


def executed(call: Call) -> dict[tuple[str, str], int]:
    """FLOPs of each op and half, those without any left out."""
    with tally() as counted:
        call.run()
    flops = {(op, half): counted.flops(op, half) for op in counted.ops() for half in ("forward", "backward")}
    return {key: number for key, number in flops.items() if number}


def fixed_choice(call: Call) -> Array | None:
    """The router's selection, to be held while inputs move."""
    routing = forward(call.params, call.x, call.config)[1].routing
    return None if routing is None else routing.chosen


def keep_off_the_kink(call: Call, inputs: dict[str, Array]) -> None:
    """Only go on where no hidden unit of ReLU changes sides between these inputs and the call's."""
    if call.config.activation == "relu":
        moved, original = (hidden_signs(at, at["x"], call.config) for at in (inputs, {"x": call.x, **call.params}))
        assume(all(np.array_equal(a, b) for a, b in zip(moved, original, strict=True)))


@examples(150)
@given(SMALL, TOKENS, st.data())
def test_executed_flops_are_the_predicted_ones_of_every_op_and_backward_is_twice_forward(
    layer: MoELayer, tokens: int, data: st.DataObject
) -> None:
    how = {"renormalize": data.draw(st.booleans()), "activation": data.draw(st.sampled_from(("silu", "relu")))}
    predicted = {}
    for row in cost(layer, "matmul").rows:
        predicted[row.op, "forward"] = row.flops_per_token * tokens
        predicted[row.op, "backward"] = 2 * row.flops_per_token * tokens
    assert executed(Call(config_of(layer, **how), tokens, 0)) == {key: n for key, n in predicted.items() if n}


@examples(150)
@given(SMALL, st.sampled_from(("float32", "float64")))
def test_allocated_parameters_are_the_predicted_ones_of_every_op(layer: MoELayer, dtype: str) -> None:
    params = Call(config_of(layer, dtype=dtype), 0, 0).params
    allocated: dict[str, int] = {}
    for name, array in params.items():
        assert array.dtype == dtype
        op = {"w_in": "experts", "w_out": "experts", "shared_in": "shared", "shared_out": "shared"}.get(name, name)
        allocated[op] = allocated.get(op, 0) + array.size
    assert allocated == {row.op: row.params for row in cost(layer, "matmul").rows}


@examples(100)
@given(calls())
def test_gradients_are_derivatives_with_respect_to_x_and_every_parameter(call: Call) -> None:
    chosen = fixed_choice(call)
    gradients = call.run()
    gradients["x"] = gradients.pop("dx")
    del gradients["y"]
    assert gradients.keys() == {"x", *call.params}

    def terms(at: dict[str, Array]) -> Array:
        keep_off_the_kink(call, at)
        return forward({name: at[name] for name in call.params}, at["x"], call.config, chosen)[0] * call.dy

    assert_is_gradient(gradients, terms, {"x": call.x, **call.params}, call.seed)


@pytest.mark.parametrize(
    ("loss", "gradient"),
    [(load_balancing_forward, load_balancing_backward), (z_loss_forward, z_loss_backward)],
)
@given(st.integers(2, 9), st.integers(1, 12), st.data())
def test_gradients_of_the_losses_are_derivatives_with_respect_to_the_logits(
    loss: Any, gradient: Any, num_experts: int, tokens: int, data: st.DataObject
) -> None:
    top_k = data.draw(st.integers(1, num_experts), label="top_k")
    factor, seed = data.draw(FACTORS, label="factor"), data.draw(SEEDS, label="seed")
    config = MoEConfig(d_model=num_experts, num_experts=num_experts, top_k=top_k, d_expert=1, dtype="float64")
    call = Call(config, tokens, seed)
    params = {**call.params, "router": np.eye(num_experts)}  # then x is the logits
    routing = forward(params, call.x, config)[1].routing
    assert routing

    def terms(at: dict[str, Array]) -> Array:
        return np.array([factor * loss(forward(params, at["logits"], config, routing.chosen)[1].routing)])

    assert_is_gradient({"logits": gradient(factor, routing)}, terms, {"logits": call.x}, seed)


@examples(60)
@given(calls(ROUTED, st.integers(1, 12)), FACTORS, FACTORS)
def test_losses_reach_x_and_every_parameter_through_the_gradient_of_the_logits(
    call: Call, balance: float, z: float
) -> None:
    config, chosen = call.config, fixed_choice(call)
    heads = range(config.pools)

    def terms(at: dict[str, Array]) -> Array:
        keep_off_the_kink(call, at)
        y, cache = forward({name: at[name] for name in call.params}, at["x"], config, chosen)
        routing = [cache.routing[head :: config.pools] for head in heads if cache.routing]
        losses = [[balance * load_balancing_forward(pool), z * z_loss_forward(pool)] for pool in routing]
        return np.concatenate([(y * call.dy).ravel(), np.ravel(losses)])

    cache = forward(call.params, call.x, config)[1]
    assert cache.routing
    dlogits = np.empty_like(cache.routing.probabilities)
    for head in heads:
        pool = cache.routing[head :: config.pools]
        dlogits[head :: config.pools] = load_balancing_backward(balance, pool) + z_loss_backward(z, pool)
    dx, grads = backward(call.params, call.dy, cache, config, dlogits)
    assert_is_gradient({"x": dx, **grads}, terms, {"x": call.x, **call.params}, call.seed)


@examples(100)
@given(calls(dtype="float32"))
def test_float32_is_within_1e_4_of_float64(call: Call) -> None:
    wide: dict[str, Any] = vars(call.config) | {"dtype": "float64"}
    config = MoEConfig(**wide)
    params = {name: array.astype(np.float64) for name, array in call.params.items()}
    x, dy = call.x.astype(np.float64), call.dy.astype(np.float64)
    if config.activation == "relu":  # no hidden unit may change sides because it is rounded
        rounded, exact = hidden_signs(call.params, call.x, config), hidden_signs(params, x, config)
        assume(all(np.array_equal(a, b) for a, b in zip(rounded, exact, strict=True)))
    chosen = fixed_choice(call)
    narrow = call.run(chosen)
    assert {array.dtype for array in narrow.values()} == {np.dtype(np.float32)}
    assert_all_close(narrow, results(params, x, dy, config, chosen), 1e-4)


@given(calls(ROUTED), st.data())
def test_an_expert_that_receives_nothing_has_no_gradient(call: Call, data: st.DataObject) -> None:
    experts = data.draw(st.permutations(range(call.config.num_experts)), label="experts")
    chosen = np.tile(np.array(experts[: call.config.top_k], np.intp), (call.sub_tokens, 1))
    grads = call.run(chosen)
    idle = experts[call.config.top_k :] if call.tokens else experts
    for name in ("w_in", "w_out"):
        of_experts = np.moveaxis(grads[name], -3, 0)
        assert not of_experts[idle].any()
        if call.tokens and call.config.activation != "relu":
            assert all(of_experts[expert].any() for expert in experts[: call.config.top_k])


@pytest.mark.parametrize("activation", ["silu", "gelu", "relu"])
@given(*[st.integers(1, 9)] * 3, st.integers(0, 2), SEEDS)
def test_a_unit_is_on_the_other_side_of_its_kink_where_its_input_is_positive(
    activation: Any, d_model: int, width: int, tokens: int, shared: int, seed: int
) -> None:
    config = MoEConfig(
        d_model=d_model,
        num_experts=1,
        top_k=1,
        d_expert=width,
        gated=False,
        num_shared_experts=shared,
        d_shared=width if shared else 0,
        activation=activation,
        dtype="float64",
    )
    call = Call(config, tokens, seed)
    sides = forward(call.params, call.x, config)[1].sides()
    if activation == "relu":
        weights = [*call.params["w_in"], *call.params.get("shared_in", ())]
        assert sides is not None
        assert sides.tolist() == np.concatenate([(call.x @ weight > 0).ravel() for weight in weights]).tolist()
    else:
        assert sides is None
