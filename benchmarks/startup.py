"""Seconds of a whole `parity solve` process against a bare `import sympy`, which it must not need."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import arguments, median_seconds, show

GOAL = 0.5
"""Of the seconds of `import sympy`, at most."""

SOLVE = "parity solve --heads 3 --topk 3"
SYMPY = "python -c 'import sympy'"
FLOOR = "python -c pass"


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, runs=15)
    python = sys.executable
    parity = Path(python).with_name("parity")  # not resolved: a virtual environment's python is a link
    if not parity.exists():
        sys.exit(f"{parity} does not exist: install parity into the environment of {python}")
    seconds = median_seconds(
        {
            SOLVE: process(str(parity), *SOLVE.split()[1:]),
            SYMPY: process(python, "-c", "import sympy"),
            FLOOR: process(python, "-c", "pass"),
        },
        given.runs,
    )
    ratio = seconds[SOLVE] / seconds[SYMPY]
    show(
        {"runs": given.runs, "seconds": seconds, "ratio": ratio, "goal": GOAL},
        list(seconds.items()),
        f"ratio of the first to the second {ratio:.2f}, goal at most {GOAL}; medians of {given.runs}",
        as_json=given.json,
    )


def process(*command: str) -> Callable[[], object]:
    """An action that runs the command to its end."""
    return lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
