"""A built-in model is a baseline on every page, with the numbers of the command line."""

import shlex

import pytest

from parity import solve
from parity.models.builtin import builtin_models
from parity.ref import look_up, reference_to, resolve
from parity.report.solve import solve_report
from parity.text import integer
from parity.verify import factor_that_fits
from tests.app.conftest import (
    answers,
    cells,
    changed,
    comparison,
    control,
    labels,
    link,
    messages,
    metrics,
    opened,
    solved,
    tables,
    written,
)
from tests.conftest import Answer

MODELS = tuple(builtin_models())
SOME = ("mixtral-8x7b-v0.1", "deepseek-v3", "qwen3-30b-a3b", "switch-base-8", "gpt2")
ROOM = 300 * 10**6


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_is_chosen_is_solved_as_by_the_command_line(answer: Answer, model: str) -> None:
    shown = changed(opened("solve"), {"baseline": model})
    assert not shown.exception
    assert not messages(shown)
    heads = control(shown, "heads").value
    found = answer("solve", "--baseline", model, "--heads", heads, "--topk", 3)
    assert metrics(shown) == solved(found)
    known = look_up(model)
    result = solve(known.design, heads=int(heads), top_k=3)
    assert tables(shown) == cells(solve_report(result, model, known.model))
    for quantity in ("params", "active_params", "flops_per_token"):
        assert f" {integer(found['whole_model']['cost'][quantity])} " in written(shown)
    assert answer(*shlex.split(shown.code[0].value)[1:]) == found


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_is_chosen_is_in_the_address_and_a_link_restores_it(model: str) -> None:
    shown = changed(opened("solve"), {"baseline": model})
    assert link(shown) == {"v": "1", "baseline": model}
    again = opened("solve", link(shown))
    assert control(again, "baseline").value == model
    assert answers(again) == answers(shown)


def test_heads_that_are_left_alone_suit_the_width_of_the_baseline() -> None:
    shown = opened("solve")
    for baseline, heads in (("mixtral-8x7b-v0.1", "2"), ("paper-smoe", "3"), ("gpt-oss-20b", "3"), ("gpt2", "3")):
        changed(shown, {"baseline": baseline})
        assert control(shown, "heads").value == heads
        assert "heads" not in link(shown)
        assert resolve(baseline).d_model % int(heads) == 0


def test_heads_that_are_chosen_stay_whatever_the_baseline() -> None:
    shown = changed(opened("solve"), {"heads": "4"})
    for baseline in ("mixtral-8x7b-v0.1", "paper-smoe"):
        changed(shown, {"baseline": baseline})
        assert control(shown, "heads").value == link(shown)["heads"] == "4"


@pytest.mark.parametrize("model", SOME)
def test_a_model_is_swept_around_as_by_the_command_line(answer: Answer, model: str) -> None:
    ranges = {"heads": "1-4", "top_k": "2-3"}
    shown = changed(opened("explore", ranges), {"baseline": model})
    assert not messages(shown)
    found = answer("sweep", "--baseline", model, "--heads", "1-4", "--topk", "2-3", "--tolerance", 1)
    assert metrics(shown) == {
        "feasible designs": integer(found["feasible"]),
        "on the frontier": integer(len(found["frontier"])),
        "groups": integer(len(found["groups"])),
    }
    assert link(shown) == {"v": "1", "baseline": model, **ranges}
    assert answers(opened("explore", link(shown))) == answers(shown)


@pytest.mark.parametrize("model", SOME)
def test_a_model_is_compared_with_the_design_that_was_solved_for_it(answer: Answer, model: str) -> None:
    best = reference_to(solve(resolve(model), heads=1, top_k=3).best.design)
    shown = changed(opened("compare"), {"designs": [model, best]})
    assert not messages(shown)
    found = answer("compare", model, best)
    (sentence,) = found["summary"]
    assert sentence in written(shown)
    report = comparison([look_up(model), look_up(best)])
    assert tables(shown)[:3] == cells(report)
    assert all(note in written(shown) for note in report.notes)
    assert answers(opened("compare", link(shown))) == answers(shown)


@pytest.mark.parametrize("model", MODELS)
def test_a_model_can_be_verified_at_a_width_that_fits_or_is_said_to_be_too_large(model: str) -> None:
    shown = changed(opened("verify"), {"design": model})
    assert not shown.exception
    fits = factor_that_fits(resolve(model), 64, ROOM)
    assert ("Run" in labels(shown)) is (fits is not None)
    assert any("small enough to run here" in text for text in messages(shown)) is (fits is None)
    assert any(f"1/{fits} of its widths" in caption.value for caption in shown.caption) is bool(fits and fits > 1)
    assert link(shown) == {"v": "1", "design": model}
    assert control(opened("verify", link(shown)), "design").value == model
