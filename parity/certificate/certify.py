"""All that follows from a claim, and the certificate that says it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from platform import python_version
from time import perf_counter
from typing import Any

from parity.certificate.canonical import digest
from parity.certificate.claim import Claim
from parity.certificate.execution import executed, gradient_error
from parity.certificate.optimality import Optimality, optimality
from parity.certificate.reading import read_claim
from parity.conventions import CONVENTIONS
from parity.cost import cost
from parity.errors import InputError


@dataclass(frozen=True)
class Derived:
    """A claim and what follows from it."""

    claim: Claim
    optimality: Optimality
    execution: dict[str, Any] | None

    def data(self) -> dict[str, Any]:
        """A certificate without its `informative` and `digest`."""
        return {
            **self.claim.asked(),
            "statement": self.claim.statement(),
            "costs": {name: _costs(self.claim, name) for name in CONVENTIONS},
            "optimality": self.optimality.data(),
            "executed": self.execution,
        }


def certify(claim: Claim, *, seed: int = 0, names: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The certificate of a claim: what `check_bytes` accepts, as `canonical` writes it.

    `names` are what baseline and design are called, and only told; `seed` is that of parameters and tokens.

    Raises:
        InputError: the claim is of what cannot be searched or executed, or beyond what a certificate may hold.
    """
    _, wrong = read_claim(claim.asked())
    if wrong:
        raise InputError("; ".join(wrong.values()))
    start = perf_counter()
    derived = Derived(claim, optimality(claim), executed(claim, seed))
    milliseconds = int(1000 * (perf_counter() - start))
    content = {**derived.data(), "informative": _informative(derived, seed, milliseconds, names or {})}
    return {**content, "digest": digest(content)}


def _costs(claim: Claim, convention: str) -> dict[str, Any]:
    baseline, design = (cost(layer, convention).totals() for layer in (claim.baseline, claim.design))
    error = {name: str(Fraction(design[name] - matched, matched)) for name, matched in baseline.items()}
    return {"baseline": baseline, "design": design, "error": error}


def _informative(derived: Derived, seed: int, milliseconds: int, names: Mapping[str, str]) -> dict[str, Any]:
    """What depends on machine and moment. Without floats, so that other languages find the same digest."""
    from importlib.metadata import version  # slow to import

    gradients = gradient_error(derived.claim, seed)
    return {
        "names": dict(names),
        "versions": {"parity": version("moe-parity"), "python": python_version(), "numpy": version("numpy")},
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "milliseconds": milliseconds,
        "seed": seed,
        "gradients": gradients and {"scale_down": gradients[0], "largest_relative_error": f"{gradients[1]:.1e}"},
        "argument": derived.optimality.argument(),
    }
