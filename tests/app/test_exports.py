"""On Solve the best design is saved for other software as `parity export` writes it, or refused as it is refused."""

import shlex
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.downloads import zipped
from parity.exporters import TARGETS
from tests.app.conftest import changed, control, link, messages, opened, written
from tests.app.saved import noting_saved, unzipped
from tests.conftest import Run

OWN = {"baseline": "own fields", "own.d_model": "64", "own.d_expert": "96", "heads": "1"}
ADDRESSES: dict[str, dict[str, str]] = {
    "multi-head": {},
    "fine-grained": {"heads": "1", "top_k": "2"},
    "divided among ranks": {"heads": "1", "top_k": "2", "ep": "4"},
    "shared experts": {**OWN, "own.num_shared_experts": "2", "own.d_shared": "32", "top_k": "2"},
    "latent": {**OWN, "top_k": "2", "d_latent": "32"},
    "ungated": {**OWN, "top_k": "1", "gated": "no"},
    "pools": {"heads": "2", "top_k": "2", "expert_pool": "per_head"},
    "in a model": {"baseline": "mixtral-8x7b-v0.1", "heads": "1", "top_k": "4", "host": "mixtral-8x7b-v0.1"},
    "in a model that is wider": {"heads": "1", "top_k": "2", "host": "mixtral-8x7b-v0.1"},
}
each = pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)


def commands(shown: AppTest) -> dict[str, list[str]]:
    """The command of each export on the page, by its target, as words."""
    lines = [shlex.split(code.value) for code in shown.code]
    return {words[words.index("--to") + 1]: words[1:] for words in lines if words[1] == "export"}


def refusals(shown: AppTest) -> list[str]:
    """Why targets cannot express the design."""
    return [caption.value.replace("\\", "") for caption in shown.caption]


@each
def test_each_export_that_is_saved_holds_what_the_command_shown_writes_byte_for_byte(
    address: dict[str, str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with noting_saved() as saved:
        shown = opened("solve", address)
    assert not messages(shown)
    assert "torch" in commands(shown)
    assert {f"parity-{target}.zip" for target in commands(shown)} == {name for name in saved if name.endswith(".zip")}
    for target, words in commands(shown).items():
        assert run(*words).exit_code == 0
        files = {path.name: path.read_bytes() for path in (tmp_path / words[-1]).iterdir()}
        assert unzipped(saved[f"parity-{target}.zip"]) == files


@each
def test_a_target_that_cannot_express_the_design_is_refused_with_the_reason_of_the_command(
    address: dict[str, str], run: Run, tmp_path: Path
) -> None:
    shown = opened("solve", address)
    ref = commands(shown)["torch"][1]
    host = ["--host", address["host"]] if "host" in address else []
    refused = [target for target in TARGETS if target not in commands(shown)]
    for target in refused:
        options = (
            host if target == "hf" else ["--ep", address["ep"]] if target == "megatron" and "ep" in address else []
        )
        result = run("export", ref, "--to", target, *options, tmp_path / "out")
        assert result.exit_code == 2
        assert result.stderr.removeprefix("Error: ").strip() in refusals(shown)
        assert f"**{target}** :material/block: cannot express this design" in written(shown)
    assert not shown.exception
    assert len(refusals(shown)) == len(refused)


def test_some_designs_here_are_refused_and_some_are_not() -> None:
    expressed = {name: set(commands(opened("solve", address))) for name, address in ADDRESSES.items()}
    assert expressed["multi-head"] == {"torch"}
    assert expressed["fine-grained"] == set(TARGETS)
    assert "hf" in expressed["in a model"]
    assert "hf" not in expressed["in a model that is wider"]


@each
def test_the_notes_of_each_export_are_on_the_page(address: dict[str, str], run: Run, tmp_path: Path) -> None:
    shown = opened("solve", address)
    for words in commands(shown).values():
        result = run(*words[:-1], tmp_path / words[-1], "--format", "markdown")
        notes = [line.replace("\\", "") for line in result.stdout.splitlines() if line and line[0] not in "|*"]
        assert notes
        assert all(f"- {note}" in written(shown) for note in notes)


def test_the_host_is_kept_in_the_address() -> None:
    shown = changed(opened("solve"), {"host": "olmoe-1b-7b-0924"})
    assert link(shown) == {"v": "1", "host": "olmoe-1b-7b-0924"}
    assert control(opened("solve", link(shown)), "host").value == "olmoe-1b-7b-0924"


def test_a_host_in_a_link_that_is_none_of_the_models_is_refused_and_no_file_is_looked_at(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text("{}")
    shown = opened("solve", {"heads": "1", "host": str(config)})
    assert any(text.startswith(f"host={config} in this link: accepted are none, ") for text in messages(shown))
    assert "--host" not in commands(shown)["hf"]


def test_nothing_can_be_saved_where_nothing_is_solved() -> None:
    with noting_saved() as saved:
        opened("solve", {"heads": "5"})
    assert saved == {}


def test_an_archive_is_the_same_bytes_for_the_same_files() -> None:
    files = {"a.json": b"{}", "b.yaml": b"x: 1\n"}
    assert zipped(files) == zipped(dict(files))
    assert unzipped(zipped(files)) == files
