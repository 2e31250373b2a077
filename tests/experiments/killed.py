"""An experiment that is killed at random moments: `python -m tests.experiments.killed 20` prints what came of it."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

from tests.experiments import nano

PATIENCE = 300.0


def start(out: Path, text: Path, steps: int) -> subprocess.Popen[str]:
    """The experiment in a process group of its own."""
    command = [sys.executable, "-m", "tests.experiments.nano", str(out), str(text), str(steps)]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE, start_new_session=True)


def killed_and_resumed(out: Path, text: Path, steps: int, kills: int, seed: int = 0) -> int:
    """Start it and kill it so many times after a checkpoint, then let it end; how often it ended before it was hit."""
    rng, missed = Random(seed), 0
    for _ in range(kills):
        process = start(out, text, steps)
        wait_for_checkpoint(out, process)
        sleep(rng.uniform(0, 1.5))
        missed += process.poll() is not None
        process.send_signal(signal.SIGKILL)  # the parent alone: its workers have to end by themselves
        process.communicate(timeout=PATIENCE)
    process = start(out, text, steps)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return missed


def wait_for_checkpoint(out: Path, process: subprocess.Popen[str]) -> None:
    """Until a checkpoint is there that was not when the process started, or the process has ended."""
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/checkpoint.safetensors")}
    end = monotonic() + PATIENCE
    while monotonic() < end and process.poll() is None:
        now = {path: path.stat().st_mtime_ns for path in out.glob("*/checkpoint.safetensors")}
        if now != before:
            return
        sleep(0.01)


def content(out: Path) -> dict[str, Any]:
    """What must not depend on whether it was killed: every log, every result, every weight."""
    kept = ("steps.jsonl", "evaluations.jsonl", "result.json", "checkpoint.safetensors")
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.name in kept}


def events(out: Path) -> list[dict[str, Any]]:
    """The lines of events.jsonl."""
    return [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]


def main() -> None:
    """Do it so many times, against an undisturbed run."""
    kills = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        text = nano.write_text(Path(folder) / "words.jsonl")
        undisturbed, disturbed = Path(folder) / "undisturbed", Path(folder) / "disturbed"
        steps = 600
        assert start(undisturbed, text, steps).wait() == 0
        missed = killed_and_resumed(disturbed, text, steps, kills, seed=os.getpid())
        resumed = sum(event["event"] == "resume" for event in events(disturbed))
        same = content(undisturbed) == content(disturbed)
        found = {"kills": kills, "missed": missed, "resumes": resumed, "identical": same}
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
