"""Results from anywhere are read with suspicion: what a run writes is accepted, anything else is refused in words."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.errors import InputError
from parity.experiments import results as module
from parity.experiments.results import read_results, results_of
from parity.report.experiment import experiment_report
from parity.report.formats import FORMATS
from tests.examples import examples

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def files(finished: Path) -> Files:
    return {str(p.relative_to(finished)): p.read_bytes() for p in finished.rglob("*.json*") if p.parent.name != "slurm"}


def test_a_folder_and_its_files_in_memory_read_the_same(finished: Path, files: Files) -> None:
    folder, memory = read_results(str(finished)), results_of(files)
    assert folder.plan == memory.plan
    assert folder.sets == memory.sets == ("words",)
    assert {key: run.training.tolist() for key, run in folder.runs.items()} == {
        key: run.training.tolist() for key, run in memory.runs.items()
    }
    assert all(memory.finished(variant.name) == [0, 1] for variant in memory.plan.suite.variants)


def test_what_is_not_a_result_is_passed_over(files: Files) -> None:
    more = {**files, "notes.txt": b"\xff", "both-0/checkpoint.safetensors": b"anything", "both-99/steps.jsonl": b"{"}
    assert list(results_of(more).runs) == list(results_of(files).runs)


def test_an_unfinished_experiment_has_what_is_done(files: Files) -> None:
    some = {name: data for name, data in files.items() if not name.startswith(("merge-", "both-1/result"))}
    some["both-1/steps.jsonl"] = files["both-1/steps.jsonl"][:-3]
    found = results_of(some)
    assert found.finished("merge") == []
    assert found.finished("both") == [0]
    assert len(found.runs["both", 1].training) == 59


def edited(name: str, edit: Callable[[Any], None]) -> Callable[[Files], Files]:
    def change(files: Files) -> Files:
        data = json.loads(files[name])
        edit(data)
        return {**files, name: json.dumps(data).encode()}

    return change


def replaced(name: str, data: bytes) -> Callable[[Files], Files]:
    return lambda files: {**files, name: data}


def named(manifest: Any, name: str) -> None:
    manifest["corpus"]["sets"][0]["name"] = name


HOSTILE: dict[str, tuple[Callable[[Files], Files], str]] = {
    "no manifest": (lambda files: {n: d for n, d in files.items() if n != "manifest.json"}, "no manifest.json"),
    "manifest of a list": (replaced("manifest.json", b"[]"), "is []"),
    "manifest nested deeply": (replaced("manifest.json", b"[" * 100_000), "not JSON"),
    "manifest too large": (replaced("manifest.json", b" " * (1 << 20) + b"{}"), "larger than"),
    "unknown suite": (edited("manifest.json", lambda m: m.update(suite="table9")), "suite=table9"),
    "suite of a number": (edited("manifest.json", lambda m: m.update(suite=3)), "suite=3"),
    "unknown scale": (edited("manifest.json", lambda m: m.update(scale="huge")), "scale=huge"),
    "endless steps": (edited("manifest.json", lambda m: m.update(steps=10**30)), "steps=1000"),
    "seeds of true": (edited("manifest.json", lambda m: m.update(seeds=True)), "seeds=true"),
    "other form": (edited("manifest.json", lambda m: m.update(form=2)), "form=2"),
    "no sets": (edited("manifest.json", lambda m: m["corpus"].update(sets=[])), "1 to 100 sets"),
    "a set twice": (edited("manifest.json", lambda m: m["corpus"]["sets"].append(m["corpus"]["sets"][0])), "words"),
    "counts of text": (edited("manifest.json", lambda m: m["corpus"]["sets"][0].update(training={})), "counts"),
    "a step twice": (replaced("both-0/steps.jsonl", b'{"step": 1, "loss": 1}\n' * 2), "step=1 in line 2"),
    "a loss of text": (replaced("both-0/steps.jsonl", b'{"step": 1, "loss": "1"}\n'), "a loss of 1"),
    "a loss of NaN": (replaced("both-0/steps.jsonl", b'{"step": 1, "loss": NaN}\n'), "a loss of nan"),
    "a loss beyond reason": (replaced("both-0/steps.jsonl", b'{"step": 1, "loss": 1e300}\n'), "a loss of 1e+300"),
    "a huge integer": (replaced("both-0/steps.jsonl", b'{"step": 1, "loss": ' + b"9" * 5000 + b"}\n"), "JSON object"),
    "a line of a list": (replaced("both-0/steps.jsonl", b"[1]\n"), "JSON object a line"),
    "a line without end": (replaced("both-0/steps.jsonl", b" " * (1 << 17) + b"\n"), "a line of"),
    "falling steps": (replaced("both-0/evaluations.jsonl", b'{"step": 0, "loss": {"words": 1}}\n'), "step=0"),
    "another's result": (edited("both-0/result.json", lambda r: r.update(seed=1)), "is of both, seed 1"),
    "losses of another set": (edited("both-0/result.json", lambda r: r.update(losses={"other": [1]})), "losses"),
    "no losses": (edited("both-0/result.json", lambda r: r["losses"].update(words=[])), "has 0 losses"),
    "too many windows": (edited("both-0/result.json", lambda r: r["losses"].update(words=[1.0] * 10**5)), "1 to 8192"),
    "losses of a word": (edited("both-0/result.json", lambda r: r["losses"].update(words="1")), "has 1 as losses"),
    "a set with half a character": (edited("manifest.json", lambda m: named(m, "\ud800")), "printable"),
    "a set of two lines": (edited("manifest.json", lambda m: named(m, "a\nb")), "printable"),
    "evaluated at other steps": (
        replaced("both-0/evaluations.jsonl", b'{"step": 7, "loss": {"words": 1}}\n'),
        "step=7",
    ),
    "fewer windows": (edited("both-0/result.json", lambda r: r["losses"]["words"].pop()), "windows of words"),
    "losses in lists": (edited("both-0/result.json", lambda r: r["losses"].update(words=[[1]])), "a loss of"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_no_run_writes_is_refused(files: Files, case: str) -> None:
    change, words = HOSTILE[case]
    with pytest.raises(InputError, match="accepted") as error:
        results_of(change(files))
    assert words in str(error.value)


@examples(100)
@given(st.data())
def test_altered_files_are_reported_in_every_format_or_refused_but_never_crash(
    files: Files, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(files)))
    content = bytearray(files[name])
    place = data.draw(st.integers(0, len(content) - 1))
    content[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        found = results_of({**files, name: bytes(content)})
    except InputError:
        return
    for form in FORMATS.values():
        form(experiment_report(found)).encode("utf-8")


def test_no_more_of_a_file_is_read_than_is_accepted(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.LARGEST, "steps.jsonl", 100)
    with pytest.raises(InputError, match="larger than 100 bytes"):
        read_results(str(finished))


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", ""])
def test_what_is_no_name_of_a_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="accepted are folders"):
        read_results(name)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match=r"no manifest\.json"):
            read_results(str(path))


def test_reading_and_reporting_results_needs_no_engine() -> None:
    code = (
        "import sys, parity.experiments.results, parity.report.experiment; "
        "sys.exit(any(n.split('.')[0] in ('reference', 'tokenizers', 'safetensors', 'submitit') for n in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
