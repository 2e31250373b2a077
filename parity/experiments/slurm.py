"""Runs as jobs of a Slurm cluster, through submitit. The folder of results must be one that all nodes see."""

import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import sleep
from typing import Any

from parity.design import shown
from parity.errors import InputError, ParityError
from parity.experiments.names import STEPS
from parity.experiments.pool import Report
from parity.experiments.storage import write_durably
from parity.experiments.training import Run, train

SECONDS_BETWEEN_LOOKS = 1.0

DEFAULTS: Mapping[str, Any] = {"cpus_per_task": 1, "time": 7 * 24 * 60}
"""Options of a job that are not given: cores, and minutes."""

LOOKS_BEFORE_GONE = 3
"""A job is gone when it is missing in so many looks: its result may be seen later than its end."""

TRIES = 5
"""Of asking a queue that does not answer."""


class Job:
    """What a job does; one that is requeued, when its time is over, goes on from the last checkpoint."""

    def __call__(self, run: Run) -> bool:
        """Train on the cores that the job has."""
        from parity.experiments.worker import Stop
        from reference.threads import threads

        with threads(int(os.environ.get("SLURM_CPUS_PER_TASK") or 1)):
            return train(run, stopping=Stop())

    def checkpoint(self, run: Run) -> Any:
        """What submitit queues again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, run)


def run_on_slurm(
    runs: Sequence[Run],
    folder: Path,
    options: Mapping[str, str],
    at_once: int | None,
    report: Report,
    say: Callable[[str], None],
) -> None:
    """Submit a job for each run that has none, and wait for all. Interrupted, the jobs go on without this process.

    Raises:
        InputError: there is no Slurm here, or it refuses an option.
        ParityError: jobs ended without a result.
    """
    jobs = _submitted(runs, folder, options, at_once, say)
    missed = dict.fromkeys(jobs, 0)
    ended: list[str] = []
    while jobs:
        sleep(SECONDS_BETWEEN_LOOKS)
        queued = _queued()
        for name, (run, job) in list(jobs.items()):
            report(run, *_reached(run))
            missed[name] = 0 if job.job_id in queued else missed[name] + 1
            if run.done:
                del jobs[name]
            elif missed[name] == LOOKS_BEFORE_GONE:
                del jobs[name]
                ended.append(f"{name} ({_reason(job)})")
    if ended:
        raise ParityError(f"jobs ended without a result: {'; '.join(ended)}. The same command submits them again")


def _queued() -> frozenset[str]:
    """Ids of all jobs that wait or run, asked of the queue itself: accounting, which submitit asks, may be absent."""
    command = ["squeue", "--noheader", "--array", "--format=%i"]
    for _ in range(TRIES):
        try:
            found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603  # the words are constants, and no shell reads them
            return frozenset(found.stdout.split())
        except FileNotFoundError:
            raise InputError("--slurm needs squeue, which is absent: accepted are machines of a cluster") from None
        except subprocess.SubprocessError as error:
            reason = str(error)
            sleep(SECONDS_BETWEEN_LOOKS)
    raise ParityError(
        f"the queue of Slurm does not answer ({shown(reason)}): the jobs go on, and so does the same command"
    )


def _submitted(
    runs: Sequence[Run], folder: Path, options: Mapping[str, str], at_once: int | None, say: Callable[[str], None]
) -> dict[str, tuple[Run, Any]]:
    """A job for each run: the one that an earlier call left in the queue, or a new one."""
    try:
        import submitit
    except ImportError:
        raise InputError(
            "--slurm needs submitit, which is absent: pip install 'moe-parity[experiments]' adds it"
        ) from None
    known = folder / "jobs.json"
    earlier: dict[str, str] = json.loads(known.read_bytes()) if known.exists() else {}
    queued = _queued()
    jobs: dict[str, tuple[Run, Any]] = {
        run.name: (run, submitit.SlurmJob(folder, earlier[run.name])) for run in runs if earlier.get(run.name) in queued
    }
    new = [run for run in runs if run.name not in jobs]
    if new:
        try:
            executor = submitit.SlurmExecutor(folder)
            given: dict[str, Any] = {**DEFAULTS, **options, "array_parallelism": at_once or len(new)}
            executor.update_parameters(**given, job_name="parity")
            made = executor.map_array(Job(), new)
        except (RuntimeError, ValueError, OSError, submitit.core.utils.FailedJobError) as error:
            raise InputError(f"Slurm refuses the jobs: {shown(str(error))}") from None
        jobs |= {run.name: (run, job) for run, job in zip(new, made, strict=True)}
    say(f"{len(new)} jobs submitted, {len(jobs) - len(new)} of earlier calls still there")
    write_durably(known, json.dumps({**earlier, **{name: job.job_id for name, (_, job) in jobs.items()}}).encode())
    return jobs


def _reached(run: Run) -> tuple[int, float]:
    """The last step that is written down, and its loss."""
    path = run.folder / STEPS
    try:
        with open(path, "rb") as file:
            file.seek(max(0, path.stat().st_size - 4096))
            last = json.loads(file.read().rpartition(b"\n")[0].splitlines()[-1])
        return int(last["step"]), float(last["loss"])
    except (OSError, ValueError, IndexError, KeyError):
        return 0, float("nan")


def _reason(job: Any) -> str:
    """The last words of a job."""
    lines = [line.strip() for line in (job.stderr() or "").splitlines() if line.strip()]
    return f"{shown(lines[-1])}; {job.paths.stderr}" if lines else f"it said nothing in {job.paths.stderr}"
