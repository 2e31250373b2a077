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
    """The accelerator of that name, in upper or lower case.

    Raises:
        InputError: there is none.
    """
    for known, accelerator in accelerators().items():
        if known.lower() == name.lower():
            return accelerator
    raise InputError(f"accelerator={shown(name)}: accepted are {', '.join(accelerators())}")
