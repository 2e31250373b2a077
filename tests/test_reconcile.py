"""Each reconciliation adds up to two numbers that were found in other ways."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given

from parity import MoELayer, cost
from parity.builtin import BUILTIN
from parity.models import Model, cost_of_model, import_config
from parity.models.builtin import builtin_models
from parity.models.description import Layers
from parity.reconcile import Reconciliation, reconcile
from parity.report.formats import FORMATS, to_text
from parity.report.model import WIDTH
from parity.report.reconcile import reconcile_report
from tests.examples import examples
from tests.models.strategies import usual
from tests.strategies import layers

MODELS = sorted(builtin_models())


def model_named(name: str) -> Model:
    return builtin_models()[name].model


def by_counter(design: Model | MoELayer, sequence_length: int | None = None) -> dict[str, Reconciliation]:
    return {one.counter: one for one in reconcile(design, sequence_length)}


def check_sums(one: Reconciliation, parity: int | Fraction, theirs: int | Fraction | None = None) -> None:
    """The lines add up to these two numbers, and their differences to the difference; what differs says why."""
    assert not one.absent
    assert sum(line.parity or 0 for line in one.lines) == one.parity == parity
    if theirs is not None:
        assert sum(line.theirs or 0 for line in one.lines) == one.total == theirs
    assert one.total is not None
    assert sum(line.difference or 0 for line in one.lines) == one.total - parity
    assert all(bool(line.why) == bool(line.difference) for line in one.lines if line.parity is not None)


@pytest.mark.parametrize("sequence_length", [None, 1, 4096])
@pytest.mark.parametrize("name", MODELS)
def test_every_reconciliation_of_a_model_adds_up(name: str, sequence_length: int | None) -> None:
    model = model_named(name)
    priced, found = cost_of_model(model, sequence_length), by_counter(model, sequence_length)
    n = {
        "6·N, N = all parameters": priced.params,
        "6·N, N = active parameters": priced.active_params,
        "6·N, N = active, no embeddings or head": priced.active_params_no_embeddings,
    }
    active = {
        "active parameters, with embedding and head": priced.active_params,
        "active parameters, with the head only": priced.active_params_no_input_embedding,
        "active parameters, with neither": priced.active_params_no_embeddings,
    }
    assert {6 * number for number in n.values()} == {one.total for name, one in found.items() if name in n}
    for counter, one in found.items():
        if counter in active:
            check_sums(one, priced.active_params, active[counter])
        elif not one.absent:
            check_sums(
                one,
                (3 if one.unit.startswith("training") else 1) * priced.flops_per_token,
                6 * n.get(counter, 0) or None,
            )


@examples(200)
@given(layers())
def test_every_reconciliation_of_a_layer_adds_up(layer: MoELayer) -> None:
    priced, found = cost(layer, "matmul"), by_counter(layer)
    check_sums(found["6·N, N = all parameters"], 3 * priced.flops_per_token, 6 * priced.params)
    if priced.active_params < priced.params:
        check_sums(found["6·N, N = active parameters"], 3 * priced.flops_per_token, 6 * priced.active_params)
    for one in found.values():
        if not one.absent:
            check_sums(one, (3 if one.unit.startswith("training") else 1) * priced.flops_per_token)


def test_sub_tokens_that_share_a_pool_too_small_execute_more_than_it_holds() -> None:
    layer = MoELayer(d_model=12, d_expert=5, num_experts=4, top_k=2, heads=3)
    found = by_counter(layer)["6·N, N = all parameters"]
    lines = {line.what: line for line in found.lines}
    one_expert = 3 * 4 * 5
    assert lines["experts"].difference == -3 * 2 * (3 * 2 - 4) * one_expert
    assert lines["router"].difference == -3 * 2 * (3 - 1) * 4 * 4
    assert {line.what for line in found.lines if line.difference} == {"experts", "router"}


def megatron(c: dict[str, Any], n: int) -> Fraction:
    """Megatron-LM's count for one sequence of n tokens, written down from its source, from a Hugging Face config."""
    h, layers = c.get("hidden_size") or c["n_embd"], c.get("num_hidden_layers") or c["n_layer"]
    heads = c.get("num_attention_heads") or c["n_head"]
    vocabulary = -(-c["vocab_size"] // 128) * 128
    if "kv_lora_rank" in c:
        nope, rope, value, rank = c["qk_nope_head_dim"], c["qk_rope_head_dim"], c["v_head_dim"], c["kv_lora_rank"]
        compressed = c.get("q_lora_rank")
        query = h * heads * (nope + rope) if compressed is None else compressed * (h + heads * (nope + rope) + 1)
        attention = query + rank * (h + heads * (nope + value) + 1) + h * rope + heads * value * h
        core = Fraction(n * heads * (nope + rope), 2) + Fraction(n * heads * value, 2)
    else:
        width = heads * (c.get("head_dim") or h // heads)
        groups = c.get("num_key_value_heads") or heads
        attention = h * width * (1 + Fraction(2 * groups, heads)) + width * h
        core = Fraction(width * n, 2) * 2
    matrices = 2 if "n_embd" in c else 3
    experts = c.get("n_routed_experts") or c.get("num_local_experts") or c.get("num_experts")
    dense = c.get("first_k_dense_replace", 0) if experts else layers
    hidden = c.get("intermediate_size") or 4 * h
    expert_width = c.get("moe_intermediate_size") or hidden
    routed = expert_width * c.get("num_experts_per_tok", 0) * matrices
    shared = expert_width * (c.get("n_shared_experts") or 0) * matrices
    mlp = h * (hidden * matrices * dense + (routed + shared) * (layers - dense))
    return Fraction(n * 6 * (mlp + layers * (attention + core) + h * vocabulary))


@pytest.mark.parametrize("n", [1, 4096, 4097])
@pytest.mark.parametrize(
    "name",
    [
        *("mixtral-8x7b-v0.1", "meta-llama-3-8b", "deepseek-v3", "deepseek-v2-lite", "kimi-k2-instruct", "gpt2"),
        *("glm-4.5", "olmoe-1b-7b-0924", "qwen3-30b-a3b", "minimax-m2.5", "granite-3.0-1b-a400m-instruct"),
    ],
)
def test_megatrons_number_is_that_of_its_formula(name: str, n: int) -> None:
    builtin = builtin_models()[name]
    total = by_counter(builtin.model, n)["Megatron-LM 001b00c"].total
    assert total is not None
    assert n * total == megatron(dict(builtin.config), n)


@pytest.mark.parametrize("name", ["lfm2-8b-a1b", "nvidia-nemotron-3-super-120b-a12b-fp8", "switch-base-8"])
def test_what_a_formula_does_not_cover_has_a_reason_and_no_number(name: str) -> None:
    found = by_counter(model_named(name), 4096)
    absent = [one for counter, one in found.items() if counter.startswith(("Megatron", "torch"))]
    assert absent
    for one in absent:
        assert one.absent
        assert (one.parity, one.total, one.lines) == (None, None, ())


def test_megatron_has_latent_layers_and_no_sub_tokens() -> None:
    latent = MoELayer(d_model=8, d_latent=4, d_expert=6, num_experts=4, top_k=2, num_shared_experts=2, d_shared=3)
    found = by_counter(latent)["Megatron-LM 001b00c"]
    # routed experts of the latent width, its two projections, and shared experts as wide as all together
    assert found.total == 6 * 8 * (Fraction(6 * 2 * 3 * 4, 8) + 2 * 4 + 2 * 3 * 3)
    assert by_counter(MoELayer(d_model=8, heads=2, d_expert=6, num_experts=4, top_k=2))["Megatron-LM 001b00c"].absent
    half = MoELayer(d_model=8, d_expert=6, num_experts=4, top_k=2, head_layer=True, merge_layer=False)
    assert by_counter(half)["Megatron-LM 001b00c"].absent


def test_where_every_line_differs_none_is_said_to_be_alike() -> None:
    split = MoELayer(d_model=12, d_expert=5, num_experts=4, top_k=2, heads=3)
    for layer, alike in ((split, True), (replace(split, head_layer=False, merge_layer=False), False)):
        report = reconcile_report("made", layer, None, None)
        (table,) = (table for table in report.tables if table.title.startswith("6·N, N = all parameters"))
        assert [row[0] for row in table.rows][-1] == "total"
        assert any("alike" in str(row[0]) for row in table.rows) == alike


def halves(first: dict[str, Any], second: dict[str, Any]) -> Model:
    """Two layers, one as each of the configs has its only one."""
    one, other = import_config(first), import_config(second)
    blocks = [
        *(placed for placed in one.blocks if placed.layers is None),
        *(replace(p, layers=Layers(frozenset({0}))) for p in one.blocks if p.layers is not None),
        *(replace(p, layers=Layers(frozenset({1}))) for p in other.blocks if p.layers is not None),
    ]
    return replace(one, num_layers=2, blocks=tuple(blocks))


def replace_layer(first: dict[str, Any], second: dict[str, Any], **changed: Any) -> Model:
    """The same, with other fields of the first's MoE layer."""
    model = halves(first, second)
    blocks = (
        replace(
            placed, block=replace(placed.block, layer=placed.block.layer and replace(placed.block.layer, **changed))
        )
        for placed in model.blocks
    )
    return replace(model, blocks=tuple(blocks))


def one_layer(family: str, **changed: Any) -> dict[str, Any]:
    return usual(family) | {"num_hidden_layers": 1} | changed


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (
            lambda: halves(one_layer("llama"), one_layer("llama", num_key_value_heads=4)),
            "one shape of attention for all layers",
        ),
        (
            lambda: halves(one_layer("llama"), one_layer("llama", intermediate_size=11)),
            "one width of dense blocks and one of experts",
        ),
        (
            lambda: halves(one_layer("mixtral"), one_layer("mixtral", intermediate_size=7)),
            "one width of dense blocks and one of experts",
        ),
        (
            lambda: replace_layer(one_layer("mixtral"), one_layer("llama"), gated=False),
            "gated blocks throughout or nowhere",
        ),
        (lambda: import_config(usual("afmoe")), "no term for some of its attention's matrices"),
        (
            lambda: import_config(usual("nemotron_h") | {"hybrid_override_pattern": "*E*E"}),
            "one attention and one feed-forward block in each layer",
        ),
    ],
)
def test_layers_that_differ_in_what_megatron_has_once_have_no_number_and_are_named(
    model: Callable[[], Model], reason: str
) -> None:
    found = by_counter(model(), 16)["Megatron-LM 001b00c"]
    assert found.absent is not None
    assert reason in found.absent
    assert (found.total, found.lines) == (None, ())


def test_layers_that_do_not_differ_may_be_described_apart() -> None:
    together = by_counter(import_config(one_layer("llama", num_hidden_layers=2)), 16)["Megatron-LM 001b00c"]
    assert by_counter(halves(one_layer("llama"), one_layer("llama")), 16)["Megatron-LM 001b00c"].total == together.total


def test_a_window_is_ignored_by_both_and_named() -> None:
    config = dict(builtin_models()["mixtral-8x7b-v0.1"].config) | {"sliding_window": 1024}
    found = by_counter(import_config(config), 4096)
    whole = by_counter(model_named("mixtral-8x7b-v0.1"), 4096)
    for counter in ("Megatron-LM 001b00c", "torch 2.13 FlopCounterMode, mm"):
        assert found[counter].total == whole[counter].total
        assert "window" in next(line.why for line in found[counter].lines if line.what == "scores")


@pytest.mark.parametrize("form", sorted(FORMATS))
@pytest.mark.parametrize("sequence_length", [None, 4096])
@pytest.mark.parametrize("name", ["mixtral-8x7b-v0.1", "deepseek-v3", "switch-base-8", "paper-mh-moe-3"])
def test_a_report_has_a_table_for_each_counter_that_differs(name: str, sequence_length: int | None, form: str) -> None:
    layer = name in BUILTIN
    design = BUILTIN[name].design if layer else model_named(name)
    report = reconcile_report(name, design, sequence_length, None if layer else builtin_models()[name].published_active)
    text = FORMATS[form](report)
    if form == "table":
        assert max(map(len, text.splitlines())) <= WIDTH
    if form == "json":
        for one in json.loads(text)["reconcile"]:
            assert {"counter", "source", "total", "parity", "lines"} <= one.keys()
            assert all(line.keys() == {"what", "parity", "theirs", "difference", "why"} for line in one["lines"])


def test_a_table_shows_what_differs_and_the_rest_as_one_line() -> None:
    text = to_text(reconcile_report("mixtral", model_named("mixtral-8x7b-v0.1")))
    table = text.partition("Megatron-LM 001b00c: training")[2].partition("\n\n")[2].partition("\n\n")[0]
    assert [line.split("  ")[0] for line in table.splitlines()[2:]] == ["router: left out", "all else, alike", "total"]


def test_a_layer_with_biases_in_its_projections_says_that_they_are_added() -> None:
    layer = replace(BUILTIN["paper-mh-moe-3"].design, projection_bias=True)
    lines = {line.what: line.difference for line in by_counter(layer)["6·N, N = active parameters"].lines}
    assert lines["head vectors"] == lines["merge vectors"] == 6 * 768
    assert lines["head"] == lines["merge"] == 0
