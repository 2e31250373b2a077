"""Matching a whole model: its totals, with its own pattern of layers or another."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import InputError, MoELayer, cost, solve
from parity.models import cost_of_model, import_config
from parity.models.around import whole_model
from parity.models.builtin import builtin_models
from tests.conftest import Answer, Run

MODELS = builtin_models()
ONE_KIND = sorted(
    name for name, builtin in MODELS.items() if builtin.model.moe_layers and len(builtin.model.layers) == 1
)
WITH_BIASES = {"gpt-oss-120b", "gpt-oss-20b"}
"""Their experts and routers have biases, which a design has not."""
SMALL: dict[str, Any] = {
    "model_type": "qwen3_moe",
    "hidden_size": 24,
    "intermediate_size": 40,
    "moe_intermediate_size": 12,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "num_hidden_layers": 6,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "decoder_sparse_step": 2,
    "vocab_size": 50,
}


@pytest.mark.parametrize("name", sorted(set(ONE_KIND) - WITH_BIASES))
def test_a_model_is_the_layers_that_it_has_and_the_rest(name: str) -> None:
    model = MODELS[name].model
    (layer,) = model.layers
    whole = whole_model(model)
    assert whole.layers == model.moe_layers
    priced = cost(layer, "matmul")
    around = whole.around(priced)
    assert around.totals() == {
        total: getattr(cost_of_model(model), total) for total in ("flops_per_token", "params", "active_params")
    }
    assert [row.op for row in around.rows] == [*(row.op for row in priced.rows), whole.rest.op]
    assert around.convention == "matmul"


@pytest.mark.parametrize("name", sorted(set(ONE_KIND) - WITH_BIASES))
def test_no_design_comes_before_the_model_itself(name: str) -> None:
    (layer,) = MODELS[name].model.layers
    found = solve(
        layer, heads=1, top_k=layer.top_k, convention="matmul", whole=whole_model(MODELS[name].model), limit=1
    )
    assert found.best.design == layer
    assert found.best.flops_error == found.best.params_error == 0


@given(st.integers(0, 9))
def test_more_dense_layers_first_are_what_the_config_with_them_counts(first: int) -> None:
    builtin = MODELS["deepseek-v3"]
    other = import_config({**builtin.config, "first_k_dense_replace": first})
    (layer,) = builtin.model.layers
    whole = whole_model(builtin.model, dense_first=first)
    assert whole.around(cost(layer, "matmul")).params == cost_of_model(other).params
    assert whole.around(cost(layer, "matmul")).flops_per_token == cost_of_model(other).flops_per_token
    assert (whole.layers, whole.params) == (other.moe_layers, cost_of_model(builtin.model).params)


@given(st.integers(1, 6), st.integers(1, 6))
def test_another_pattern_is_what_the_config_with_it_counts(own: int, other: int) -> None:
    model = import_config({**SMALL, "decoder_sparse_step": own})
    layer = MoELayer(d_model=24, d_expert=12, num_experts=8, top_k=2)
    expected = cost_of_model(import_config({**SMALL, "decoder_sparse_step": other}))
    found = whole_model(model, moe_every=other, d_dense=40).around(cost(layer, "matmul"))
    assert found.totals() == {name: expected.totals()[name] for name in found.totals()}


@given(
    heads=st.sampled_from([1, 2, 4]),
    top_k=st.integers(1, 3),
    step=st.integers(1, 3),
    fixed=st.sampled_from(["d_expert", "num_experts"]),
    value=st.integers(3, 30),
)
def test_no_pair_is_nearer_to_the_whole_than_the_best(
    heads: int, top_k: int, step: int, fixed: str, value: int
) -> None:
    model = import_config(SMALL)
    (layer,) = model.layers
    whole = whole_model(model, moe_every=step)
    unknowns: dict[str, Any] = {fixed: value}
    found = solve(layer, heads=heads, top_k=top_k, convention="matmul", prefer="balanced", whole=whole, **unknowns)
    assert found.optimal
    other = "num_experts" if fixed == "d_expert" else "d_expert"
    errors = []
    for number in range(max(2, top_k), 300):
        numbers: dict[str, Any] = {fixed: value, other: number}
        design = MoELayer(d_model=24, heads=heads, top_k=top_k, **numbers)
        priced = whole.around(cost(design, "matmul"))
        flops = Fraction(priced.flops_per_token, whole.flops_per_token) - 1
        params = Fraction(priced.params, whole.params) - 1
        errors.append((max(abs(flops), abs(params)), abs(flops) + abs(params)))
    best = found.best.flops_error, found.best.params_error
    assert (max(map(abs, best)), sum(map(abs, best))) <= min(errors)


def test_a_dense_model_has_every_layer_replaced() -> None:
    whole = whole_model(MODELS["meta-llama-3-8b"].model)
    assert whole.layers == 32
    (layer,) = MODELS["meta-llama-3-8b"].model.layers
    assert whole.around(cost(layer, "matmul")).params == whole.params


@pytest.mark.parametrize(
    ("name", "pattern", "shown"),
    [
        ("mixtral-8x7b-v0.1", {"dense_first": 32, "d_dense": 8}, "--dense-first 32"),
        ("mixtral-8x7b-v0.1", {"moe_every": 33, "d_dense": 8}, "--moe-every 33"),
        ("mixtral-8x7b-v0.1", {"moe_every": 2}, "--d-dense"),
        ("mixtral-8x7b-v0.1", {"d_dense": 2}, "--d-dense 2"),
        ("switch-base-8", {"moe_every": 2}, "encoder"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(name: str, pattern: dict[str, int], shown: str) -> None:
    with pytest.raises(InputError, match=shown):
        whole_model(MODELS[name].model, **pattern)


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_built_in_model_is_a_baseline(name: str, answer: Answer) -> None:
    (layer,) = MODELS[name].model.layers
    found = answer("solve", "--baseline", name, "--heads", "2", "--topk", layer.top_k)
    assert found["baseline"]["design"] == layer.to_dict()
    effect = found["whole_model"]
    totals = cost_of_model(MODELS[name].model).totals()
    assert effect["baseline"] == {key: totals[key] for key in effect["baseline"]}
    assert Fraction(effect["error"]["params"]) == Fraction(effect["cost"]["params"], totals["params"]) - 1


def test_the_whole_model_is_matched_on_the_command_line(run: Run, answer: Answer) -> None:
    words = ("--baseline", "deepseek-v3", "--whole-model", "--dense-first", "1", "--heads", "4", "--topk", "8")
    found = answer("solve", *words)
    assert found["convention"] == "matmul"
    assert found["moe_layers"] == 60
    assert found["baseline"]["cost"]["params"] == 671026404352
    best = found["solutions"][0]
    assert Fraction(best["error"]["params"]) == Fraction(best["cost"]["params"], 671026404352) - 1
    assert "rest of it takes" in run("solve", *words).stdout


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("--whole-model",), "paper-smoe"),
        (("--baseline", "paper-dense", "--whole-model"), "paper-dense"),
        (("--baseline", "mixtral-8x7b-v0.1", "--dense-first", "1"), "--dense-first 1"),
        (("--baseline", "mixtral-8x7b-v0.1", "--whole-model", "--convention", "paper"), "convention=paper"),
    ],
)
def test_what_has_no_whole_is_refused(words: tuple[str, ...], shown: str, run: Run) -> None:
    refused = run("solve", *words, "--heads", "2", "--topk", "2")
    assert refused.exit_code == 2
    assert not refused.stdout
    assert shown in refused.stderr


def test_layers_that_stay_dense_keep_their_biases() -> None:
    model = builtin_models()["gpt2"].model
    replaced = whole_model(model, dense_first=6)
    feed = 768 * 3072 * 2 + 3072 + 768
    assert replaced.rest.params == cost_of_model(model).params - 6 * feed
    narrower = whole_model(model, dense_first=6, d_dense=1024)
    assert replaced.rest.params - narrower.rest.params == 6 * (768 * 2 + 1) * 2048
