"""The verdict on a claim. It comes out of the computation, never from the claim's name."""

from dataclasses import replace

from parity.audit.claim import Claim
from parity.audit.designs import judge_designs
from parity.audit.equation import judge_equation
from parity.audit.finding import Finding
from parity.audit.printed import sentences
from parity.errors import InputError


def audit(claims: list[Claim]) -> list[Finding]:
    """Judge each claim.

    Raises:
        InputError: a claim holds what is no expression, or designs that cannot exist.
    """
    return [_judged(claim) for claim in claims]


def _judged(claim: Claim) -> Finding:
    try:
        found = judge_equation(claim, claim.equation) if claim.equation else judge_designs(claim)
    except InputError as error:
        raise InputError(f"claim {claim.id}: {error}") from None
    note = "Inferred, not printed in the paper. " if claim.inferred else ""
    figures = "".join(f" {sentence}." for sentence in sentences(claim, found.printed))
    return replace(found, reason=note + found.reason + figures)
