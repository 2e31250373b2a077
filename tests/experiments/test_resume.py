"""A run goes on where it stopped, bit for bit, and what would spoil its results is refused."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from parity.errors import InputError, ParityError
from parity.experiments.checkpoint import load_checkpoint, save_checkpoint
from parity.experiments.corpus import text_sets
from parity.experiments.names import CHECKPOINT, MANIFEST, STEPS
from parity.experiments.plan import Plan, check
from parity.experiments.storage import locked
from tests.conftest import Run
from tests.experiments import nano
from tests.experiments.killed import content, events, killed_and_resumed, wait_for_checkpoint

STEPS_OF_A_RUN = 150


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Path:
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    nano.run(out, [text], nano.plan(STEPS_OF_A_RUN))
    return out


def test_killed_at_random_moments_it_ends_with_the_same_bytes(tmp_path: Path, text: Path, undisturbed: Path) -> None:
    out = tmp_path / "out"
    killed_and_resumed(out, text, STEPS_OF_A_RUN, kills=3)
    assert content(out) == content(undisturbed)
    assert any(event["event"] == "resume" and event["step"] > 0 for event in events(out))
    for log in out.glob(f"*/{STEPS}"):
        assert [json.loads(line)["step"] for line in log.read_text().splitlines()] == list(range(1, STEPS_OF_A_RUN + 1))


def test_every_run_has_a_start_and_an_end(undisturbed: Path) -> None:
    found = [(event["event"], event["variant"], event["seed"], event["step"]) for event in events(undisturbed)]
    runs = list(nano.plan(STEPS_OF_A_RUN).runs())
    assert sorted(found) == sorted(
        [("start", *run, 0) for run in runs] + [("done", *run, STEPS_OF_A_RUN) for run in runs]
    )


def test_results_do_not_depend_on_the_number_of_workers(tmp_path: Path, text: Path, finished: Path) -> None:
    nano.run(tmp_path / "out", [text], nano.plan(seeds=2), workers=1)
    assert content(tmp_path / "out") == content(finished)


def test_what_is_done_is_not_done_again(tmp_path: Path, text: Path, finished: Path) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    assert nano.run(out, [text], nano.plan(seeds=2)) == []
    assert {path: path.stat().st_mtime_ns for path in out.glob("*/*.safetensors")} == {
        out / path.relative_to(finished): path.stat().st_mtime_ns for path in finished.glob("*/*.safetensors")
    }


def test_seeds_may_be_added(tmp_path: Path, text: Path, finished: Path) -> None:
    nano.run(tmp_path / "out", [text], nano.plan(seeds=1))
    nano.run(tmp_path / "out", [text], nano.plan(seeds=2))
    assert content(tmp_path / "out") == content(finished)


@pytest.fixture
def as_in_a_terminal() -> Iterator[None]:
    """Children heed SIGINT also where the tests run in the background of a shell, which ignores it there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("as_in_a_terminal")
@pytest.mark.parametrize("ask", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_the_command_keeps_what_it_has_and_says_so(tmp_path: Path, ask: signal.Signals) -> None:
    text = nano.write_text(tmp_path / "words.jsonl", 4000)
    command = [sys.executable, "-m", "parity.cli", "experiment", "run", "table5", "--text", str(text)]
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*command, "--out", str(out), "--checkpoint-every", "1", "--steps", "100000", "--seeds", "1"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for_checkpoint(out, process)
    os.killpg(process.pid, ask)
    try:
        _, errors = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 128 + ask, errors
    assert "the same command goes on" in errors
    assert "Traceback" not in errors
    for folder in (path.parent for path in out.glob(f"*/{CHECKPOINT}")):
        done = len((folder / STEPS).read_text().splitlines())
        assert load_checkpoint(folder / CHECKPOINT, kinds(folder / CHECKPOINT))[0] == done


def kinds(path: Path) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    return {name: (array.shape, array.dtype) for name, array in load_file(path).items()}


CHANGES: dict[str, tuple[Callable[[], Plan], str]] = {
    "steps": (lambda: nano.plan(61, 2), "--steps was 60 and is 61"),
    "seeds": (lambda: nano.plan(60, 1), "--seeds was 2 and is 1, which is fewer"),
    "suite": (lambda: nano.plan(60, 2, "table1"), "suite was table5 and is table1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_command_is_refused_by_what_differs(finished: Path, text: Path, change: str) -> None:
    before = content(finished)
    wanted, words = CHANGES[change]
    with pytest.raises(InputError, match="results of another command") as error:
        nano.run(finished, [text], wanted())
    assert words in str(error.value)
    assert content(finished) == before


def test_another_text_is_refused_by_its_name(tmp_path: Path, finished: Path) -> None:
    changed = nano.write_text(tmp_path / "words.jsonl", 130)
    with pytest.raises(InputError, match="the text words has changed"):
        nano.run(finished, [changed], nano.plan(seeds=2))
    other = nano.write_text(tmp_path / "other.jsonl")
    with pytest.raises(InputError, match="--text was words and is other"):
        nano.run(finished, [other], nano.plan(seeds=2))


def test_another_scale_is_refused_at_the_command_line(run: Run, finished: Path, text: Path) -> None:
    result = run("experiment", "run", "table5", "--out", finished, "--text", text, "--scale", "small", "--steps", 60)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--scale was nano and is small" in result.stderr


MANIFESTS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a list": (lambda _: [1], "is no manifest: accepted as --out are a new folder"),
    "no seeds": (lambda old: {**old, "seeds": None}, "--seeds was null and is 2, which is fewer"),
    "no corpus": (lambda old: {**old, "corpus": None}, "--text was another and is words"),
    "sets without names": (lambda old: {**old, "corpus": {"sets": [{}]}}, "--text was another and is words"),
    "another form": (lambda old: {**old, "form": 99}, "the form of results was 99 and is 1"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_manifest_that_no_such_command_wrote_is_refused_by_what_differs(
    tmp_path: Path, text: Path, finished: Path, case: str
) -> None:
    change, words = MANIFESTS[case]
    manifest = json.loads((finished / MANIFEST).read_text())
    check(finished, nano.plan(seeds=2), text_sets([str(text)]))
    (tmp_path / MANIFEST).write_text(json.dumps(change(manifest)))
    with pytest.raises(InputError, match=f"{tmp_path}.*{words}"):
        check(tmp_path, nano.plan(seeds=2), text_sets([str(text)]))


def test_two_runs_in_one_folder_are_refused(finished: Path, text: Path) -> None:
    with locked(finished / ".lock", "held"), pytest.raises(InputError, match="is in use by another"):
        nano.run(finished, [text], nano.plan(seeds=2))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def bad_header(path: Path) -> None:
    path.write_bytes(b"\xff" * 16 + path.read_bytes()[16:])


def altered(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def other_shapes(path: Path) -> None:
    save_checkpoint(path, {"params.embedding": np.zeros((3, 2), np.float32)}, 5)


@pytest.mark.parametrize("spoil", [cut, bad_header, altered, empty, other_shapes])
def test_a_spoilt_checkpoint_is_named_and_nothing_else_is_touched(
    tmp_path: Path, text: Path, finished: Path, spoil: Callable[[Path], None]
) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    path = out / "merge-1" / CHECKPOINT
    (out / "merge-1" / "result.json").unlink()
    spoil(path)
    before = content(out)
    with pytest.raises(ParityError, match="the checkpoint") as error:
        nano.run(out, [text], nano.plan(seeds=2))
    assert str(path) in str(error.value)
    assert "delete the folder" in str(error.value)
    assert content(out) == before
    shutil.rmtree(path.parent)
    nano.run(out, [text], nano.plan(seeds=2))
    assert content(out) == content(finished)


def test_a_log_that_lacks_a_step_is_refused_and_half_a_line_is_not(tmp_path: Path, text: Path, finished: Path) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    (out / "merge-1" / "result.json").unlink()
    log = out / "merge-1" / STEPS
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"step": 61, "lo')
    with open(out / "events.jsonl", "ab") as file:
        file.write(b'{"event": "do')
    nano.run(out, [text], nano.plan(seeds=2))
    assert content(out) == content(finished)
    assert events(out)[-1]["event"] == "done"
    (out / "merge-1" / "result.json").unlink()
    log.write_bytes(b"".join(whole.splitlines(keepends=True)[:-1]))
    with pytest.raises(ParityError, match="its end where step 60 belongs"):
        nano.run(out, [text], nano.plan(seeds=2))


def test_a_full_disk_is_said_and_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    small = {"a": np.arange(4, dtype=np.float32)}
    save_checkpoint(path, small, 5)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(InputError, match=r"cannot be written .*: make room for it and give the same command again"):
            save_checkpoint(path, {"a": np.zeros(10_000, np.float32)}, 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert os.listdir(tmp_path) == [CHECKPOINT]
    step, arrays = load_checkpoint(path, kinds(path))
    assert step == 5
    assert np.array_equal(arrays["a"], small["a"])


def test_a_disk_that_fills_while_training_ends_the_run_in_words_and_it_goes_on(
    tmp_path: Path, text: Path, finished: Path
) -> None:
    """A limit on the size of files stands in for the disk: the log does not fit."""
    out = tmp_path / "out"
    limit = max(path.stat().st_size for path in finished.glob(f"*/{CHECKPOINT}")) - 1
    code = (
        f"import resource, signal, runpy; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY)); "
        f"import sys; sys.argv = ['nano', {str(out)!r}, {str(text)!r}, '60']; "
        "runpy.run_module('tests.experiments.nano', run_name='__main__')"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "refused: " in done.stderr
    assert "checkpoint.safetensors cannot be written (File too large): make room" in done.stderr
    assert "Traceback" not in done.stderr
    nano.run(out, [text], nano.plan())
    both = content(out)
    assert both == {name: data for name, data in content(finished).items() if name in both}
