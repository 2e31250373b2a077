"""What holds of every config that is understood, whatever its family."""

import math
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parity.cost import cost
from parity.design import LARGEST_INTEGER
from parity.errors import InputError
from parity.models import cost_of_model, import_config, import_moe_layer
from parity.models.description import Attention, Sees
from parity.models.harmless import HARMLESS, NOT_IN_USE
from tests.models.configs import FAMILIES
from tests.models.count import counted
from tests.models.strategies import configs, usual

NONE_OF_IT = {"q_lora_rank", "sliding_window", "attention_chunk_size", "num_decoder_layers"}
"""Fields of which null says that there is none, which absence does not."""

ALL_LAYERS_ALIKE = ("granitemoe", "granitemoeshared", "llama", "mistral", "mixtral", "olmoe", "phimoe", "solar_open")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def outcome(config: dict[str, Any]) -> dict[str, int] | None:
    """The counts, or nothing where the config is refused."""
    try:
        return counted(config)
    except InputError:
        return None


@given(configs())
def test_every_total_is_the_sum_over_layers_of_what_stands_in_each(config: dict[str, Any]) -> None:
    model = import_config(config)
    held: Counter[str] = Counter()
    for placed in model.blocks:
        block = placed.block
        once = Counter(dict.fromkeys(held, 0))
        for part in block.parts:
            once[part.op] += part.copies * math.prod(part.shape)
        for row in cost(block.layer, "matmul").rows if block.layer else ():
            once[row.op] += row.params
        # Numbers of layers beyond the last belong to nobody.
        times = 1 if placed.layers is None else sum(number in placed.layers for number in range(2 * model.num_layers))
        for op, params in once.items():
            held[op] += times * params
    total = cost_of_model(model)
    assert {row.op: row.params for row in total.rows if row.params} == {op: n for op, n in held.items() if n}
    assert total.params == sum(held.values())
    assert total.flops_per_token == sum(row.flops_per_token for row in total.rows)


@given(configs())
def test_every_layer_has_a_mixer_or_a_feed_forward_block_and_one_of_each_kind_at_most(config: dict[str, Any]) -> None:
    model = import_config(config)
    for stack in ("encoder", "decoder"):
        placed = [p for p in model.blocks if p.layers is not None and p.stack == stack]
        mixing = [p.layers for p in placed if any(part.op == "mixer" for part in p.block.parts) and p.layers]
        feeding = [p.layers for p in placed if p.block.layer or any(part.op == "dense" for part in p.block.parts)]
        for number in range(max([0, *(max(p.layers.among, default=0) for p in placed if p.layers)])):
            mixers, feeds = (sum(number in layers for layers in kind if layers) for kind in (mixing, feeding))
            assert feeds <= 1
            assert mixers + feeds >= 1
            assert mixers <= (2 if model.family in ("T5", "Switch Transformers") else 1)  # a decoder's crosses over


@given(configs())
def test_active_is_the_total_less_the_experts_that_a_token_does_not_reach(config: dict[str, Any]) -> None:
    counts = counted(config)
    unreached = Fraction(0)
    if counts.get("experts"):
        layer, _ = import_moe_layer(config)
        unreached = counts["experts"] * (1 - Fraction(layer.top_k, layer.num_experts))
    assert counts["active_params"] == counts["params"] - unreached


@given(configs())
def test_totals_less_embeddings_are_less_by_what_is_named(config: dict[str, Any]) -> None:
    total, counts = cost_of_model(import_config(config)), counted(config)
    positions, embedding, head = (counts.get(part, 0) for part in ("positions", "embedding", "lm_head"))
    assert total.active_params_no_embeddings == total.active_params - positions - embedding - head
    spared = 0 if total.tied else embedding
    assert total.active_params_no_input_embedding == total.active_params - positions - spared


@given(configs())
def test_a_config_with_moe_layers_has_the_layer_that_is_imported_alone(config: dict[str, Any]) -> None:
    model = import_config(config)
    assume(model.moe_layers)
    assert {import_moe_layer(config)[0]} == model.layers


@given(configs(), st.data())
def test_null_is_the_same_as_absent_where_both_are_accepted(config: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(config.keys() - NONE_OF_IT)))
    absent = outcome({field: value for field, value in config.items() if field != name})
    null = outcome(config | {name: None})
    assert null == absent or null is None


@given(configs(), st.data())
def test_the_order_of_fields_does_not_matter(config: dict[str, Any], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(config.items()))))
    assert counted(shuffled) == counted(config)


@given(configs(), st.from_regex(r"[a-z]{3,8}_[a-z]{3,8}", fullmatch=True), JSON)
def test_unknown_fields_are_refused_by_name(config: dict[str, Any], name: str, value: Any) -> None:
    assume(name not in config and name not in HARMLESS | NOT_IN_USE.keys() and value is not None)
    with pytest.raises(InputError, match=f"{name}=.*not understood in this family"):
        import_config(config | {name: value})


@given(configs(), st.sampled_from(sorted(HARMLESS - {"model_type"})), JSON)
def test_harmless_fields_change_nothing(config: dict[str, Any], name: str, value: Any) -> None:
    assume(name not in config and name not in ("max_window_layers", "max_position_embeddings"))  # which some read
    assert counted(config | {name: value}) == counted(config)


@given(st.sampled_from(ALL_LAYERS_ALIKE), st.integers(1, LARGEST_INTEGER))
def test_a_layer_more_costs_one_layer(family: str, layers: int) -> None:
    one, two, many = (
        cost_of_model(import_config(usual(family) | {"num_hidden_layers": n}), 50) for n in (1, 2, layers)
    )
    for name, of_one in one.totals().items():
        assert many.totals()[name] == of_one + (layers - 1) * (two.totals()[name] - of_one)


@given(configs(families=[f for f in FAMILIES if f not in ("flex_olmo", "lfm2_moe")]))
def test_a_token_more_in_the_vocabulary_costs_a_row_of_the_embedding_and_of_an_untied_head(
    config: dict[str, Any],
) -> None:
    before, after = counted(config), counted(config | {"vocab_size": config["vocab_size"] + 1})
    width = config.get("hidden_size") or config.get("d_model") or config["n_embd"]
    model = import_config(config)
    bias = config["model_type"] in ("phimoe", "ernie4_5_moe") and bool(
        config.get("lm_head_bias") or config.get("use_bias")
    )
    assert after["params"] - before["params"] == width * (1 if model.tied else 2) + bias


@given(configs(families=("deepseek_v2", "deepseek_v3", "mixtral", "olmoe", "qwen3_moe", "granitemoe", "minimax_m2")))
def test_a_forward_multiplies_by_every_matrix_that_a_token_reaches_once(config: dict[str, Any]) -> None:
    config |= {"attention_bias": False} if "attention_bias" in config else {}
    counts, total = counted(config), cost_of_model(import_config(config))
    beside = sum(counts.get(part, 0) for part in ("norms", "mixer_norms", "embedding"))
    head = config["hidden_size"] * config["vocab_size"] if total.tied else 0
    assert total.flops_per_token == 2 * (total.active_params - beside + head)


@given(
    st.integers(1, 40),
    st.none() | st.integers(1, 50),
    st.sampled_from(("before", "chunk", "all")),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_scores_are_the_products_of_every_pair_that_sees_each_other(
    length: int, window: int | None, sees: Sees, heads: int, d_query: int, d_value: int
) -> None:
    def seen(token: int, other: int) -> bool:
        if sees == "all":
            return True
        near = window is None or (token - other < window if sees == "before" else token // window == other // window)
        return other <= token and near

    pairs = sum(seen(token, other) for token in range(length) for other in range(length))
    one_pair = 2 * heads * d_query + 2 * heads * d_value
    flops = Attention(heads, d_query, d_value, window, sees).flops_per_token(length)
    assert flops == Fraction(pairs * one_pair, length)


@given(configs(), st.integers(1, 1000))
def test_the_context_adds_scores_and_nothing_else(config: dict[str, Any], length: int) -> None:
    model = import_config(config)
    without, within = cost_of_model(model), cost_of_model(model, length)
    assert [row for row in within.rows if row.op != "scores"] == list(without.rows)


@given(configs(families=("gpt_oss", "exaone_moe", "afmoe")), st.integers(9, 200))
def test_a_window_spares_what_lies_before_it(config: dict[str, Any], length: int) -> None:
    config = config | {"sliding_window": 8}
    short, long = (
        cost_of_model(import_config(config | {"sliding_window": window}), length).flops_per_token
        for window in (8, length)
    )
    layers = config["num_hidden_layers"]
    period = config.get("global_attn_every_n_layers", config.get("sliding_window_pattern", 4))
    if config["model_type"] == "gpt_oss":
        period = 2
    types = config.get("layer_types") or [
        "full_attention" if number % period == 0 else "sliding_attention" for number in range(1, layers + 1)
    ]
    d = config.get("head_dim", 64 if config["model_type"] == "gpt_oss" else 128)
    if config["model_type"] == "exaone_moe":
        d = config["head_dim"]
    unseen = sum(max(0, token - 8) for token in range(1, length + 1))
    spared = Fraction(4 * config["num_attention_heads"] * d * unseen, length) * types.count("sliding_attention")
    assert long - short == spared


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"nemotron_h"}))
def test_numbers_may_be_as_large_as_any_integer_that_is_accepted(family: str) -> None:
    config = {name: value for name, value in usual(family).items() if not isinstance(value, list)}
    large = {
        name: 2**62
        for name, value in config.items()
        if type(value) is int
        and ("size" in name or name in ("d_model", "d_ff", "num_hidden_layers", "num_layers", "num_decoder_layers"))
    }
    counts = outcome(config | large)
    assert counts is None or counts["params"] > 2**62
    if family not in ("lfm2_moe", "granitemoehybrid"):  # whose layers are listed
        assert counts is not None
