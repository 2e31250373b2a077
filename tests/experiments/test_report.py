"""What the report says: the numbers of the runs, the layout, and what is missing."""

import csv
import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.errors import InputError
from parity.experiments.claims import Claim, claims_of, judge
from parity.experiments.curves import POINTS, panels, training_curve
from parity.experiments.figure import learning_curves
from parity.experiments.names import RESULT
from parity.experiments.results import Results, TrainedRun
from parity.experiments.scales import SCALES
from parity.experiments.suites import SUITES, suite_named
from parity.paper import published
from parity.report.experiment import experiment_report
from parity.report.formats import FORMATS, to_text
from tests.conftest import Answer, Run
from tests.examples import examples
from tests.experiments import nano


def invented(shift: float, seeds: int = 3, suite: str = "table1") -> Results:
    """Results in which each variant is better than the one before it by `shift` nats, more or less."""
    plan, rng = nano.plan(seeds=seeds, suite=suite), np.random.default_rng(0)
    runs = {}
    for seed in range(seeds):
        text = rng.standard_normal(64) / 100
        text -= text.mean()
        for number, variant in enumerate(plan.suite.variants):
            losses = 4 + text - shift * number + rng.standard_normal() / 10**6
            runs[variant.name, seed] = TrainedRun(np.full(60, 4.0), ((60, {"words": 4.0}),), {"words": losses})
    counts = {"documents": 9, "characters": 99, "tokens": 999}
    return Results(plan, ("words",), ({"name": "words", "training": counts, "validation": counts},), {}, runs)


@examples(30)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_points_of_a_curve_are_means_over_equally_many_steps_that_all_seeds_have(lengths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    runs = {("both", number): TrainedRun(rng.random(length), (), None) for number, length in enumerate(lengths)}
    results = replace(invented(0, seeds=len(lengths), suite="table5"), runs=runs)
    curve = training_curve(results, "both")
    assert curve is not None
    block = int(curve.steps[0])
    assert list(curve.steps) == list(range(block, min(lengths) + 1, block))
    assert len(curve.steps) <= POINTS
    for run, values in zip(runs.values(), curve.values, strict=True):
        ends = [run.training[end - block : end].sum() / block for end in curve.steps]
        assert values.tolist() == pytest.approx(ends)
    assert training_curve(results, "head") is None


def test_json_has_the_fields_of_the_interface_and_the_numbers_of_the_runs(answer: Answer, finished: Path) -> None:
    report = answer("experiment", "report", finished)
    assert report["suite"] == "table5"
    for row in report["rows"]:
        per_seed = []
        for seed in range(2):
            losses = json.loads((finished / f"{row['variant']}-{seed}" / RESULT).read_text())["losses"]["words"]
            per_seed.append(float(np.exp(np.mean(losses))))
        found = row["perplexity"]["words"]
        assert found["per_seed"] == per_seed
        assert found["mean"] == pytest.approx(np.mean(per_seed))
        assert (row["seeds"], row["steps"], row["tokens"]) == (2, 60, 60 * 64)
        assert len(row["published"]) == 1
        base = next(other for other in report["rows"] if other["variant"] == "both")["perplexity"]["words"]["per_seed"]
        difference = row["difference_to_baseline"]["words"]
        assert difference["mean"] == pytest.approx(np.mean(np.subtract(per_seed, base)))
        assert difference["low"] <= difference["mean"] <= difference["high"]
    assert report["complete"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_printed(run: Run, finished: Path, form: str) -> None:
    result = run("experiment", "report", finished, "--format", form)
    assert (result.exit_code, result.stderr) == (0, "")
    if form == "csv":
        rows = list(csv.reader(io.StringIO(result.stdout)))
        assert len(rows) == 1 + 4
        assert {len(row) for row in rows} == {10}
    if form == "table":
        assert max(map(len, result.stdout.splitlines())) <= 100


def test_the_layout_is_the_papers() -> None:
    lines = to_text(experiment_report(invented(0.1))).splitlines()
    assert " ".join(lines[:2]) == (
        "table1, without a shared expert: mean perplexity here, at scale nano after 60 steps of 64 tokens; as "
        "published, after 100,000 of 500,000"
    )
    assert lines[2:9] == [
        "",
        "variant       seeds  words  RedPajama (publ.)  Wiki (publ.)  C4 (publ.)",
        "───────────────────────────────────────────────────────────────────────",
        "dense             3  54.60              12.13         11.58       16.21",
        "smoe              3  49.40              10.90          9.68       14.35",
        "fine-grained      3  44.70              10.74          9.38       13.97",
        "mh-moe-2          3  40.45              10.70          9.26       13.80",
    ]
    text = "\n".join(lines)
    assert "This is scale nano: 2 layers of width 24" in text
    assert "perplexities cannot be" in text


@pytest.mark.parametrize(("shift", "verdict"), [(0.1, "holds here"), (-0.1, "does not hold here")])
def test_a_large_difference_decides_every_claim(shift: float, verdict: str) -> None:
    results = invented(shift)
    assert {judge(claim, results).verdict for claim in claims_of("table1")} == {verdict}


def test_no_difference_is_undecided_and_one_seed_always_is() -> None:
    for results in (invented(0.0), invented(0.1, seeds=1)):
        verdicts = {judge(claim, results).verdict for claim in claims_of("table1")}
        assert verdicts == {"undecided at this budget"}
    assert "no interval can be given over seeds" in " ".join(experiment_report(invented(0.1, seeds=1)).notes)


@pytest.mark.parametrize("name", SUITES)
def test_claims_are_contrasts_of_variants_of_the_suite_that_the_paper_bears_out(name: str) -> None:
    suite = suite_named(name, SCALES["tiny"])
    (table,) = (table for table in published().tables if table.name == name)
    last = max(row.steps for row in table.rows)
    printed = {row.variant: np.array(row.perplexity) for row in table.rows if row.steps == last}
    for claim in claims_of(name):
        assert sum(claim.contrast.values()) == 0
        signed = [weight * printed[suite.variant(name).published_as] for name, weight in claim.contrast.items()]
        assert (np.sum(signed, axis=0) < 0).all(), claim


def test_a_claim_of_variants_that_are_not_done_is_not_judged() -> None:
    results = invented(0.1)
    runs = {of: run for of, run in results.runs.items() if of[0] != "smoe"}
    assert judge(Claim("", {"smoe": 1, "dense": -1}), replace(results, runs=runs)).verdict == "not run yet"


def test_an_incomplete_folder_reports_what_is_there_and_what_is_missing(
    run: Run, answer: Answer, finished: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    shutil.rmtree(out / "merge-0")
    (out / "merge-1" / RESULT).unlink()
    text = " ".join(run("experiment", "report", out).stdout.split())
    assert "merge with seed 0 (not begun), merge with seed 1 (at step 60) of 8 runs" in text
    report = answer("experiment", "report", out)
    rows = {row["variant"]: row for row in report["rows"]}
    assert not report["complete"]
    assert rows["merge"]["perplexity"] == {"words": {"mean": None, "per_seed": []}}
    assert rows["head"]["seeds"] == 2


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_learning_curves_are_drawn_as_the_name_says(run: Run, finished: Path, tmp_path: Path, ending: str) -> None:
    start = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[ending]
    other = tmp_path / f"more.{ending}"
    result = run("experiment", "report", finished, "--plot", other)
    assert result.exit_code == 0
    assert other.read_bytes().startswith(start)
    assert "both" in result.stdout


def with_sets(results: Results, *names: str) -> Results:
    """The same losses on sets of these names."""
    runs = {
        of: TrainedRun(run.training, ((60, dict.fromkeys(names, 4.0)),), dict.fromkeys(names, run.final["words"]))
        for of, run in results.runs.items()
        if run.final is not None
    }
    return replace(results, sets=names, runs=runs)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_there_is_a_chart_for_the_training_and_each_set_and_no_empty_one(number: int) -> None:
    names = ["words", "more", "others"][:number]
    figure = learning_curves(with_sets(invented(0.1), *names))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["training loss, nats per token", *(f"{name}: validation perplexity" for name in names)]


def test_what_has_begun_and_is_not_yet_evaluated_has_a_curve_of_its_training_alone() -> None:
    results = invented(0.1)
    runs = {of: replace(run, curve=(), final=None) for of, run in results.runs.items()}
    training, perplexity = panels(replace(results, runs=runs))
    assert list(training.curves) == [variant.name for variant in results.plan.suite.variants]
    assert perplexity.curves == {}


def test_losses_of_a_run_that_is_not_done_are_not_there() -> None:
    results = invented(0.1)
    runs = {of: run for of, run in results.runs.items() if of != ("smoe", 1)}
    with pytest.raises(KeyError, match="smoe-1"):
        replace(results, runs=runs).final("smoe", 1)


def test_without_matplotlib_a_chart_is_refused_and_the_extra_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match=r"matplotlib, which is absent: pip install 'moe-parity\[app\]' adds it"):
        learning_curves(invented(0.1))


def test_what_cannot_be_is_refused_in_words(run: Run, tmp_path: Path, finished: Path) -> None:
    for arguments, words in (
        (("report", tmp_path), "no manifest.json"),
        (("report", finished, "--plot", "x.bmp"), "accepted are names that end in"),
        (("run", "table9", "--out", tmp_path), "'table9' is not one of"),
        (("run", "table1", "--out", tmp_path / "o", "--text", tmp_path / "absent"), "cannot be read"),
        (("run", "table1", "--out", tmp_path / "o", "--steps", 0), "accepted are integers from 1"),
        (("run", "table1", "--out", tmp_path / "o", "extra"), "accepted are texts after --text"),
        (("run", "table1", "--out", tmp_path / "o", "--slurm-option", "time"), "accepted are options of Slurm"),
        (("run", "table1", "--out", tmp_path / "o", "--slurm-option", "time=5"), "--slurm: accepted are both"),
    ):
        result = run("experiment", *arguments)
        assert (result.exit_code, result.stdout) == (2, ""), arguments
        assert words in result.stderr


def test_without_a_package_that_experiments_need_nothing_is_begun(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parity.experiments.run.find_spec", lambda name: None if name == "tokenizers" else name)
    result = run("experiment", "run", "table1", "--out", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "experiments need tokenizers" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_is_no_folder_of_results(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    result = run("experiment", "run", "table1", "--out", tmp_path / "file")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is no folder: accepted are new folders" in result.stderr
    assert (tmp_path / "file").read_text() == "kept"
