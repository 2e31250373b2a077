"""A whole experiment: text to tokens, then every variant with every seed, going on where an earlier call stopped."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from parity.design import shown
from parity.errors import InputError
from parity.experiments.corpus import corpus, text_sets
from parity.experiments.plan import Plan, check, keep
from parity.experiments.pool import Report, run_here
from parity.experiments.storage import locked, writing
from parity.experiments.training import Run

NEEDED = ("tokenizers", "safetensors")
"""What the installation may lack."""


@dataclass(frozen=True)
class Asked:
    """What there is to do: all runs, and those of them that are not done."""

    runs: tuple[Run, ...]
    left: tuple[Run, ...]


Begin = Callable[[Asked], Report]
"""Called once before training, with what there is to do; what it returns is called as that goes on."""


def run_experiment(
    plan: Plan,
    out: str,
    texts: Sequence[str],
    *,
    begin: Begin,
    say: Callable[[str], None],
    workers: int | None = None,
    slurm: Mapping[str, str] | None = None,
) -> None:
    """Do what is left of a plan in the folder `out`.

    With `slurm` each run is a job of a cluster, with these options, and `workers` is how many are there at once;
    else `workers` processes of this machine share its cores, by default one for each core.

    Raises:
        ParityError: the folder has other results or is in use, a text cannot be used, or a run cannot go on.
    """
    for name in NEEDED:
        if find_spec(name) is None:
            raise InputError(f"experiments need {name}, which is absent: pip install 'moe-parity[experiments]' adds it")
    folder = Path(out)
    if os.path.lexists(folder) and not folder.is_dir():
        raise InputError(f"--out {shown(out)} is no folder: accepted are new folders and those of an earlier run")
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    held = f"{shown(out)} is in use by another `parity experiment run`: accepted is to wait for it or to end it"
    with locked(folder / ".lock", held):
        sets = text_sets(texts)
        check(folder, plan, sets)
        say(f"making tokens of {', '.join(each.name for each in sets)}")
        with writing(folder / "corpus"):
            made = corpus(sets, plan.scale.vocabulary, plan.scale.context, folder / "corpus")
        keep(folder, plan, made)
        runs = tuple(Run(plan, made, folder, variant, seed) for variant, seed in plan.runs())
        left = tuple(run for run in runs if not run.done)
        report = begin(Asked(runs, left))
        if not left:
            return
        if slurm is not None:
            from parity.experiments.slurm import run_on_slurm

            run_on_slurm(left, folder / "slurm", slurm, workers, report, say)
        else:
            cores = _cores()
            at_once = min(workers or cores, len(left))
            run_here(left, at_once, max(1, cores // at_once), report)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
