"""What a run left behind, read again with suspicion: files may come from anyone, and may be half-written.

Nothing but JSON is read, of files of bounded size, and everything that is kept has been checked.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parity.design import shown
from parity.errors import InputError
from parity.experiments.evaluate import FINAL_TOKENS, points
from parity.experiments.names import EVALUATIONS, MANIFEST, RESULT, STEPS
from parity.experiments.plan import FORM, Plan, planned
from parity.experiments.scales import SCALES
from parity.experiments.statistics import Losses
from parity.experiments.suites import SUITES
from parity.files import open_to_read, parse_json

LARGEST: Mapping[str, int] = {MANIFEST: 1 << 20, STEPS: 1 << 26, EVALUATIONS: 1 << 22, RESULT: 1 << 23}
"""The largest file read of each name, in bytes."""

LONGEST_LINE = 1 << 16
MOST_STEPS = 10**7
MOST_SEEDS = 1000
MOST_SETS = 100
LONGEST_NAME = 200
LARGEST_LOSS = 100.0
"""In nats; that of an untrained model is the logarithm of the vocabulary."""


@dataclass(frozen=True)
class TrainedRun:
    """One variant with one seed."""

    training: Losses
    """The loss of each step that was done, from step 1."""
    curve: tuple[tuple[int, Mapping[str, float]], ...]
    """Steps, and mean cross-entropy on each set after them."""
    final: Mapping[str, Losses] | None
    """Cross-entropy of each window of each set at the end; None while there is none."""


@dataclass(frozen=True)
class Results:
    """An experiment as far as it is."""

    plan: Plan
    sets: tuple[str, ...]
    corpus: tuple[Mapping[str, Any], ...]
    """Names and numbers of documents, characters and tokens of each set, as the manifest has them."""
    made_with: Mapping[str, str]
    runs: Mapping[tuple[str, int], TrainedRun]
    """By variant and seed; those that have not begun are absent."""

    def finished(self, variant: str) -> list[int]:
        """The seeds with which a variant is done."""
        return [seed for seed in range(self.plan.seeds) if self._final(variant, seed) is not None]

    def final(self, variant: str, seed: int) -> Mapping[str, Losses]:
        """Losses of the windows of each set, of a run that is done.

        Raises:
            KeyError: it is not.
        """
        found = self._final(variant, seed)
        if found is None:
            raise KeyError(f"{variant}-{seed}")
        return found

    def _final(self, variant: str, seed: int) -> Mapping[str, Losses] | None:
        run = self.runs.get((variant, seed))
        return None if run is None else run.final


def read_results(folder: str) -> Results:
    """The results in a folder.

    Raises:
        InputError: it has none, or a file in it is not what a run writes.
    """
    if not os.path.lexists(os.path.join(folder, MANIFEST)):
        raise InputError(
            f"{shown(folder)} has no {MANIFEST}: accepted are folders that `parity experiment run --out` wrote"
        )
    return results_of(_Folder(Path(folder)))


def results_of(files: Mapping[str, bytes]) -> Results:
    """The results in files by name, `manifest.json` and `VARIANT-SEED/steps.jsonl` and so on; others are passed over.

    Raises:
        InputError: the manifest is missing, or a file is not what a run writes.
    """
    about = _parsed(files, MANIFEST)
    if about is None:
        raise InputError(f"there is no {MANIFEST}: accepted are all files of a folder that a run wrote")
    plan = _plan(about)
    corpus = _corpus(about)
    names = tuple(each["name"] for each in corpus)
    runs = {}
    for variant, seed in plan.runs():
        run = _run(files, f"{variant}-{seed}", plan, names)
        if run is not None:
            runs[variant, seed] = run
    lengths = {name: {len(run.final[name]) for run in runs.values() if run.final is not None} for name in names}
    for name, found in lengths.items():
        if len(found) > 1:
            raise InputError(
                f"results have {' and '.join(map(str, sorted(found)))} windows of {shown(name)}: accepted is one number"
            )
    made_with = about.get("made_with")
    return Results(plan, names, corpus, _words(made_with), runs)


class _Folder(Mapping[str, bytes]):
    """Files of a folder, each read when it is asked for, and never more of it than is accepted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, name: str) -> bytes:
        path = os.path.join(self.folder, name)
        if not os.path.lexists(path):
            raise KeyError(name)
        with open_to_read(path, "files of a run") as file:
            return file.read(LARGEST[os.path.basename(name)] + 1)

    def __iter__(self) -> Iterator[str]:
        return (str(path.relative_to(self.folder)) for path in self.folder.rglob("*"))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _content(files: Mapping[str, bytes], name: str) -> bytes | None:
    try:
        content = files[name]
    except KeyError:
        return None
    largest = LARGEST[name.rsplit("/", 1)[-1]]
    if len(content) > largest:
        raise _wrong(name, f"is larger than {largest} bytes", "smaller files")
    return content


def _parsed(files: Mapping[str, bytes], name: str) -> dict[str, Any] | None:
    content = _content(files, name)
    if content is None:
        return None
    found = parse_json(name, content)
    if not isinstance(found, dict):
        raise _wrong(name, f"is {shown(found)}", "a JSON object")
    return found


def _plan(about: Mapping[str, Any]) -> Plan:
    form, suite, scale = about.get("form"), about.get("suite"), about.get("scale")
    if form != FORM or not isinstance(suite, str) or not isinstance(scale, str):
        raise _wrong(
            MANIFEST, f"has form={shown(form)}, suite={shown(suite)}, scale={shown(scale)}", f"form={FORM}, names"
        )
    if suite not in SUITES or scale not in SCALES:
        accepted = f"one of {', '.join(SUITES)} and one of {', '.join(SCALES)}"
        raise _wrong(MANIFEST, f"has suite={shown(suite)}, scale={shown(scale)}", accepted)
    steps, seeds = _integer(about, "steps", MOST_STEPS), _integer(about, "seeds", MOST_SEEDS)
    return planned(suite, scale, steps, seeds, _integer(about, "checkpoint_every", MOST_STEPS))


def _integer(about: Mapping[str, Any], name: str, most: int) -> int:
    value = about.get(name)
    if type(value) is not int or not 1 <= value <= most:
        raise _wrong(MANIFEST, f"has {name}={shown(value)}", f"integers from 1 to {most}")
    return value


def _corpus(about: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    corpus = about.get("corpus")
    sets = corpus.get("sets") if isinstance(corpus, dict) else None
    if not isinstance(sets, list) or not 1 <= len(sets) <= MOST_SETS:
        raise _wrong(MANIFEST, f"has corpus={shown(corpus)}", f"an object with 1 to {MOST_SETS} sets")
    kept: list[Mapping[str, Any]] = []
    for each in sets:
        name = each.get("name") if isinstance(each, dict) else None
        fits = isinstance(name, str) and 0 < len(name) <= LONGEST_NAME and name.isprintable()
        if not fits or name in [k["name"] for k in kept]:
            accepted = f"different names of at most {LONGEST_NAME} printable characters"
            raise _wrong(MANIFEST, f"has the set {shown(name)}", accepted)
        kept.append({"name": name, **{part: _counts(each.get(part)) for part in ("training", "validation")}})
    return tuple(kept)


def _counts(value: object) -> dict[str, int]:
    names = ("documents", "characters", "tokens")
    if not isinstance(value, dict) or any(type(value.get(name)) is not int or value[name] < 0 for name in names):
        raise _wrong(MANIFEST, f"has {shown(value)} for a part of a set", f"an object of counts: {', '.join(names)}")
    return {name: value[name] for name in names}


def _words(value: object) -> dict[str, str]:
    found = value.items() if isinstance(value, dict) else ()
    return {shown(key): shown(word) for key, word in found if isinstance(word, str)}


def _run(files: Mapping[str, bytes], name: str, plan: Plan, sets: tuple[str, ...]) -> TrainedRun | None:
    training = []
    for number, line in enumerate(_lines(files, f"{name}/{STEPS}"), 1):
        if line.get("step") != number or number > plan.steps:
            accepted = f"each step from 1 to {plan.steps} once, in order"
            raise _wrong(f"{name}/{STEPS}", f"has step={shown(line.get('step'))} in line {number}", accepted)
        training.append(_loss(f"{name}/{STEPS}", line.get("loss")))
    curve: list[tuple[int, Mapping[str, float]]] = []
    evaluated = sorted(points(plan.steps))
    for number, line in enumerate(_lines(files, f"{name}/{EVALUATIONS}")):
        step = line.get("step")
        if type(step) is not int or [step] != evaluated[number : number + 1]:
            accepted = f"the steps {', '.join(map(str, evaluated))} in order"
            raise _wrong(f"{name}/{EVALUATIONS}", f"has step={shown(step)}", accepted)
        curve.append((step, {s: _loss(f"{name}/{EVALUATIONS}", _of_set(line, s)) for s in sets}))
    final = _final(files, name, plan, sets)
    return TrainedRun(np.array(training), tuple(curve), final) if training or curve or final else None


def _of_set(line: Mapping[str, Any], name: str) -> object:
    loss = line.get("loss")
    return loss.get(name) if isinstance(loss, dict) else None


def _final(files: Mapping[str, bytes], name: str, plan: Plan, sets: tuple[str, ...]) -> dict[str, Losses] | None:
    path = f"{name}/{RESULT}"
    result = _parsed(files, path)
    if result is None:
        return None
    if result.get("step") != plan.steps or f"{result.get('variant')}-{result.get('seed')}" != name:
        what = (
            f"is of {shown(result.get('variant'))}, seed {shown(result.get('seed'))}, step {shown(result.get('step'))}"
        )
        raise _wrong(path, what, f"{name} after step {plan.steps}")
    losses = result.get("losses")
    if not isinstance(losses, dict) or set(losses) != set(sets):
        raise _wrong(path, f"has losses={shown(losses)}", f"an object with {', '.join(map(shown, sets))}")
    most = FINAL_TOKENS // plan.scale.context
    for values in losses.values():
        if not isinstance(values, list) or not 0 < len(values) <= most:
            what = f"{len(values)} losses" if isinstance(values, list) else f"{shown(values)} as losses"
            raise _wrong(path, f"has {what} of a set", f"lists of 1 to {most} numbers")
    return {s: np.array([_loss(path, value) for value in losses[s]]) for s in sets}


def _lines(files: Mapping[str, bytes], name: str) -> Iterator[dict[str, Any]]:
    """The lines of a log; what has no end yet is not there yet."""
    content = _content(files, name) or b""
    start = 0
    while (end := content.find(b"\n", start)) >= 0:
        line = content[start:end]
        start = end + 1
        if len(line) > LONGEST_LINE:
            raise _wrong(name, f"has a line of {len(line)} bytes", f"lines of at most {LONGEST_LINE}")
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise _wrong(name, f"has the line {shown(line.decode('utf-8', 'replace'))}", "a JSON object a line")
        yield found


def _loss(name: str, value: object) -> float:
    """A loss that was measured, which is a float as the engine's losses are."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LARGEST_LOSS:
        raise _wrong(name, f"has a loss of {shown(value)}", f"numbers from 0 to {LARGEST_LOSS:g}")
    return float(value)


def _wrong(name: str, what: str, accepted: str) -> InputError:
    return InputError(f"{shown(name)} {what}: accepted is {accepted}")
