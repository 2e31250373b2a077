"""A config whose values cannot be, or do not go together, is refused with the field, its value and what it may be."""

from typing import Any

import pytest

from parity.errors import InputError
from parity.models import cost_of_model, import_config, import_moe_layer
from tests.models.strategies import usual

Change = dict[str, Any]

REFUSED: list[tuple[str, Change, str, str]] = [
    # family, what is changed in its usual config, the field and value that the message shows, what it accepts
    ("bamba", {"mamba_n_heads": 5}, "mamba_n_heads=5", "divisors of mamba_expand * hidden_size = 48"),
    ("bamba", {"mamba_n_groups": 3}, "mamba_n_groups=3", "divisors of the 4 heads"),
    ("bamba", {"attn_layer_indices": [1, -1]}, "attn_layer_indices=[1, -1]", "lists of integers of at least 0"),
    ("bamba", {"attn_layer_indices": 1}, "attn_layer_indices=1", "lists of integers of at least 0"),
    ("dbrx", {"attn_config": {"kv_n_heads": 3}}, "attn_config.kv_n_heads=3", "divisors of the 4 heads"),
    ("dbrx", {"hidden_size": 48}, "d_model=24 and hidden_size=48", "one of them, or both alike"),
    ("exaone_moe", {"sliding_window_pattern": "LLLG"}, "sliding_window_pattern=LLLG", "integers from 1"),
    ("hunyuan_v1_moe", {"num_shared_expert": 2}, "num_shared_expert=2", "1, in every layer"),
    ("hunyuan_v1_moe", {"moe_intermediate_size": [11, 11, 11, 12]}, "[11, 11, 11, 12]", "one and the same"),
    ("hunyuan_v1_moe", {"moe_topk": [2, 2, 2, "2"]}, "moe_topk=2", "integers"),
    ("jamba", {"attn_layer_offset": 4}, "attn_layer_offset=4", "integers less than attn_layer_period=4"),
    ("jamba", {"expert_layer_offset": 9}, "expert_layer_offset=9", "integers less than expert_layer_period=2"),
    ("minimax", {"attn_type_list": [1, 0, 1, 2]}, "attn_type_list=2", "0, 1"),
    ("minimax", {"attn_type_list": [1, 0, 1, True]}, "attn_type_list=true", "0, 1"),
    ("minimax", {"attn_type_list": [1, 0]}, "attn_type_list=[1, 0]", "lists of 4 entries, one for each layer"),
    ("gpt_oss", {"layer_types": ["sliding_attention"] * 4, "sliding_window": None}, "sliding_attention", "is one"),
    ("nemotron_h", {"n_groups": 3}, "n_groups=3", "divisors of mamba_num_heads=4"),
    (
        "nemotron_h",
        {"hybrid_override_pattern": "ME*X"},
        "hybrid_override_pattern=ME*X",
        "4 letters, one for each layer",
    ),
    ("nemotron_h", {"num_hidden_layers": 4}, "hybrid_override_pattern=ME*-M", "4 letters, one for each layer"),
    ("nemotron_h", {"hybrid_override_pattern": 5}, "hybrid_override_pattern=5", "text"),
    ("nemotron_h", {"hybrid_override_pattern": None}, "hybrid_override_pattern", "configs that say it"),
    (
        "nemotron_h",
        {"layers_block_type": ["mamba", "mlp", "attention", "mlp", "mamba"]},
        "hybrid_override_pattern=ME*-M",
        "patterns that agree with layers_block_type",
    ),
    ("nemotron_h", {"layers_block_type": ["rnn"] * 5}, "layers_block_type=rnn", "mamba, attention, moe, mlp"),
    ("qwen3_next", {"linear_num_key_heads": 3}, "linear_num_key_heads=3", "divisors of the 4 value heads"),
    ("t5", {"feed_forward_proj": "gated-relu"}, "feed_forward_proj=gated-relu", "relu, gated-gelu, gated-silu"),
]


@pytest.mark.parametrize(("family", "change", "shows", "accepted"), REFUSED, ids=lambda value: str(value)[:40])
def test_values_that_cannot_be_are_refused_with_those_that_can(
    family: str, change: Change, shows: str, accepted: str
) -> None:
    with pytest.raises(InputError) as refused:
        import_config(usual(family) | change)
    said, _, offered = str(refused.value).partition("accepted")
    assert shows in said
    assert accepted in offered


SAID_TWICE: list[tuple[str, Change, Change]] = [
    # family, a change, and another that says the same
    ("dbrx", {}, {"hidden_size": 24}),
    ("minimax", {}, {"attn_type_list": [0, 1, 0, 1], "layer_types": ["linear_attention", "full_attention"] * 2}),
    (
        "exaone_moe",
        {"sliding_window_pattern": 2},
        {"sliding_window_pattern": "LG", "layer_types": ["sliding_attention", "full_attention"] * 2},
    ),
    ("nemotron_h", {}, {"layers_block_type": ["mamba", "moe", "attention", "mlp", "mamba"]}),
    (
        "nemotron_h",
        {},
        {
            "hybrid_override_pattern": None,
            "layers_block_type": ["linear_attention", "moe", "full_attention", "mlp", "linear_attention"],
        },
    ),
]


@pytest.mark.parametrize(("family", "change", "other"), SAID_TWICE, ids=lambda value: str(value)[:40])
def test_what_a_config_may_say_in_two_ways_counts_alike(family: str, change: Change, other: Change) -> None:
    one, another = (cost_of_model(import_config(usual(family) | more), 50) for more in (change, other))
    assert one == another


def test_the_moe_layer_of_a_model_without_is_refused() -> None:
    with pytest.raises(InputError, match="without MoE layers: accepted are configs with"):
        import_moe_layer(usual("granitemoehybrid") | {"num_local_experts": 0})


@pytest.mark.parametrize("content", [None, 3, "llama", ["llama"]])
def test_what_is_no_object_is_no_config(content: object) -> None:
    for read in (import_config, import_moe_layer):
        with pytest.raises(InputError, match="is not a config: accepted is an object with a model_type"):
            read(content)
