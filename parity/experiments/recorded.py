"""The runs that ship with parity, and how they were made: an archive for each suite, the files as a run leaves them."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO
from zipfile import ZipFile

from parity.experiments.results import Results, results_of
from parity.experiments.suites import SUITES

RECORD = "record.json"
"""Of the files in an archive the one that says how the others were made."""


@dataclass(frozen=True)
class Recorded:
    """Runs, and how to repeat them."""

    results: Results
    commit: str
    """Of parity, that trained them."""
    command: str
    notes: tuple[str, ...]


def recorded_suites() -> list[str]:
    """Suites of which runs are recorded."""
    return [name for name in SUITES if _archive(name).is_file()]


@cache
def recorded(suite: str) -> Recorded:
    """The recorded runs of a suite.

    Raises:
        FileNotFoundError: none are; `recorded_suites` says of which there are.
    """
    with ZipFile(BytesIO(_archive(suite).read_bytes())) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    about = json.loads(content[RECORD])
    return Recorded(results_of(content), about["commit"], about["command"], tuple(about["notes"]))


def _archive(suite: str) -> Traversable:
    return files("parity").joinpath(f"data/recorded/{suite}.zip")
