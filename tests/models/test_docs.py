"""The pages of the docs that show numbers show those that are computed now."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_designs_at_parity_are_those_that_the_solver_finds() -> None:
    printed = subprocess.run(
        [sys.executable, ROOT / "scripts/designs-at-parity"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert printed.stdout == (ROOT / "docs/designs-at-parity.md").read_text("utf-8")
