"""An experiment of seconds, and a process that does it: `python -m tests.experiments.nano OUT TEXT STEPS [slurm]`."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from parity.errors import ParityError
from parity.experiments.plan import Plan
from parity.experiments.run import run_experiment
from parity.experiments.scales import SCALES, Scale
from parity.experiments.suites import suite_named

NANO = Scale(
    name="nano",
    d_model=24,
    num_layers=2,
    attention_heads=2,
    vocabulary=300,
    context=16,
    tokens_per_step=64,
    steps=60,
    seeds=1,
    checkpoint_every=5,
    peak_learning_rate=3e-3,
)


def register() -> None:
    """Let results name the scale."""
    SCALES["nano"] = NANO  # type: ignore[index]  # for tests only


def plan(steps: int = 60, seeds: int = 1, suite: str = "table5") -> Plan:
    """A plan at that scale."""
    return Plan(suite_named(suite, NANO), NANO, steps, seeds, NANO.checkpoint_every)


def write_text(path: Path, documents: int = 120) -> Path:
    """JSON lines of words in an order that can be learnt in part."""
    rng = Random(documents)
    words = ["the", "expert", "sees", "a", "token", "and", "another", "head", "merges", "them", "again"]
    texts = (" ".join(rng.choices(words, k=40)) for _ in range(documents))
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return path


def run(
    out: Path,
    texts: Sequence[Path],
    wanted: Plan | None = None,
    workers: int = 2,
    slurm: Mapping[str, str] | None = None,
) -> list[tuple[str, int]]:
    """Do it; the steps that were reported."""
    steps: list[tuple[str, int]] = []
    run_experiment(
        wanted or plan(),
        str(out),
        [str(text) for text in texts],
        begin=lambda _: lambda run, step, _loss: steps.append((run.name, step)),
        say=lambda _: None,
        workers=workers,
        slurm=slurm,
    )
    return steps


def vanish(*_: object) -> None:
    """What a worker does that the system ends: say nothing."""
    os._exit(7)


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]), [Path(sys.argv[2])], plan(int(sys.argv[3])), slurm={} if "slurm" in sys.argv else None)
    except ParityError as error:
        sys.exit(f"refused: {error}")
