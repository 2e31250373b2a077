"""What a command asks for, kept as `manifest.json` beside the results so that the next one is the same."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parity.design import shown
from parity.errors import InputError
from parity.experiments.corpus import Corpus, TextSet
from parity.experiments.names import MANIFEST
from parity.experiments.scales import Scale, scale_named
from parity.experiments.storage import write_durably
from parity.experiments.suites import Suite, suite_named
from parity.files import read_json

FORM = 1


@dataclass(frozen=True)
class Plan:
    """One experiment: every variant of a suite with every seed."""

    suite: Suite
    scale: Scale
    steps: int
    seeds: int
    checkpoint_every: int

    def runs(self) -> Iterator[tuple[str, int]]:
        """Variant and seed of each run; a seed is done with all variants before the next, so that pairs come early."""
        for seed in range(self.seeds):
            for variant in self.suite.variants:
                yield variant.name, seed

    @property
    def tokens(self) -> int:
        """Tokens that a run trains on."""
        return self.steps * self.scale.sequences * self.scale.context


def planned(suite: str, scale: str, steps: int | None, seeds: int | None, checkpoint_every: int | None) -> Plan:
    """A plan, what is left out as the scale has it.

    Raises:
        InputError: there is no such suite or scale.
    """
    at = scale_named(scale)
    return Plan(
        suite_named(suite, at), at, steps or at.steps, seeds or at.seeds, checkpoint_every or at.checkpoint_every
    )


def manifest(plan: Plan, corpus: Corpus) -> dict[str, Any]:
    """The plan and the text as data; `made_with` is for information."""
    import platform
    from importlib.metadata import version

    return {
        "form": FORM,
        "suite": plan.suite.name,
        "scale": plan.scale.name,
        "steps": plan.steps,
        "seeds": plan.seeds,
        "checkpoint_every": plan.checkpoint_every,
        "corpus": corpus.about,
        "made_with": {
            "parity": version("moe-parity"),
            "numpy": version("numpy"),
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
    }


def check(folder: Path, plan: Plan, sets: Sequence[TextSet]) -> None:
    """Hold a command against the manifest that is in the folder; seeds may be added, nothing else may change.

    Raises:
        InputError: the folder has the results of another command, or something else.
    """
    path = folder / MANIFEST
    if not path.exists():
        return
    old = read_json(str(path))
    if not isinstance(old, dict):
        raise InputError(
            f"{shown(str(path))} is no manifest: accepted as --out are a new folder and one of an earlier run"
        )
    new = {"suite": plan.suite.name, "scale": plan.scale.name, "steps": plan.steps}
    changed = [
        f"{'--' + name if name != 'suite' else name} was {shown(old.get(name))} and is {shown(value)}"
        for name, value in new.items()
        if old.get(name) != value
    ]
    if type(old.get("seeds")) is not int or old["seeds"] > plan.seeds:
        changed.append(f"--seeds was {shown(old.get('seeds'))} and is {plan.seeds}, which is fewer")
    changed += _changed_text(old.get("corpus"), sets)
    if not changed and old.get("form") != FORM:
        changed.append(f"the form of results was {shown(old.get('form'))} and is {FORM}")
    if changed:
        raise InputError(
            f"{shown(str(folder))} has results of another command: {'; '.join(changed)}. Accepted are the same "
            "command, which goes on, and another folder as --out"
        )


def _changed_text(old: Any, sets: Sequence[TextSet]) -> Iterator[str]:
    try:
        before = {each["name"]: each["digest"] for each in old["sets"]}
    except (KeyError, TypeError):
        before = {}
    after = {each.name: each.digest for each in sets}
    if list(before) != list(after):
        yield f"--text was {', '.join(map(shown, before)) or 'another'} and is {', '.join(map(shown, after))}"
    for name in after:
        if name in before and before[name] != after[name]:
            yield f"the text {shown(name)} has changed"


def keep(folder: Path, plan: Plan, corpus: Corpus) -> None:
    """Write the manifest where there is none, or note that seeds were added.

    Raises:
        InputError: it cannot be written.
    """
    path = folder / MANIFEST
    new = manifest(plan, corpus)
    if path.exists():
        old = read_json(str(path))
        if old["seeds"] == plan.seeds:
            return
        new = {**old, "seeds": plan.seeds}
    write_durably(path, json.dumps(new, indent=1).encode() + b"\n")
