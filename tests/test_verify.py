"""Predicted equals executed for every design, and what does not fit or does not agree is said."""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

import parity.verify
from parity import InputError, MoELayer, cost
from parity.builtin import BUILTIN
from parity.verify import scaled_down, verify
from reference import MoEConfig, backward, forward, init
from reference.gradcheck import STEPS, Evaluated, gradient_errors
from reference.memory import bytes_needed
from tests.conftest import Answer, Run
from tests.examples import examples
from tests.strategies import layers


@examples(60)
@given(layers())
def test_every_layer_executes_what_is_predicted(layer: MoELayer) -> None:
    done = verify(layer, tokens=5)
    assert done.verified, done
    assert {op.op: op.forward.executed for op in done.ops} == {
        row.op: 5 * row.flops_per_token for row in cost(layer, "matmul").rows
    }


@pytest.mark.parametrize("name", ["paper-dense", "paper-smoe", "paper-mh-moe-3-shared", "first-mh-moe-own-appendix"])
def test_built_in_designs_verify(answer: Answer, name: str) -> None:
    found = answer("verify", name, "--tokens", 16, "--scale-down", 4)
    assert found["verified"] is True
    assert 0 <= found["gradient_error"] <= 1e-6
    assert (
        found["params"]["predicted"]
        == found["params"]["allocated"]
        == cost(scaled_down(BUILTIN[name].design, 4), "matmul").params
    )
    for op in found["ops"]:
        assert op["backward"] == {half: 2 * flops for half, flops in op["forward"].items()}


def test_a_wrong_prediction_is_shown_and_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_merge(layer: MoELayer, convention: str) -> Any:
        priced = cost(layer, convention)
        return type(priced)(priced.convention, tuple(row for row in priced.rows if row.op != "merge"))

    monkeypatch.setattr(parity.verify, "cost", without_merge)
    result = run("verify", "d_model=12,heads=2,d_expert=5,num_experts=3,top_k=1", "--tokens", 3)
    assert result.exit_code == 1
    assert "NOT verified" in result.stdout
    assert [line.split()[-1] for line in result.stdout.splitlines() if line.startswith("merge")] == ["NO", "NO"]


def test_a_layer_too_large_is_refused_before_it_is_allocated(run: Run) -> None:
    import tracemalloc

    tracemalloc.start()
    result = run("verify", "d_model=7168,d_expert=2048,num_experts=384,top_k=8")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "16,914,186,240 parameters" in result.stderr
    assert "--scale-down" in result.stderr
    assert peak < 1 << 24


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(layers(), st.integers(2, 500), st.integers(0, 10**7))
def test_fewer_tokens_are_advised_only_where_they_would_fit(
    monkeypatch: pytest.MonkeyPatch, layer: MoELayer, tokens: int, available: int
) -> None:
    monkeypatch.setattr(parity.verify, "_available_bytes", lambda: available)
    fields: dict[str, Any] = {**layer.to_dict(), "dtype": "float64"}
    needed = {number: bytes_needed(MoEConfig(**fields), number) for number in (1, tokens)}
    assume(needed[tokens] > available)
    with pytest.raises(InputError) as refused:
        verify(layer, tokens=tokens)
    assert ("fewer --tokens" in str(refused.value)) == (needed[1] <= available)


def test_where_the_system_does_not_say_what_is_free_all_its_memory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    sizes = {"SC_PHYS_PAGES": 1000, "SC_PAGE_SIZE": 20_000}
    monkeypatch.setattr(parity.verify, "open", absent, raising=False)
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    layer = MoELayer(d_model=768, d_expert=2048, num_experts=8, top_k=1)
    with pytest.raises(InputError, match=r"in float64 and 0\.02 GB are available: accepted are .*--scale-down"):
        verify(layer, tokens=5)
    monkeypatch.setattr(os, "sysconf_names", {})
    assert verify(scaled_down(layer, 256), tokens=5).verified


def test_a_scale_that_does_not_divide_is_refused() -> None:
    smoe = BUILTIN["paper-smoe"].design
    with pytest.raises(InputError, match="scale_down=5 does not divide d_model=768"):
        scaled_down(smoe, 5)
    with pytest.raises(InputError, match="scale_down=256"):
        scaled_down(BUILTIN["paper-mh-moe-2"].design, 256)
    assert scaled_down(smoe, 256) == MoELayer(d_model=3, d_expert=8, num_experts=8, top_k=1)


@examples(30)
@given(layers())
def test_the_memory_announced_is_enough_for_what_is_kept(layer: MoELayer) -> None:
    config = MoEConfig(**layer.to_dict(), dtype="float64")  # type: ignore[arg-type]  # the same names
    rng = np.random.default_rng(0)
    params, x = init(config, rng), rng.standard_normal((9, layer.d_model))
    y, cache = forward(params, x, config)
    _, grads = backward(params, np.ones_like(y), cache, config)
    kept = [*params.values(), *grads.values(), cache.experts.slopes, cache.experts.hidden, cache.y_RH, cache.merged]
    assert sum(array.nbytes for array in kept) <= bytes_needed(config, 9)


def test_a_wrong_gradient_is_found() -> None:
    a = np.random.default_rng(0).standard_normal(20)

    def square() -> Evaluated:
        return Evaluated(float((a**2).sum()))

    assert gradient_errors(square, {"a": a}, {"a": 2 * a}, np.random.default_rng(1))["a"] < 1e-9
    assert gradient_errors(square, {"a": a}, {"a": 2.001 * a}, np.random.default_rng(1))["a"] > 1e-5


def test_a_step_is_shortened_until_it_crosses_no_kink() -> None:
    a = np.array([3e-7, -3e-7, 1.0])

    def relu() -> Evaluated:
        return Evaluated(float(np.maximum(a, 0).sum()), a > 0)

    before = a.copy()
    assert gradient_errors(relu, {"a": a}, {"a": (a > 0) * 1.0}, np.random.default_rng(0))["a"] < 1e-6
    assert (a == before).all()


def test_where_every_step_crosses_a_kink_the_shortest_is_taken() -> None:
    a = np.zeros(3)
    lengths: list[float] = []

    def absolute() -> Evaluated:
        lengths.append(float(np.abs(a).sum()))
        return Evaluated(lengths[-1], a > 0)

    assert gradient_errors(absolute, {"a": a}, {"a": np.zeros(3)}, np.random.default_rng(0))["a"] == 0
    assert lengths[1:] == sorted(lengths[1:], reverse=True)
    assert lengths[-1] == pytest.approx(lengths[1] * STEPS[-1] / STEPS[0])
    assert (a == 0).all()


def test_only_float64_is_checked() -> None:
    with pytest.raises(TypeError, match="float32"):
        gradient_errors(
            lambda: Evaluated(0.0), {"a": np.ones(3, np.float32)}, {"a": np.ones(3)}, np.random.default_rng()
        )
