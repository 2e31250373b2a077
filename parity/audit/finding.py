"""What comes out of auditing a claim."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from parity.audit.claim import Claim
from parity.audit.printed import Compared
from parity.design import MoELayer


@dataclass(frozen=True)
class Nearest:
    """A claim's design with another width or number of experts: one that would hold, or else the closest found."""

    design: MoELayer
    convention: str
    """Under which it holds, or is the closest."""
    changed: Mapping[str, tuple[int, int]]
    """The fields that differ from the claim's design: what they are there, and here."""
    off_by: Mapping[str, Fraction]
    """What stays of the error in each claimed quantity; all zero where it holds."""

    @property
    def holds(self) -> bool:
        """Whether the claim holds of it."""
        return not any(self.off_by.values())


@dataclass(frozen=True)
class Finding:
    """A claim, the verdict on it, why, and what was computed."""

    claim: Claim
    verdict: str
    reason: str
    computed: Mapping[str, Any] | str | None = None
    """Ratios under each convention or an expression; None where it cannot be computed."""
    missing: tuple[str, ...] = ()
    """What is not given and is needed, where it cannot be computed."""
    off_by: Mapping[str, Mapping[str, Fraction]] | str | None = None
    """Where it is off: by convention, the error in each claimed quantity; of an equation, computed less printed."""
    nearest: Nearest | None = None
    printed: tuple[Compared, ...] = ()
    """The figures that the paper shows, beside what is computed."""
