"""What this machine was measured to do, remembered in the user's cache folder."""

import json
import os
import platform
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from parity.errors import InputError
from parity.files import read_json, write_whole

SLOWEST = 1e-3
"""Seconds that no figure reaches; a file that says otherwise was not written here."""


@dataclass(frozen=True)
class Machine:
    """Seconds of the whole machine, all cores at work, BLAS on one thread each, in float32.

    A product of an m x k by a k x n matrix takes the time of its FLOPs, of the numbers of its operands
    and of those of its result.
    """

    per_flop: float
    per_operand_number: float
    per_result_number: float
    per_byte: float
    """Read or written, of arrays larger than a cache."""
    per_number: float
    """One pass of arithmetic over a number that is in a cache, or close."""
    per_exponential: float

    def product_seconds(self, m: float, n: float, k: float) -> float:
        """Seconds of one product of many that run at once; sizes may be averages."""
        return 2 * m * n * k * self.per_flop + (m + n) * k * self.per_operand_number + m * n * self.per_result_number


def identity() -> dict[str, str | int]:
    """What the figures hold for: another processor, number of cores or NumPy is measured again."""
    from importlib.metadata import version  # slow to import

    return {"processor": _processor(), "cores": cores(), "numpy": version("numpy")}


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cache_file() -> Path:
    """Where the figures are remembered: below XDG_CACHE_HOME, which counts only if absolute, or ~/.cache."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path(os.path.expanduser("~")) / ".cache"
    return base / "parity" / "machine.json"


def remembered() -> Machine | None:
    """The figures of this machine, if it has been measured; a file that does not hold them is passed over."""
    try:
        content = read_json(str(cache_file()))
    except InputError:
        return None
    if not isinstance(content, dict) or content.get("machine") != identity():
        return None
    figures = content.get("seconds")
    names = [field.name for field in fields(Machine)]
    if not isinstance(figures, dict) or sorted(figures) != sorted(names):
        return None
    if not all(type(value) is float and 0 <= value < SLOWEST for value in figures.values()) or not figures["per_flop"]:
        return None
    return Machine(**figures)


def remember(machine: Machine) -> None:
    """Write the figures down for later.

    Raises:
        InputError: they cannot be written there.
    """
    path = cache_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent} cannot be made ({error.strerror}): accepted are folders to write to") from None
    content = {"machine": identity(), "seconds": asdict(machine)}
    write_whole(str(path), (json.dumps(content, indent=2) + "\n").encode("utf-8"))


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        model = ""
    return model or platform.processor() or platform.machine()
