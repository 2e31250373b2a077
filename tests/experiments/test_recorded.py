"""What is recorded is whole, says how it was made, and is what docs/results shows."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from parity.experiments.recorded import recorded, recorded_suites
from parity.experiments.suites import SUITES

ROOT = Path(__file__).resolve().parents[2]
LEAST_STEPS = 1000


def test_every_suite_is_recorded() -> None:
    assert recorded_suites() == list(SUITES)


@pytest.mark.parametrize("suite", recorded_suites())
def test_every_recorded_run_was_trained_to_the_end_by_a_command_that_can_be_repeated(suite: str) -> None:
    of = recorded(suite)
    plan = of.results.plan
    assert plan.suite.name == suite
    assert plan.steps >= LEAST_STEPS
    assert all(of.results.finished(variant.name) == list(range(plan.seeds)) for variant in plan.suite.variants)
    assert re.fullmatch("[0-9a-f]{40}", of.commit)
    words = shlex.split(of.command)
    assert words[:4] == ["parity", "experiment", "run", suite]
    assert words[words.index("--steps") + 1] == str(plan.steps)
    assert words[words.index("--seeds") + 1] == str(plan.seeds)
    assert [Path(text).stem for text in words[words.index("--text") + 1 :]] == list(of.results.sets)


@pytest.mark.parametrize("suite", recorded_suites())
def test_the_page_of_a_suite_is_what_the_report_of_its_runs_says(suite: str) -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts/record-results", "show", suite], capture_output=True, text=True, check=True
    ).stdout
    assert printed == (ROOT / f"docs/results/{suite}.md").read_text()
