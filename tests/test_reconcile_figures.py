"""Printed figures of active parameters, and the conventions that explain them."""

import pytest

from parity import InputError
from parity.models.builtin import builtin_models
from parity.reconcile import active_conventions

BOTH, HEAD, NEITHER = "with embedding and head", "with the head only", "with neither"
PUBLISHED = {
    # as the remarks of Hugging Face model cards and papers were read, not as parity computes them
    "olmoe-1b-7b-0924": {BOTH: "rounded"},
    "deepseek-moe-16b-base": {BOTH: "rounded"},
    "deepseek-v2": {BOTH: "rounded", HEAD: "rounded"},
    "deepseek-v2-lite": {HEAD: "truncated"},
    "deepseek-v3": {BOTH: "truncated", HEAD: "rounded"},
    "lfm2-8b-a1b": {BOTH: "truncated", HEAD: "truncated"},
    "llama-4-scout-17b-16e-instruct": {BOTH: "rounded"},
    "minimax-m2.5": {HEAD: "rounded", NEITHER: "rounded"},
    "mixtral-8x7b-v0.1": {BOTH: "rounded"},
    "kimi-k2-instruct": {BOTH: "truncated", HEAD: "rounded"},
    "nvidia-nemotron-3-super-120b-a12b-fp8": {BOTH: "truncated", HEAD: "rounded", NEITHER: "rounded"},
    "qwen1.5-moe-a2.7b": {BOTH: "rounded"},
    "qwen2-57b-a14b": {BOTH: "rounded", HEAD: "rounded"},
    "qwen3-30b-a3b": {BOTH: "truncated"},
    "dots.llm1.base": {BOTH: "rounded"},
    "solar-open-100b": {BOTH: "rounded"},
    "glm-4.5": {HEAD: "truncated", NEITHER: "rounded"},
    "glm-4.5-air": {HEAD: "truncated", NEITHER: "rounded"},
    "granite-3.0-1b-a400m-instruct": {},  # 428.7M with the tied embedding, 378.3M without: neither is 400M
}


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_published_figure_is_reproduced_by_the_conventions_that_explain_it(name: str) -> None:
    builtin = builtin_models()[name]
    found = active_conventions(builtin.model, builtin.published_active)
    assert PUBLISHED[name].items() <= {one.name: one.reproduces for one in found}.items()
    if not PUBLISHED[name]:
        assert [one.reproduces for one in found] == [None] * 3


def test_figures_are_rounded_and_truncated_with_the_digits_of_the_printed_one() -> None:
    model = builtin_models()["mixtral-8x7b-v0.1"].model
    assert [(c.rounded, c.truncated) for c in active_conventions(model, "12.9B")] == [
        ("12.9B", "12.8B"),
        ("12.7B", "12.7B"),
        ("12.6B", "12.6B"),
    ]
    assert [c.truncated for c in active_conventions(model, "13B")] == ["12B"] * 3
    assert active_conventions(model, "12879.925M")[0].reproduces == "rounded"
    assert [c.rounded for c in active_conventions(model)] == ["12.9B", "12.7B", "12.6B"]
    assert [c.rounded for c in active_conventions(builtin_models()["gpt2"].model)] == ["124M", "124M", "85.1M"]
    assert active_conventions(model)[2].excludes == ("embedding", "lm_head")


@pytest.mark.parametrize("published", ["", "~86B", "12,9B", "25% of weights", "1.23456B", "B", "12.9"])
def test_a_figure_that_is_none_is_refused(published: str) -> None:
    with pytest.raises(InputError, match="accepted are figures such as"):
        active_conventions(builtin_models()["gpt2"].model, published)
