"""Experiments shows what was recorded, and a folder of the visitor's as it would be reported on the command line."""

import json
import math
from importlib.resources import files
from io import BytesIO
from zipfile import ZipFile

import pytest
from streamlit.testing.v1 import AppTest

from app.curves import describe_differences, differences, learning
from parity.experiments.claims import contrasted
from parity.experiments.curves import panels
from parity.experiments.names import MANIFEST, RESULT
from parity.experiments.recorded import recorded, recorded_suites
from parity.experiments.results import Results
from parity.paper import published
from parity.report.experiment import experiment_report
from tests.app.conftest import cells, changed, charts, is_inert, link, messages, opened, tables, written
from tests.app.saved import to_its_end

OWN = "a folder of your own"


def content(suite: str) -> dict[str, bytes]:
    """The files of what is recorded."""
    with ZipFile(BytesIO(files("parity").joinpath(f"data/recorded/{suite}.zip").read_bytes())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def dropped(named: dict[str, bytes]) -> AppTest:
    """The page after these files were dropped on it."""
    shown = changed(opened("experiments"), {"results": OWN})
    shown.file_uploader[0].set_value([(name, data, "application/json") for name, data in named.items()])
    return to_its_end(shown.run())


def check_shows(shown: AppTest, results: Results) -> None:
    """The page has the report's tables, and a chart in words for each set, published set and curve."""
    perplexities, differences, claims, costs = cells(experiment_report(results))
    assert tables(shown) == [claims, perplexities, differences, costs]
    words = charts(shown)
    assert len(words) == len(results.sets) + len(published().datasets) + 1 + len(results.sets)
    for variant in results.plan.suite.variants:
        others = variant.name != results.plan.suite.baseline
        assert sum(variant.name in each for each in words) >= 1 + len(results.sets) * (2 if others else 1)
    assert not shown.exception
    assert not messages(shown)


@pytest.mark.parametrize("suite", recorded_suites())
def test_charts_of_differences_have_the_means_and_intervals_of_the_report(suite: str) -> None:
    results = recorded(suite).results
    report, baseline = experiment_report(results), results.plan.suite.baseline
    for name in results.sets:
        drawn = {row["variant"]: row for row in differences(report, name)["data"]["values"]}
        assert list(drawn) == [each.name for each in results.plan.suite.variants if each.name != baseline]
        for variant, row in drawn.items():
            expected = contrasted({variant: 1, baseline: -1}, results)[name]
            assert (row["mean"], row["seeds"]) == (expected.mean, expected.seeds)
            assert (row["low"], row["high"]) == (expected.interval or (None, None))
            assert f"{variant} {expected.mean:+.2f}, " in describe_differences(report, name)


@pytest.mark.parametrize("suite", recorded_suites())
def test_charts_of_learning_have_the_least_mean_and_largest_of_the_seeds(suite: str) -> None:
    results = recorded(suite).results
    for panel in panels(results)[1:]:
        name = panel.title.partition(":")[0]
        for row in learning(panel)["data"]["values"]:
            runs = [results.runs[row["variant"], seed] for seed in range(results.plan.seeds)]
            seeds = [math.exp(dict(run.curve)[row["step"]][name]) for run in runs]
            assert row["low"] == pytest.approx(min(seeds))
            assert row["mean"] == pytest.approx(sum(seeds) / len(seeds))
            assert row["high"] == pytest.approx(max(seeds))


@pytest.mark.parametrize("suite", recorded_suites())
def test_recorded_runs_are_shown_with_their_command_as_the_command_line_reports_them(suite: str) -> None:
    shown = changed(opened("experiments"), {"results": suite})
    of = recorded(suite)
    check_shows(shown, of.results)
    assert [code.value for code in shown.code] == [of.command]
    assert of.commit[:10] in written(shown)
    assert tables(opened("experiments", link(shown))) == tables(shown)


def test_a_dropped_folder_shows_what_the_same_files_give_when_recorded() -> None:
    suite = recorded_suites()[-1]
    shown = dropped({f"results/{name}": data for name, data in content(suite).items()})
    check_shows(shown, recorded(suite).results)
    assert not shown.code


def test_a_folder_that_no_run_wrote_is_refused_as_text() -> None:
    whole = content("table1")
    run = next(name for name in whole if name.endswith(RESULT))
    manifest = json.loads(whole[MANIFEST])
    wrong = {
        "no manifest": {name: data for name, data in whole.items() if name != MANIFEST},
        "no JSON": {**whole, MANIFEST: b"<script>alert(1)</script>"},
        "brackets": {**whole, run: b"[" * 100_000},
        "another table": {**whole, MANIFEST: json.dumps({**manifest, "suite": "[x](http://e.example)"}).encode()},
        "markup": {**whole, MANIFEST: json.dumps({**manifest, "steps": "[x](http://e.example)"}).encode()},
        "more steps than planned": {**whole, MANIFEST: json.dumps({**manifest, "steps": 1}).encode()},
    }
    for each in wrong.values():
        shown = dropped(each)
        assert not shown.exception
        assert not tables(shown)
        assert messages(shown)
        assert is_inert(shown)


def test_a_set_may_be_called_anything_that_prints_and_its_name_is_never_markup() -> None:
    name = "[x](http://e.example) :material/home: <b>$y$</b>"
    whole = content("table1")
    first = json.loads(whole[MANIFEST])["corpus"]["sets"][0]["name"]
    renamed = {path: data.replace(f'"{first}"'.encode(), json.dumps(name).encode()) for path, data in whole.items()}
    shown = dropped(renamed)
    assert not shown.exception
    assert not messages(shown)
    assert any(name in words for words in charts(shown))
    assert name in written(shown)
    assert name not in "\n".join(block.value for block in shown.markdown)


def test_without_a_folder_the_page_says_what_it_waits_for() -> None:
    shown = changed(opened("experiments"), {"results": OWN})
    assert messages(shown) == ["no folder yet: accepted is one that is dropped here"]
