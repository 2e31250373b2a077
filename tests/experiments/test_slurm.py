"""On a Slurm cluster, which scripts/slurm-on-loopback sets up: a suite runs, and a cancelled job goes on."""

import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.experiments import nano
from tests.experiments.killed import content, events

PATIENCE = 200.0


def answers() -> bool:
    """Whether a cluster is here and up."""
    if shutil.which("sinfo") is None:
        return False
    return subprocess.run(["sinfo", "--noheader"], capture_output=True, timeout=60, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not answers(), reason="no Slurm here: scripts/slurm-on-loopback sets one up")


def start(out: Path, text: Path, steps: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.experiments.nano", str(out), str(text), str(steps), "slurm"]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE)


def jobs() -> list[str]:
    found = subprocess.run(
        ["squeue", "--noheader", "--array", "--format=%i"], capture_output=True, text=True, check=True
    )
    return found.stdout.split()


def test_a_suite_runs_a_cancelled_job_goes_on_and_results_are_those_of_one_machine(tmp_path: Path, text: Path) -> None:
    steps = 300
    here, there = tmp_path / "here", tmp_path / "there"
    nano.run(here, [text], nano.plan(steps))
    process = start(there, text, steps)
    end = monotonic() + PATIENCE
    while monotonic() < end and process.poll() is None and not list(there.glob("*/checkpoint.safetensors")):
        sleep(0.05)
    subprocess.run(["scancel", *jobs()], check=True)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "jobs ended without a result" in errors
    assert "Traceback" not in errors
    again = start(there, text, steps)
    _, errors = again.communicate(timeout=PATIENCE)
    assert again.returncode == 0, errors
    assert content(there) == content(here)
    assert any(event["event"] == "resume" and event["step"] > 0 for event in events(there))
