"""A config.json that is dropped is a baseline on every page, with the numbers of the command line for that file."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from parity.ref import Found, look_up, reference_to, resolve
from parity.report.solve import solve_report
from parity.solve import solve
from parity.text import integer
from parity.verify import factor_that_fits
from tests.app.conftest import (
    CONFIGS,
    MIXTRAL,
    answers,
    button,
    cells,
    changed,
    comparison,
    control,
    drop,
    labels,
    link,
    messages,
    metrics,
    opened,
    solved,
    tables,
    whole,
    written,
)
from tests.conftest import Answer, Run

DROPPED = "config.json"
START = {"solve": {"baseline": DROPPED}, "explore": {"baseline": DROPPED}, "verify": {"design": DROPPED}}
ANOTHER = CONFIGS["Qwen__Qwen3-30B-A3B"]
NO_FILE = "no file yet: accepted is a config.json that is dropped here"
SURPRISE = json.dumps(json.loads(MIXTRAL.read_bytes()) | {"surprise": 1}).encode()
"""A config with a field that nobody knows, which may be of anything but its MoE layer."""


def with_file(page: str, path: Path = MIXTRAL) -> AppTest:
    """The page with that file dropped on it."""
    return drop(opened(page, START.get(page, {})), path.name, path.read_bytes())


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_dropped_is_solved_as_by_the_command_line(answer: Answer, name: str) -> None:
    shown = with_file("solve", CONFIGS[name])
    assert not shown.exception
    assert not messages(shown)
    heads = control(shown, "heads").value
    found = answer("solve", "--baseline", CONFIGS[name], "--heads", heads, "--topk", 3)
    assert metrics(shown) == solved(found)
    known = look_up(str(CONFIGS[name]))
    result = solve(known.design, heads=int(heads), top_k=3)
    assert tables(shown) == cells(solve_report(result, name, known.model))
    for quantity in ("params", "active_params", "flops_per_token"):
        assert f" {integer(found['whole_model']['cost'][quantity])} " in written(shown)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_that_is_dropped_is_told_with_the_size_of_its_model(answer: Answer, name: str) -> None:
    whole_model = answer("cost", CONFIGS[name])["totals"]
    (line,) = [
        block.value.replace("\\", "") for block in with_file("solve", CONFIGS[name]).markdown if name in block.value
    ]
    assert line.startswith(f"` {CONFIGS[name].name} `")
    assert f" {integer(whole_model['params'])} parameters, {integer(whole_model['active_params'])} active" in line


@pytest.mark.parametrize("path", [MIXTRAL, ANOTHER], ids=lambda path: path.stem)
def test_the_command_shown_finds_the_same_where_the_file_is(
    answer: Answer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    for page in ("solve", "explore"):
        shown = with_file(page, path)
        found = answer(*shlex.split(shown.code[0].value)[1:])
        if page == "solve":
            assert metrics(shown) == solved(found)
        else:
            assert metrics(shown)["feasible designs"] == integer(found["feasible"])


def test_a_config_that_is_dropped_is_swept_around_as_by_the_command_line(answer: Answer) -> None:
    shown = with_file("explore")
    found = answer("sweep", "--baseline", MIXTRAL, "--heads", "1-16", "--topk", "1-8", "--tolerance", 1)
    assert metrics(shown) == {
        "feasible designs": integer(found["feasible"]),
        "on the frontier": integer(len(found["frontier"])),
        "groups": integer(len(found["groups"])),
    }


def test_a_config_that_is_dropped_is_compared_as_by_the_command_line(answer: Answer) -> None:
    shown = changed(with_file("compare"), {"designs": [DROPPED, "mixtral-8x22b-v0.1"]})
    assert not messages(shown)
    dropped = replace(look_up(str(MIXTRAL)), name=DROPPED)
    report = comparison([dropped, look_up("mixtral-8x22b-v0.1")])
    assert tables(shown)[:3] == cells(report)
    assert all(note in written(shown) for note in report.notes)
    found = answer("compare", MIXTRAL, "mixtral-8x22b-v0.1")
    (sentence,) = found["summary"]
    assert sentence.replace("design 1", f"{DROPPED} layer") in written(shown)


def test_a_config_that_is_dropped_can_be_verified() -> None:
    shown = with_file("verify")
    factor = factor_that_fits(resolve(str(MIXTRAL)), 64, 300 * 10**6)
    assert "Run" in labels(shown)
    assert any(caption.value.startswith(f"Run at 1/{factor} of its widths") for caption in shown.caption)


@pytest.mark.parametrize("page", START)
def test_a_link_holds_the_layer_and_works_without_the_file(page: str) -> None:
    shown = with_file(page)
    assert link(shown) == {"v": "1", **START[page], "layer": reference_to(resolve(str(MIXTRAL)))}
    again = opened(page, link(shown))
    assert not messages(again)
    assert (metrics(again), tables(again)) == (metrics(shown), tables(shown))
    assert "The link has the MoE layer of a config.json, and not the file." in [c.value for c in again.caption]
    assert link(again) == link(shown)


def test_a_link_to_a_comparison_holds_the_layer_too() -> None:
    shown = changed(with_file("compare"), {"designs": [DROPPED, "paper-smoe"]})
    again = opened("compare", link(shown))
    assert not messages(again)
    assert tables(again)[:3] == tables(shown)[:3]


@pytest.mark.parametrize(("page", "start"), [*START.items(), ("compare", {"designs": f"paper-smoe;{DROPPED}"})])
def test_a_link_with_neither_file_nor_layer_says_what_to_do_and_then_works(page: str, start: dict[str, str]) -> None:
    shown = opened(page, start)
    assert not shown.exception
    assert NO_FILE in messages(shown)
    assert not tables(shown)
    drop(shown, MIXTRAL.name, MIXTRAL.read_bytes())
    assert not messages(shown)
    assert tables(shown) or "Run" in labels(shown)


def test_a_file_that_is_dropped_on_one_page_is_the_baseline_of_the_others() -> None:
    shown = drop(whole("solve", START["solve"]), MIXTRAL.name, MIXTRAL.read_bytes())
    for page in ("explore", "verify"):
        shown.switch_page(f"views/{page}.py")
        shown.query_params.clear()
        (chooser,) = START[page]
        changed(shown.run(), {chooser: DROPPED})
        assert not messages(shown)
        assert answers(shown) == answers(with_file(page))
    shown.switch_page("views/compare.py")
    shown.query_params.clear()
    changed(shown.run(), {"designs": [DROPPED]})
    assert tables(shown)[0] == cells(comparison([look_up(str(MIXTRAL))]))[0]


def test_a_second_file_takes_the_place_of_the_first() -> None:
    shown = with_file("solve")
    drop(shown, ANOTHER.name, ANOTHER.read_bytes())
    assert answers(shown) == answers(with_file("solve", ANOTHER))
    assert link(shown)["layer"] == reference_to(resolve(str(ANOTHER)))


def test_a_file_that_is_taken_away_is_forgotten() -> None:
    shown = with_file("solve")
    shown.file_uploader[0].clear().run()
    assert NO_FILE in messages(shown)
    assert not metrics(shown)
    assert link(shown) == {"v": "1", **START["solve"]}


@pytest.mark.parametrize("page", [*START, "compare"])
def test_a_config_that_is_not_understood_is_read_for_its_moe_layer_alone_on_request(page: str) -> None:
    start = START.get(page, {"designs": DROPPED})
    shown = drop(opened(page, start), DROPPED, SURPRISE)
    assert any("surprise" in text and "accepted" in text for text in messages(shown))
    assert not tables(shown)
    changed(shown, {"moe_layer": True})
    assert not messages(shown)
    assert tables(shown)[:3] == tables(drop(opened(page, start), DROPPED, MIXTRAL.read_bytes()))[:3]
    assert link(shown)["moe_layer"] == "yes"
    assert answers(opened(page, link(shown)))["tables"] == tables(shown)


def test_the_command_of_a_layer_that_was_read_alone_reads_it_alone(
    answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DROPPED).write_bytes(SURPRISE)
    monkeypatch.chdir(tmp_path)
    shown = changed(drop(opened("solve", START["solve"]), DROPPED, SURPRISE), {"moe_layer": True})
    assert metrics(shown) == solved(answer(*shlex.split(shown.code[0].value)[1:]))


def test_a_design_that_the_command_line_wrote_can_be_dropped(run: Run) -> None:
    written_by = run("solve", "--heads", 2, "--topk", 3, "--format", "json").stdout
    shown = drop(opened("compare", {"designs": DROPPED}), "design.json", written_by.encode())
    best = solve(resolve("paper-smoe"), heads=2, top_k=3).best.design
    assert tables(shown)[0] == cells(comparison([Found(DROPPED, best)]))[0]


def test_a_design_picked_around_a_file_is_solved_against_it() -> None:
    shown = drop(whole("explore", {**START["explore"], "heads": "2", "top_k": "2"}), MIXTRAL.name, MIXTRAL.read_bytes())
    button(shown, "Open in Solve").click().run()
    assert [title.value for title in shown.title] == ["Solve"]
    assert control(shown, "baseline").value == DROPPED
    assert not messages(shown)
    assert "Picked in Explore" in written(shown)
    expected = changed(with_file("solve"), {"heads": "2", "top_k": "2"})
    assert metrics(shown) == metrics(expected)
