"""A reference may be a model: by name, by its config.json, by the folder that has it."""

import json
import os
from errno import EACCES
from pathlib import Path
from typing import Any

import pytest

from parity import InputError, MoELayer, ref
from parity.models import cost_of_model
from parity.models.builtin import builtin_models
from parity.ref import look_up, of_bytes, reference_to, resolve
from tests.conftest import Answer, Run
from tests.models.checkpoints import GOLDEN, shapes_of, write

MODELS = builtin_models()
MIXTRAL: dict[str, Any] = dict(MODELS["mixtral-8x7b-v0.1"].config)
LAYER = MoELayer(d_model=4096, d_expert=14336, num_experts=8, top_k=2)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The config.json of Mixtral in a folder of its own."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(MIXTRAL))
    return path


def test_name_file_and_folder_are_the_same_model(config: Path) -> None:
    named = look_up("mixtral-8x7b-v0.1").model
    assert named == look_up(str(config)).model == look_up(str(config.parent)).model
    assert named == of_bytes("config.json", config.read_bytes()).model


def test_a_model_stands_for_its_layer_where_a_layer_is_asked_for(config: Path) -> None:
    assert resolve("mixtral-8x7b-v0.1") == resolve(str(config)) == LAYER
    assert resolve(reference_to(LAYER)) == LAYER


def test_a_dense_model_stands_for_its_feed_forward_block() -> None:
    assert resolve("meta-llama-3-8b") == MoELayer(d_model=4096, d_expert=14336, num_experts=1, top_k=1)


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "REF", "--scale-down", "128", "--tokens", "8"),
        ("sweep", "--baseline", "REF", "--heads", "1,2", "--topk", "2", "--tolerance", "0.1"),
        ("explain", "--baseline", "REF", "--heads", "2", "--topk", "2"),
        ("compare", "REF", "mixtral-8x22b-v0.1"),
    ],
    ids=lambda words: words[0],
)
def test_commands_of_layers_answer_for_a_model_as_for_its_layer(
    words: tuple[str, ...], config: Path, answer: Answer
) -> None:
    def numbers(ref: str) -> Any:
        return nameless(answer(*(ref if word == "REF" else word for word in words)))

    assert numbers(str(config)) == numbers(reference_to(LAYER))


def nameless(data: Any) -> Any:
    """An answer less what is said in words: names, and the sentences with them."""
    if isinstance(data, dict):
        return {
            key: nameless(value)
            for key, value in data.items()
            if key not in ("name", "summary") and not (key == "baseline" and isinstance(value, str))
        }
    return [nameless(value) for value in data] if isinstance(data, list) else data


@pytest.mark.parametrize("change", [{"moa_layers": 3}, {"num_key_value_heads": 5}, {"vocab_size": None}])
def test_the_layer_alone_is_read_where_the_rest_is_not_understood(
    change: dict[str, Any], tmp_path: Path, run: Run, answer: Answer
) -> None:
    path = tmp_path / "odd.json"
    path.write_text(json.dumps({**MIXTRAL, **change}))
    refused = run("cost", path)
    assert refused.exit_code == 2
    assert not refused.stdout
    assert next(iter(change)) in refused.stderr
    assert answer("cost", path, "--moe-layer")["design"] == LAYER.to_dict()
    assert answer("solve", "--baseline", path, "--moe-layer", "--heads", 2, "--topk", 2)["baseline"]["design"] == (
        LAYER.to_dict()
    )


@pytest.mark.parametrize("change", [{"moe_latent_size": 8}, {"num_local_experts": "8"}, {"expert_bias": True}])
def test_the_layer_alone_is_refused_where_it_is_not_clear(change: dict[str, Any]) -> None:
    data = json.dumps({**MIXTRAL, **change}).encode()
    with pytest.raises(InputError, match=next(iter(change))):
        of_bytes("config.json", data, moe_layer=True)


def test_the_layer_alone_of_a_dense_family_is_refused(run: Run) -> None:
    refused = run("cost", "gpt2", "--moe-layer")
    assert (refused.exit_code, refused.stdout) == (2, "")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ({"model_type": "bert"}, "bert"),
        ({"model_type": ["llama"]}, "llama"),
        ({"architectures": ["MixtralForCausalLM"]}, "model_type"),
        ([1, 2], "holds no design"),
    ],
)
def test_what_is_no_model_that_is_understood_is_named(content: Any, shown: str, tmp_path: Path, run: Run) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(content))
    refused = run("cost", path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert shown in refused.stderr


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder with the tensors of a small Mixtral, and no config.json."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    write(folder / "model.safetensors", shapes_of("mixtral", "stored"))
    return folder


def test_a_checkpoint_is_counted_from_its_headers_and_held_against_the_config_beside_it(
    checkpoint: Path, answer: Answer
) -> None:
    for path in (checkpoint, checkpoint / "model.safetensors"):
        alone = answer("cost", path)
        assert alone["checkpoint"]["params"] == GOLDEN["mixtral"]["params"]
        assert alone["agrees"] is None
    (checkpoint / "config.json").write_text(json.dumps(GOLDEN["mixtral"]["config"]))
    for path in (checkpoint, checkpoint / "model.safetensors"):
        assert answer("cost", path)["agrees"] is True


@pytest.mark.parametrize("words", [("--tokens", "8"), ("--sequence-length", "9"), ("--convention", "matmul")])
def test_a_checkpoint_is_counted_without_what_only_a_config_could_answer(
    words: tuple[str, str], checkpoint: Path, run: Run
) -> None:
    refused = run("cost", checkpoint, *words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{' '.join(words)} with a checkpoint: accepted is a checkpoint without" in refused.stderr


def test_a_checkpoint_without_config_stands_for_no_layer(checkpoint: Path, run: Run) -> None:
    refused = run("compare", checkpoint, "paper-smoe")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{checkpoint} has no kinds of MoE layers: accepted are models with one kind" in refused.stderr


def test_a_folder_that_may_not_be_listed_is_refused(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: str) -> None:  # which to root nothing is
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", forbidden)
    refused = run("cost", tmp_path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{tmp_path} cannot be read (Permission denied): accepted are folders" in refused.stderr


def test_bytes_beyond_what_any_config_has_are_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = config.read_bytes()
    monkeypatch.setattr(ref, "LARGEST_FILE", len(data))
    assert of_bytes("config.json", data).model is not None
    with pytest.raises(InputError, match=rf"config\.json is larger than {len(data)} bytes: accepted are files in JSON"):
        of_bytes("config.json", data + b" ")


def test_a_folder_without_config_is_refused(tmp_path: Path, run: Run) -> None:
    refused = run("cost", tmp_path)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "config.json" in refused.stderr


def test_a_name_that_is_nearly_one_is_hinted_at(run: Run) -> None:
    assert "did you mean deepseek-v3?" in run("cost", "deepseek-v4").stderr
    assert "did you mean mixtral-8x22b-v0.1 or mixtral-8x7b-v0.1?" in run("cost", "Mixtral").stderr


@pytest.mark.parametrize("name", MODELS)
def test_a_model_also_goes_by_its_name_on_the_hub(name: str) -> None:
    source = MODELS[name].source
    assert look_up(source) == look_up(source.lower()) == look_up(name)


def test_costs_of_a_model_add_up_and_train(answer: Answer) -> None:
    found = answer("cost", "mixtral-8x7b-v0.1", "--tokens", 1000)
    for total in ("flops_per_token", "params"):
        assert sum(row[total] for row in found["ledger"]) == found["totals"][total]
    assert found["totals"]["training_flops"] == 3000 * found["totals"]["flops_per_token"]
    assert found["convention"] == "matmul"


def test_scores_count_only_with_a_sequence_length(answer: Answer) -> None:
    without, with_it = (answer("cost", "gpt2", *words) for words in ((), ("--sequence-length", 3)))
    assert all(row["op"] != "scores" for row in without["ledger"])
    # 12 layers of 12 heads of 64: over 3 tokens 1 + 2 + 3 pairs, each two products of 64 multiply-adds.
    scores = 12 * 12 * 2 * 64 * 2 * (1 + 2 + 3) // 3
    assert with_it["totals"]["flops_per_token"] - without["totals"]["flops_per_token"] == scores
    assert with_it["totals"]["params"] == without["totals"]["params"]


@pytest.mark.parametrize(
    "words",
    [
        ("cost", "gpt2", "--convention", "paper"),
        ("cost", "gpt2", "--convention", "scalar"),
        ("cost", "paper-smoe", "--sequence-length", "8"),
        ("cost", "gpt2", "--sequence-length", "0"),
    ],
)
def test_what_does_not_apply_is_refused(words: tuple[str, ...], run: Run) -> None:
    refused = run(*words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert words[-1] in refused.stderr


def test_models_are_listed_with_what_vendors_print(answer: Answer, run: Run) -> None:
    listed = {entry["name"]: entry for entry in answer("models")["models"]}
    assert set(MODELS) < set(listed)
    for name, builtin in MODELS.items():
        assert listed[name]["totals"] == cost_of_model(builtin.model).totals()
        assert listed[name]["published"]["total"] == builtin.published_total
    assert "12.88" in run("models").stdout


@pytest.mark.parametrize("name", sorted(MODELS))
def test_printed_totals_are_near_the_count(name: str) -> None:
    builtin = MODELS[name]
    printed = builtin.published_total or ""
    figure = float(printed[:-1]) * {"M": 1e6, "B": 1e9, "T": 1e12}[printed[-1]]
    # The farthest are those that count a vision tower, the prediction of more tokens, or every layer as MoE.
    assert abs(cost_of_model(builtin.model).params / figure - 1) < 0.03
