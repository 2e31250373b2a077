"""The verdict on a claim. It comes out of the computation, never from the claim's name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parity.audit.claim import Claim
from parity.audit.designs import judge_designs
from parity.audit.equation import judge_equation
from parity.errors import InputError


@dataclass(frozen=True)
class Finding:
    """A claim, the verdict on it, why, and what was computed (null where it cannot be)."""

    claim: Claim
    verdict: str
    reason: str
    computed: Mapping[str, Any] | str | None


def audit(claims: list[Claim]) -> list[Finding]:
    """Judge each claim.

    Raises:
        InputError: a claim holds what is no expression, or designs that cannot exist.
    """
    return [_judged(claim) for claim in claims]


def _judged(claim: Claim) -> Finding:
    try:
        verdict, reason, computed = judge_equation(claim, claim.equation) if claim.equation else judge_designs(claim)
    except InputError as error:
        raise InputError(f"claim {claim.id}: {error}") from None
    note = "Inferred, not printed in the paper. " if claim.inferred else ""
    return Finding(claim, verdict, note + reason, computed)
