"""How far an experiment is, as standard error shows it: bars on a terminal, lines elsewhere."""

import sys
from pathlib import Path
from typing import Any

import pytest

from parity.experiments.run import Asked
from parity.experiments.training import Run
from parity.report import experiment_progress
from parity.report.experiment_progress import SECONDS_BETWEEN_LINES, Display
from tests.experiments import nano
from tests.terminal import ESCAPE, Terminal, on_terminal

PLAN = nano.plan(steps=10, seeds=1)
CORPUS: Any = None
"""What a display has no use for."""
RUNS = tuple(Run(PLAN, CORPUS, Path("out"), variant, seed) for variant, seed in PLAN.runs())


class Clock:
    """Time that goes on when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(experiment_progress, "monotonic", clock)
    return clock


def shown(screen: Terminal, since: int) -> str:
    """What was written after the first `since` characters, less escapes."""
    return ESCAPE.sub("", screen.getvalue()[since:])


def test_a_terminal_shows_a_bar_for_all_and_one_for_each_run_in_progress(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    screen = on_terminal(monkeypatch, "stderr")
    first, second, *_ = RUNS
    with Display(PLAN) as display:
        step = display.begin(Asked(RUNS, RUNS))
        begun = len(screen.getvalue())
        assert f"{len(RUNS)} runs of 10 steps" in shown(screen, 0)
        step(first, 1, 5.5)
        step(second, 4, 2.25)
        clock.now += 60
        step(first, 2, 5.25)
        display._bars.refresh()
        bars = shown(screen, begun)
        assert f"{first.name}" in bars
        assert "2 of 10 steps, loss 5.250" in bars
        assert "4 of 10 steps, loss 2.250" in bars
        step(first, 10, 5.0)
        ended = len(screen.getvalue())
        display._bars.refresh()
        assert first.name not in shown(screen, ended)
        assert second.name in shown(screen, ended)
    assert not display._bars.live.is_started


def test_a_step_that_was_shown_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch, "stderr")
    (first, *_) = RUNS
    with Display(PLAN) as display:
        step = display.begin(Asked(RUNS, RUNS))
        step(first, 0, 5.5)
        assert [task.description for task in display._bars.tasks] == ["all"]
        step(first, 3, 5.5)
        before = [(task.description, task.completed, task.fields) for task in display._bars.tasks]
        step(first, 3, 9.0)
        assert [(task.description, task.completed, task.fields) for task in display._bars.tasks] == before


def test_where_nothing_is_left_to_do_there_are_no_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = on_terminal(monkeypatch, "stderr")
    with Display(PLAN) as display:
        display.begin(Asked(RUNS, ()))
    assert f"; {len(RUNS)} done before" in shown(screen, 0)
    assert "\x1b[?25l" not in screen.getvalue()  # the cursor was never hidden


def test_elsewhere_a_line_comes_when_time_has_passed_or_a_run_has_ended(
    capsys: pytest.CaptureFixture[str], clock: Clock
) -> None:
    first, second, *_ = RUNS
    with Display(PLAN) as display:
        step = display.begin(Asked(RUNS, RUNS))
        assert capsys.readouterr().err.endswith(f"{PLAN.tokens:,} tokens each\n")
        step(first, 1, 5.5)
        assert capsys.readouterr().err == ""
        clock.now += SECONDS_BETWEEN_LINES
        step(first, 2, 5.25)
        # One step of 64 tokens in ten seconds, and 38 more to do.
        assert capsys.readouterr().err == (
            f"{first.name}: step 2 of 10, loss 5.250; 5% of all, 6 tokens/s, 6 min left\n"
        )
        step(second, 10, 1.0)
        assert capsys.readouterr().err.startswith(f"{second.name}: step 10 of 10, loss 1.000; 30% of all, ")


@pytest.mark.parametrize(
    ("seconds", "left"), [(5, "under a minute left"), (100, "6 min left"), (1800, "1 h 40 min left")]
)
def test_the_time_left_is_told_in_hours_and_minutes(
    capsys: pytest.CaptureFixture[str], clock: Clock, seconds: float, left: str
) -> None:
    with Display(PLAN) as display:
        step = display.begin(Asked(RUNS, RUNS))
        step(RUNS[0], 1, 5.5)
        clock.now += seconds
        step(RUNS[0], 10, 5.25)  # nine steps in this time, and thirty more to do
    assert capsys.readouterr().err.endswith(f", {left}\n")


def test_without_standard_error_nothing_is_shown_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with Display(PLAN) as display:
        display.begin(Asked(RUNS, RUNS))(RUNS[0], 10, 5.5)
    assert display._bars is None
