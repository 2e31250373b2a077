"""Config and checkpoint agree, or each tensor that differs is named."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer, cost
from parity.models.checkpoints import (
    MOST_DIFFERENCES,
    Comparison,
    Place,
    Tensor,
    arrays_of_layer,
    by_part,
    difference,
    read_checkpoint,
)
from parity.models.cost import cost_of_model
from parity.models.families.table import FAMILIES
from parity.models.importing import import_config
from tests.models.checkpoints import GOLDEN, checkpoint, model_of, shapes_of, write
from tests.strategies import layers

WITHOUT_CLASS = {"deepseek", "grok-1"}
"""Families of which transformers has no model to record."""

CASES = st.sampled_from([(kind, naming) for kind in GOLDEN for naming in ("built", "stored")])


def differences_at(found: Comparison, place: Place) -> list[Any]:
    return [row for row in found.differences if row.place == place]


def beside(kind: str, shapes: dict[str, tuple[int, ...]], *more: Tensor) -> dict[str, set[str]]:
    """The names of the tensors beside the main model, by what they are; the rest agrees with the config."""
    found = difference(model_of(kind), checkpoint(shapes, *more))
    assert found.agrees
    return {group.what: {tensor.name for tensor in group.tensors} for group in found.parts.beside}


@st.composite
def tensors(draw: st.DrawFn) -> tuple[str, dict[str, tuple[int, ...]], str, Place]:
    """A family, its tensors as stored, and one of the main model with its place."""
    kind = draw(st.sampled_from(sorted(GOLDEN)))
    shapes = shapes_of(kind, "stored")
    parts = by_part(checkpoint(shapes), model_of(kind))
    placed = {tensor.name: place for place, group in parts.places.items() for tensor in group}
    name = draw(st.sampled_from(sorted(placed)))
    return kind, shapes, name, placed[name]


def test_the_checkpoint_of_each_family_is_recorded() -> None:
    assert set(FAMILIES) - WITHOUT_CLASS == set(GOLDEN)


@pytest.mark.parametrize("naming", ["built", "stored"])
@pytest.mark.parametrize("kind", sorted(GOLDEN))
def test_each_tensor_of_each_family_has_its_place_and_config_and_checkpoint_agree(
    kind: str, naming: str, tmp_path: Path
) -> None:
    write(tmp_path / "model.safetensors", shapes_of(kind, naming))
    found = difference(model_of(kind), read_checkpoint(str(tmp_path)))
    assert found.parts.unknown == ()
    assert (found.differences, found.only_in_config, found.only_in_checkpoint) == ((), (), ())
    assert found.agrees
    assert all(op.config == op.checkpoint for op in found.ledger)
    assert sum(op.config for op in found.ledger) == found.parts.params == GOLDEN[kind]["params"]


def test_deepseek_moe_is_dots_without_norms_of_query_and_key() -> None:
    shapes = {name: shape for name, shape in shapes_of("dots1", "stored").items() if not name.endswith("_norm.weight")}
    assert difference(import_config(GOLDEN["dots1"]["config"] | {"model_type": "deepseek"}), checkpoint(shapes)).agrees


@given(tensors())
def test_a_tensor_that_is_missing_is_named_by_what_the_config_says_in_its_place(case: Any) -> None:
    kind, shapes, name, place = case
    before = checkpoint(shapes)
    found = difference(model_of(kind), checkpoint({other: shapes[other] for other in shapes if other != name}))
    rows = differences_at(found, place)
    assert not found.agrees
    assert len(rows) == len(found.differences)
    missing = next(tensor for tensor in before.tensors if tensor.name == name)
    assert sum(row.expected - row.params for row in rows) == missing.elements


@given(tensors())
def test_a_tensor_of_another_shape_is_named(case: Any) -> None:
    kind, shapes, name, place = case
    found = difference(model_of(kind), checkpoint(shapes | {name: (shapes[name][0] + 101, *shapes[name][1:])}))
    assert name in {row.tensor.name for row in differences_at(found, place) if row.tensor}
    assert {row.place for row in found.differences} == {place}


@given(tensors())
def test_a_tensor_of_another_name_is_unknown_and_not_counted(case: Any) -> None:
    kind, shapes, name, place = case
    renamed = f"{name}.of_another_name"
    moved = {renamed if other == name else other: shape for other, shape in shapes.items()}
    found = difference(model_of(kind), checkpoint(moved))
    assert [tensor.name for tensor in found.parts.unknown] == [renamed]
    assert [row.tensor.name for row in found.differences if row.place is None and row.tensor] == [renamed]
    assert {row.place for row in found.differences} == {place, None}


@given(CASES, st.data())
def test_the_ledger_of_any_part_of_a_checkpoint_adds_up_to_its_parameters(case: tuple[str, str], data: Any) -> None:
    kind, naming = case
    shapes = shapes_of(kind, naming)
    names = data.draw(st.sets(st.sampled_from(sorted(shapes))))
    found = difference(model_of(kind), checkpoint({name: shapes[name] for name in names}))
    set_aside = sum(len(group.tensors) for group in found.parts.beside) + len(found.parts.unknown)
    assert sum(map(len, found.parts.places.values())) + set_aside == len(names)
    assert sum(op.checkpoint for op in found.ledger) == found.parts.params
    assert sum(op.config for op in found.ledger) == cost_of_model(model_of(kind)).params


@given(layers())
def test_the_arrays_of_a_layer_hold_what_its_ledger_says(layer: MoELayer) -> None:
    held: dict[str, int] = {}
    for array in arrays_of_layer(layer):
        held[array.op] = held.get(array.op, 0) + array.params
    assert held == {row.op: row.params for row in cost(layer, "matmul").rows}


def test_only_the_tensor_that_differs_is_named_among_fused_ones() -> None:
    name = "model.layers.1.mlp.experts.down_proj"
    found = difference(model_of("mixtral"), checkpoint(shapes_of("mixtral", "built") | {name: (3, 24, 12)}))
    (row,) = found.differences
    assert (row.tensor.name if row.tensor else None) == name
    assert (row.array.name, row.array.copies) == ("down", 3) if row.array else False
    assert (row.params, row.expected) == (3 * 24 * 12, 3 * 24 * 11)


def test_a_missing_expert_matrix_is_named() -> None:
    shapes = shapes_of("mixtral", "stored")
    del shapes["model.layers.0.block_sparse_moe.experts.2.w1.weight"]
    (row,) = difference(model_of("mixtral"), checkpoint(shapes)).differences
    assert row.tensor is None
    assert row.place == Place("decoder", 0, "experts")
    assert (row.array.name, row.array.shape, row.array.copies) == ("gate", (24, 11), 1) if row.array else False


def test_a_tied_head_that_is_stored_does_not_count() -> None:
    shapes = shapes_of("qwen2", "stored")
    twice = beside("qwen2", shapes | {"lm_head.weight": shapes["model.embed_tokens.weight"]})
    assert twice == {"copies of the embedding": {"lm_head.weight"}}


def test_a_tied_embedding_may_be_stored_under_the_name_of_the_head() -> None:
    shapes = shapes_of("qwen2", "stored")
    shapes["lm_head.weight"] = shapes.pop("model.embed_tokens.weight")
    assert difference(model_of("qwen2"), checkpoint(shapes)).agrees


def test_a_head_that_is_not_tied_counts() -> None:
    shapes = shapes_of("qwen3", "stored")
    del shapes["lm_head.weight"]
    (row,) = difference(model_of("qwen3"), checkpoint(shapes)).differences
    assert row.place == Place("decoder", None, "lm_head")


def test_gpt_2_may_lack_its_prefix_and_have_its_mask_stored() -> None:
    shapes = {name.removeprefix("transformer."): shape for name, shape in shapes_of("gpt2", "stored").items()}
    assert beside("gpt2", shapes | {"h.0.attn.bias": (1, 1, 32, 32)}) == {"buffers": {"h.0.attn.bias"}}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("model.layers.1.mlp.gate.e_score_correction_bias", "buffers"),
        ("model.layers.0.self_attn.rotary_emb.inv_freq", "buffers"),
        ("model.layers.0.self_attn.q_proj.weight_scale_inv", "scales of quantised weights"),
        ("model.layers.0.self_attn.k_proj.k_scale", "scales of quantised weights"),
        ("model.layers.1.mlp.experts.0.up_proj.input_scale", "scales of quantised weights"),
        ("model.layers.1.mlp.experts.0.up_proj.qzeros", "scales of quantised weights"),
        ("model.mtp_block.0.mlp.up_proj.weight", "multi-token prediction"),
        ("mtp.layers.0.self_attn.q_proj.weight", "multi-token prediction"),
        ("model.layers.2.eh_proj.weight", "multi-token prediction"),
        ("vision_model.model.layers.0.self_attn.q_proj.weight", "vision or sound"),
        ("multi_modal_projector.linear_1.weight", "vision or sound"),
        ("visual.blocks.0.attn.qkv.weight", "vision or sound"),
    ],
)
def test_what_is_beside_the_main_model_is_said_and_not_counted(name: str, what: str) -> None:
    found = beside("dots1", shapes_of("dots1", "stored") | {name: (5, 7)})
    assert name in found[what]


def test_a_layer_behind_the_last_is_beside_only_if_it_is_of_multi_token_prediction() -> None:
    shapes = shapes_of("deepseek_v3", "stored")
    behind = {name.replace(".1.", ".2.", 1): shape for name, shape in shapes.items() if ".layers.1." in name}
    marks = {"model.layers.2.enorm.weight": (24,), "model.layers.2.embed_tokens.weight": (97, 24)}
    assert beside("deepseek_v3", shapes | behind | marks)["multi-token prediction"] == {*behind, *marks}
    found = difference(model_of("deepseek_v3"), checkpoint(shapes | behind))
    assert not found.agrees
    assert [(span.first, span.last) for span in found.only_in_checkpoint] == [(2, 2)]


def test_layers_that_only_the_config_has_are_named_as_ranges_however_many_they_are() -> None:
    config = GOLDEN["mixtral"]["config"] | {"num_hidden_layers": 2**62}
    shapes = shapes_of("mixtral", "stored")
    shapes |= {name.replace(".1.", ".9.", 1): shape for name, shape in shapes.items() if ".layers.1." in name}
    found = difference(import_config(config), checkpoint(shapes))
    assert [(span.first, span.last) for span in found.only_in_config] == [(2, 8), (10, 2**62 - 1)]
    assert found.differences == ()
    assert not found.agrees


def test_layers_that_only_the_checkpoint_has_are_named_as_ranges() -> None:
    shapes = shapes_of("mixtral", "stored")
    one = {name: shape for name, shape in shapes.items() if ".layers.1." in name}
    for layer in (4, 6, 7):
        shapes |= {name.replace(".1.", f".{layer}.", 1): shape for name, shape in one.items()}
    found = difference(model_of("mixtral"), checkpoint(shapes))
    assert [(span.first, span.last) for span in found.only_in_checkpoint] == [(4, 4), (6, 7)]
    assert not found.agrees


def test_what_granite_calls_shared_is_the_dense_block_of_a_layer_without_experts() -> None:
    config = GOLDEN["granitemoehybrid"]["config"] | {"num_local_experts": 0}
    shapes = {
        name: shape for name, shape in shapes_of("granitemoehybrid", "stored").items() if "block_sparse_moe" not in name
    }
    found = difference(import_config(config), checkpoint(shapes))
    assert found.agrees
    assert {place.op for place in found.parts.places} >= {"dense", "mixer"}
    assert not {place.op for place in found.parts.places} & {"shared", "experts"}


def test_the_list_of_differences_is_bounded() -> None:
    config = GOLDEN["llama"]["config"] | {"num_hidden_layers": 2 * MOST_DIFFERENCES}
    found = difference(
        import_config(config),
        checkpoint({f"model.layers.{layer}.input_layernorm.weight": (3,) for layer in range(2 * MOST_DIFFERENCES)}),
    )
    assert len(found.differences) == MOST_DIFFERENCES
    assert found.more


def test_blocks_of_mxfp4_hold_two_parameters_a_byte() -> None:
    config = GOLDEN["gpt_oss"]["config"] | {"hidden_size": 64, "intermediate_size": 32}
    shapes = {name: tuple({24: 64, 22: 64}.get(n, n) for n in s) for name, s in shapes_of("gpt_oss", "stored").items()}
    blocks: list[Tensor] = []
    for layer in (0, 1):
        experts = f"model.layers.{layer}.mlp.experts."
        for name, groups in (("gate_up_proj", 2), ("down_proj", 1)):
            del shapes[experts + name]
            blocks.append(Tensor(f"{experts}{name}_blocks", "U8", (3, 64, groups, 16), "model.safetensors"))
            blocks.append(Tensor(f"{experts}{name}_scales", "U8", (3, 64, groups), "model.safetensors"))
    found = difference(import_config(config), checkpoint(shapes, *blocks))
    assert found.agrees
    assert [(group.what, len(group.tensors)) for group in found.parts.beside] == [("scales of quantised weights", 4)]


def test_packed_weights_are_set_aside_and_not_counted_by_their_elements() -> None:
    shapes = shapes_of("qwen3", "stored")
    name = "model.layers.0.mlp.up_proj"
    del shapes[f"{name}.weight"]
    for packed in (f"{name}.qweight", f"{name}.weight"):
        found = difference(model_of("qwen3"), checkpoint(shapes, Tensor(packed, "I32", (3, 40), "model.safetensors")))
        assert [tensor.name for group in found.parts.beside for tensor in group.tensors] == [packed]
        assert [row.place for row in found.differences] == [Place("decoder", 0, "dense")]
