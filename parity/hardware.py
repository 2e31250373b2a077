"""Accelerators as their data sheets describe them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from parity.design import shown
from parity.errors import InputError


@dataclass(frozen=True)
class Accelerator:
    """Peak figures of one device: what no program exceeds."""

    name: str
    flops_per_second: Mapping[str, int]
    """Dense, by arithmetic; what the data sheet does not name is absent."""
    memory_bytes_per_second: int
    memory_bytes: int
    interconnect_bytes_per_second: int
    """To other devices of its kind, in each direction."""
    source: str


@cache
def accelerators() -> Mapping[str, Accelerator]:
    """Every accelerator by name."""
    data = json.loads(files("parity").joinpath("data/accelerators.json").read_text("utf-8"))
    return {entry["name"]: Accelerator(**entry) for entry in data}


def accelerator_named(name: str) -> Accelerator:
    """The accelerator of that name, in upper or lower case, or the only one whose name begins so.

    Raises:
        InputError: there is none, or there are several.
    """
    word = name.lower()
    known = {named.lower(): accelerator for named, accelerator in accelerators().items()}
    chosen = [known[word]] if word in known else [known[named] for named in known if word and named.startswith(word)]
    if len(chosen) == 1:
        return chosen[0]
    raise InputError(f"accelerator={shown(name)}: accepted are {', '.join(accelerators())}")
