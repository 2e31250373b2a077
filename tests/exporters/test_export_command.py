"""`parity export` as a command: what is written where, and what is refused with nothing written."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from parity.builtin import BUILTIN
from parity.exporters import TARGETS, export_found, files_in
from parity.ref import look_up
from tests.conftest import Answer, Run
from tests.models.checkpoints import GOLDEN, shapes_of, write

FILES = {
    "hf": {"config.json"},
    "megatron": {"megatron.sh", "megatron.yaml"},
    "olmo-core": {"moe.yaml", "model.yaml"},
    "torch": {"layer.py"},
}
EXPRESSIBLE = [(target, "paper-fine-grained") for target in TARGETS] + [("torch", "paper-mh-moe-3-shared")]


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder, hidden or not."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(("target", "ref"), EXPRESSIBLE)
def test_the_folder_has_the_targets_files_and_the_design_again(
    answer: Answer, tmp_path: Path, target: str, ref: str
) -> None:
    told = answer("export", ref, "--to", target, tmp_path / "out")
    assert {*os.listdir(tmp_path / "out")} == FILES[target] | {"design.json"} == {*told["files"]}
    assert os.listdir(tmp_path) == ["out"]
    assert look_up(str(tmp_path / "out" / "design.json")).design == BUILTIN[ref].design
    assert answer("cost", tmp_path / "out" / "design.json")["ledger"] == answer("cost", ref)["ledger"]


@pytest.mark.parametrize("target", TARGETS)
def test_the_release_that_it_was_checked_against_is_in_the_files(answer: Answer, tmp_path: Path, target: str) -> None:
    told = answer("export", "paper-smoe", "--to", target, tmp_path)
    release = told["checked_against"].split()[-1]
    for name in FILES[target]:
        assert release in (tmp_path / name).read_text()


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_in_memory_is_what_is_written(answer: Answer, tmp_path: Path, target: str) -> None:
    answer("export", "paper-smoe", "--to", target, tmp_path)
    assert tree(tmp_path) == dict(sorted(export_found(look_up("paper-smoe"), target).files.items()))


def test_a_whole_model_goes_to_hf_as_it_is(answer: Answer, tmp_path: Path) -> None:
    answer("export", "qwen3-30b-a3b", "--to", "hf", tmp_path)
    for name in ("config.json", "design.json"):
        assert answer("cost", tmp_path / name)["totals"] == answer("cost", "qwen3-30b-a3b")["totals"]


def test_a_config_of_ones_own_is_a_reference_and_a_host(answer: Answer, tmp_path: Path) -> None:
    answer("export", "paper-smoe", "--to", "hf", tmp_path / "one")
    for number, host in enumerate((tmp_path / "one", tmp_path / "one" / "config.json")):
        told = answer("export", "paper-fine-grained", "--to", "hf", "--host", host, tmp_path / f"two{number}")
        assert told["family"] == "qwen3_moe"
        config = json.loads((tmp_path / f"two{number}" / "config.json").read_text())
        assert (config["num_experts"], config["num_hidden_layers"]) == (16, 12)
    told = answer("export", tmp_path / "one", "--to", "torch", tmp_path / "three")
    assert look_up(str(tmp_path / "three" / "design.json")).design == BUILTIN["paper-smoe"].design


def test_a_file_of_tensors_stands_for_the_model_whose_config_is_beside_it(answer: Answer, tmp_path: Path) -> None:
    config = GOLDEN["mixtral"]["config"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    write(tmp_path / "model.safetensors", shapes_of("mixtral", "stored"))
    for number, name in enumerate(("model.safetensors", "")):
        answer("export", tmp_path / name, "--to", "hf", tmp_path / f"out{number}")
        written = json.loads((tmp_path / f"out{number}" / "config.json").read_text())
        assert {field: written[field] for field in config} == config


@pytest.mark.parametrize(
    ("shows", "arguments"),
    [
        ("heads=3", ("paper-mh-moe-3", "--to", "hf")),
        ("heads=3", ("paper-mh-moe-3", "--to", "megatron")),
        ("heads=3", ("paper-mh-moe-3", "--to", "olmo-core")),
        ("num_experts=1", ("paper-dense", "--to", "olmo-core")),
        ("gated=false", ("d_model=8,d_expert=8,num_experts=4,top_k=2,gated=false", "--to", "olmo-core")),
        ("projection_bias", ("d_model=8,d_latent=4,d_expert=8,num_experts=4,top_k=2,projection_bias=true,"
                             "router_input=token", "--to", "megatron")),
        ("activation=relu", ("paper-smoe", "--to", "megatron", "--activation", "relu")),
        ("activation=gelu", ("paper-smoe", "--to", "olmo-core", "--activation", "gelu")),
        ("ep=3", ("paper-smoe", "--to", "megatron", "--ep", "3")),
        ("--ep 2", ("paper-smoe", "--to", "hf", "--ep", "2")),
        ("--host", ("paper-smoe", "--to", "torch", "--host", "mixtral-8x7b-v0.1")),
        ("paper-smoe", ("paper-fine-grained", "--to", "hf", "--host", "paper-smoe")),
        ("grok-1", ("grok-1", "--to", "hf")),
        ("further options", ("qwen3-30b-a3b", "--to", "hf", "--no-renormalize")),
        ("jax", ("paper-smoe", "--to", "jax")),
        ("--to", ("paper-smoe",)),
        ("no-such", ("no-such", "--to", "hf")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_and_nothing_is_written(
    run: Run, tmp_path: Path, shows: str, arguments: tuple[str, ...]
) -> None:
    result = run("export", *arguments, tmp_path / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert shows in result.stderr
    assert "Traceback" not in result.stderr
    assert tree(tmp_path) == {}


def test_writing_the_same_again_changes_nothing_and_another_target_goes_beside(run: Run, tmp_path: Path) -> None:
    assert run("export", "paper-smoe", "--to", "hf", tmp_path).exit_code == 0
    before = tree(tmp_path)
    assert run("export", "paper-smoe", "--to", "hf", tmp_path).exit_code == 0
    assert tree(tmp_path) == before
    assert run("export", "paper-smoe", "--to", "torch", tmp_path).exit_code == 0
    assert tree(tmp_path).keys() == before.keys() | {"layer.py"}


def test_nothing_that_is_there_is_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = tree(tmp_path)
    result = run("export", "paper-smoe", "--to", "hf", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "config.json is there already" in result.stderr
    assert tree(tmp_path) == before


def test_a_place_where_no_folder_can_be_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    before = tree(tmp_path)
    for place in (tmp_path / "file", tmp_path / "file" / "x", tmp_path / "link", tmp_path / "a" / "b", "", "a\0b"):
        result = run("export", "paper-smoe", "--to", "torch", place)
        assert (result.exit_code, result.stdout) == (2, ""), place
        assert "accepted are new folders" in result.stderr
    assert tree(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_into_is_refused(run: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for place in (tmp_path, tmp_path / "new"):
        result = run("export", "paper-smoe", "--to", "torch", place)
        assert (result.exit_code, result.stdout) == (2, "")
    tmp_path.chmod(0o700)
    assert tree(tmp_path) == {}


def test_a_report_that_cannot_be_written_leaves_no_export(run: Run, tmp_path: Path) -> None:
    result = run("export", "paper-smoe", "--to", "torch", tmp_path / "out", "--output", tmp_path / "no" / "report")
    assert result.exit_code == 2
    assert tree(tmp_path) == {}


def test_a_folder_that_cannot_be_filled_is_not_left_behind(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    result = run("export", "paper-smoe", "--to", "torch", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "No space left on device" in result.stderr
    assert tree(tmp_path) == {}


def test_files_that_fail_half_way_are_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_text("mine")
    before, linked = tree(tmp_path), os.link

    def second_fails(source: Any, target: Any) -> None:
        if str(target).endswith("b"):
            raise OSError(28, "No space left on device")
        linked(source, target)

    monkeypatch.setattr(os, "link", second_fails)
    with pytest.raises(Exception, match="No space left"), files_in(str(tmp_path), {"a": b"1", "b": b"2"}):
        pass
    assert tree(tmp_path) == before
