"""A certificate from anyone, held against what follows from its claim. No number in it is believed, and no digest."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from parity.certificate.canonical import digest
from parity.certificate.certify import Derived
from parity.certificate.execution import executed
from parity.certificate.optimality import optimality
from parity.certificate.reading import Path, parse, read_claim
from parity.errors import InputError

NOT_CHECKED = "informative"


@dataclass(frozen=True)
class Difference:
    """A part of a certificate that is not what it should be."""

    path: str
    """Where: names and places in lists, with dots between them."""
    stored: Any
    recomputed: Any
    reason: str
    """`differs`, `missing`, `unknown`, or what is wrong with a part of the claim."""


@dataclass(frozen=True)
class Checked:
    """What a check came to."""

    differences: tuple[Difference, ...]
    derived: Derived | None
    """What follows from the claim; None where that cannot be found."""
    digest: str
    """Of what the certificate holds."""

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not self.differences


def check_bytes(data: bytes) -> Checked:
    """Derive everything again from the two designs and what is asked about them, and name each part that differs.

    Reads no file, takes seconds, and less than 500 MB.

    Raises:
        InputError: the bytes are not a JSON object of the size of a certificate.
    """
    certificate = parse(data)
    found = digest(certificate)
    claim, wrong = read_claim(certificate)
    derived = None
    if claim is not None:
        try:
            execution = executed(claim)
        except InputError as error:
            wrong[("execution",)] = str(error)
            execution = certificate.get("executed")  # there is nothing to hold it against
        derived = Derived(claim, optimality(claim), execution)
    differences = [_wrong(certificate, path, reason) for path, reason in wrong.items()]
    if derived is not None:
        expected = {**derived.data(), NOT_CHECKED: certificate.get(NOT_CHECKED), "digest": found}
        differences += _compared("", certificate, expected)
    elif certificate.get("digest") != found:
        differences.append(Difference("digest", certificate.get("digest"), found, "differs"))
    if type(certificate.get(NOT_CHECKED)) is not dict:
        differences.append(Difference(NOT_CHECKED, certificate.get(NOT_CHECKED), None, "accepted is an object"))
    return Checked(tuple(differences), derived, found)


def _wrong(certificate: Mapping[str, Any], path: Path, reason: str) -> Difference:
    stored: Any = certificate
    for name in path:
        stored = stored.get(name) if type(stored) is dict else None
    return Difference(".".join(path), stored, None, reason)


def _compared(path: str, stored: Any, expected: Any) -> Iterator[Difference]:
    """The leaves in which two contents differ. A number is only equal to one of its type: 1 is neither 1.0 nor true."""
    if type(stored) is not type(expected):
        yield Difference(path, stored, expected, "differs")
    elif isinstance(stored, dict):
        for name in sorted({*stored, *expected}):
            within = f"{path}.{name}" if path else name
            if name not in stored:
                yield Difference(within, None, expected[name], "missing")
            elif name not in expected:
                yield Difference(within, stored[name], None, "unknown")
            else:
                yield from _compared(within, stored[name], expected[name])
    elif isinstance(stored, list) and len(stored) == len(expected):
        for place, (one, other) in enumerate(zip(stored, expected, strict=True)):
            yield from _compared(f"{path}.{place}", one, other)
    elif stored != expected:
        yield Difference(path, stored, expected, "differs")
