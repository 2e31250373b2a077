"""One variant with one seed: trained from the last checkpoint on, evaluated, and written down."""

import json
import math
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parity.design import shown
from parity.errors import InputError
from parity.experiments.batches import Batches, windows
from parity.experiments.checkpoint import load_checkpoint, save_checkpoint
from parity.experiments.corpus import PARTS, Corpus
from parity.experiments.evaluate import CURVE_TOKENS, FINAL_TOKENS, losses, mean, points
from parity.experiments.model import built
from parity.experiments.names import CHECKPOINT, EVALUATIONS, EVENTS, RESULT, STEPS
from parity.experiments.plan import Plan
from parity.experiments.scales import Scale
from parity.experiments.storage import Log, append_event, locked, write_durably, writing

if TYPE_CHECKING:
    from reference.train import StepRecord, TrainConfig, Trainer

WARM_UP = 10
"""The learning rate rises over one step in so many, at most `MOST_WARM_UP`."""
MOST_WARM_UP = 200

PATIENCE_SECONDS = 20.0
"""How long a run waits for a process that was killed to be gone."""

Progress = Callable[[int, float], None]
"""Called with the step that was done, and its loss."""


@dataclass(frozen=True)
class Run:
    """One variant with one seed of a plan, and where its files are."""

    plan: Plan
    corpus: Corpus
    out: Path
    variant: str
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.variant}-{self.seed}"

    @property
    def folder(self) -> Path:
        """Its folder."""
        return self.out / self.name

    @property
    def done(self) -> bool:
        """Whether its result is there."""
        return (self.folder / RESULT).exists()


def schedule(plan: Plan) -> "TrainConfig":
    """How every variant of the plan is trained."""
    from reference.train import TrainConfig

    warmup = min(MOST_WARM_UP, max(1, plan.steps // WARM_UP))
    return TrainConfig(steps=plan.steps, warmup=warmup, peak_learning_rate=plan.scale.peak_learning_rate)


def train(run: Run, progress: Progress = lambda *_: None, stopping: Callable[[], bool] = lambda: False) -> bool:
    """Train to the end, or until `stopping`, which leaves a checkpoint; whether the end was reached.

    Raises:
        InputError: a file cannot be written, the checkpoint cannot be used, training diverges, or another process is
            training this run.
    """
    with writing(run.folder):
        run.folder.mkdir(parents=True, exist_ok=True)
    held = f"{shown(str(run.folder))} is being trained by another process: accepted is to wait for it or to end it"
    with locked(run.folder / ".lock", held, PATIENCE_SECONDS):
        return run.done or _train(run, progress, stopping)


def _train(run: Run, progress: Progress, stopping: Callable[[], bool]) -> bool:
    plan, folder = run.plan, run.folder
    trainer, step = _begun(run)
    steps = Log(folder / STEPS, step, range(1, plan.steps + 1))
    evaluations = Log(folder / EVALUATIONS, step, sorted(points(plan.steps)))
    append_event(run.out / EVENTS, _event(run, "resume" if step else "start", step))
    training = {name: run.corpus.tokens(name, PARTS[0]) for name in run.corpus.sets}
    batches = Batches(training, plan.scale.context, plan.scale.sequences, run.seed)
    with closing(steps), closing(evaluations):
        while step < plan.steps:
            step += 1
            measured = _measured(trainer.step(batches.batch(step - 1)))
            _check_finite(run, step, measured)
            steps.append({"step": step, **measured})
            progress(step, measured["loss"])
            if step in points(plan.steps):
                found = evaluated(run.corpus, plan.scale, trainer, CURVE_TOKENS)
                means = {name: mean(values) for name, values in found.items()}
                _check_finite(run, step, means)
                evaluations.append({"step": step, "loss": means})
            stopped = stopping()
            if stopped or step == plan.steps or step % plan.checkpoint_every == 0:
                steps.sync()
                evaluations.sync()
                save_checkpoint(folder / CHECKPOINT, trainer.state(), step)
            if stopped and step < plan.steps:
                return False
    final = evaluated(run.corpus, plan.scale, trainer, FINAL_TOKENS)
    _check_finite(run, step, {name: mean(values) for name, values in final.items()})
    result = {"variant": run.variant, "seed": run.seed, "step": step, "losses": final}
    write_durably(folder / RESULT, json.dumps(result, allow_nan=False).encode() + b"\n")
    append_event(run.out / EVENTS, _event(run, "done", step))
    return True


def _begun(run: Run) -> "tuple[Trainer, int]":
    """The trainer after the last checkpoint, and its step; a new one where there is none."""
    from reference.decoder import init
    from reference.train import Trainer

    config, how = built(run.plan.scale, run.plan.suite.variant(run.variant)), schedule(run.plan)
    new = Trainer(config, how, init(config, run.seed))
    path = run.folder / CHECKPOINT
    if not path.exists():
        return new, 0
    step, state = load_checkpoint(path, {name: (array.shape, array.dtype) for name, array in new.state().items()})
    return Trainer.restored(config, how, dict(state)), step


def _check_finite(run: Run, step: int, numbers: Mapping[str, float]) -> None:
    """Check what was measured.

    Raises:
        InputError: training diverged.
    """
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise InputError(f"{run.name} diverged: {name} of step {step} is {value}; accepted are finite numbers")


def evaluated(corpus: Corpus, scale: Scale, trainer: "Trainer", most_tokens: int) -> dict[str, list[float]]:
    """Losses of the windows of each set's validation part, up to so many tokens of it."""
    return {
        name: losses(
            trainer.params,
            windows(corpus.tokens(name, PARTS[1]), scale.context, most_tokens),
            trainer.config,
            scale.sequences,
        )
        for name in corpus.sets
    }


def _event(run: Run, event: str, step: int) -> dict[str, Any]:
    return {"event": event, "variant": run.variant, "seed": run.seed, "step": step}


def _measured(record: "StepRecord") -> dict[str, float]:
    names = ("loss", "cross_entropy", "balance", "grad_norm", "learning_rate")
    return {name: float(getattr(record, name)) for name in names}
