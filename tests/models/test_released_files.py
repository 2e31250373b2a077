"""Configs as they lie on the hub: with fields of every tool that has written to them, and for other tasks than text."""

from typing import Any

import pytest

from parity.errors import InputError
from tests.models.configs import FAMILIES
from tests.models.count import counted
from tests.models.strategies import usual

CLUTTER: dict[str, Any] = {
    "_attn_implementation_autoset": True,
    "add_cross_attention": False,
    "bad_words_ids": None,
    "begin_suppress_tokens": None,
    "cache_implementation": "hybrid",
    "chunk_size_feed_forward": 0,
    "cross_attention_hidden_size": None,
    "do_sample": False,
    "output_past": True,
    "pruned_heads": {},
    "quantization": {"bits": 4, "group_size": 64},
    "temperature": 1.0,
    "top_k": 50,
    "torchscript": False,
    "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16"}},
    "unsloth_fixed": True,
    "use_mrope": False,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_what_tools_leave_behind_changes_nothing(family: str) -> None:
    assert counted(usual(family) | CLUTTER) == counted(usual(family))


@pytest.mark.parametrize("change", [{"add_cross_attention": True}, {"pruned_heads": {"0": [1]}}, {"use_mrope": True}])
def test_the_same_fields_are_refused_where_they_are_in_use(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(change))):
        counted(usual("llama") | change)


@pytest.mark.parametrize("of", ["ForCausalLM", "LMHeadModel", "ForConditionalGeneration"])
def test_language_models_are_counted(of: str) -> None:
    assert counted(usual("llama") | {"architectures": [f"Some{of}"]}) == counted(usual("llama"))


@pytest.mark.parametrize("named", ["MistralModel", "LlamaForSequenceClassification", "T5EncoderModel", 3, ["A", None]])
def test_what_is_built_for_another_task_is_refused(named: Any) -> None:
    with pytest.raises(InputError, match="architectures="):
        counted(usual("llama") | {"architectures": named if isinstance(named, list) else [named]})


def test_fields_beside_a_text_model_are_read_too() -> None:
    whole = {"model_type": "llama4", "text_config": usual("llama4_text"), "vision_config": {"hidden_size": 4}}
    assert counted(whole) == counted(usual("llama4_text"))
    with pytest.raises(InputError, match="num_hidden_layers=3"):
        counted(whole | {"num_hidden_layers": 3})


def test_experts_may_go_by_the_name_that_newer_releases_write() -> None:
    config = usual("qwen3_moe")
    renamed = {name: value for name, value in config.items() if name != "num_experts"}
    renamed["num_local_experts"] = config["num_experts"]
    assert counted(renamed) == counted(config)
    with pytest.raises(InputError, match="num_experts=3 and num_local_experts=4"):
        counted(renamed | {"num_experts": 3, "num_local_experts": 4})


def test_the_last_positions_of_gpt2_go_by_either_name() -> None:
    config = usual("gpt2")
    longer = {name: value for name, value in config.items() if name != "n_positions"} | {"max_position_embeddings": 64}
    assert counted(longer) == counted(config | {"n_positions": 64})
