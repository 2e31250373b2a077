"""Claims as they are written down: two designs said to be equal, or a printed equation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib.resources import as_file, files
from typing import Any

from parity.conventions import CONVENTIONS
from parity.design import FIELDS, LEAST, check_given, printable, shown
from parity.errors import InputError
from parity.files import read_json

QUANTITIES = ("flops", "params", "active_params", "flops at most")
"""What two designs may be said to be equal in; the last one claims no more than the baseline's."""

EQUATED = ("flops_per_token", "params", "d_expert", "num_experts")
"""What a printed equation may give."""


@dataclass(frozen=True)
class Equation:
    """A printed expression for a quantity under a convention."""

    quantity: str
    convention: str
    printed: str


@dataclass(frozen=True)
class Claim:
    """One claim, checked for its form; fields that the paper does not give are missing."""

    id: str
    paper: str
    arxiv: str
    where: str
    in_words: str
    baseline: Mapping[str, Any]
    design: Mapping[str, Any]
    claims: tuple[str, ...] = ()
    capacity_factors: tuple[Fraction, ...] = ()
    equation: Equation | None = None
    inferred: bool = False
    """Whether the paper does not print it, and it was worked out from what it prints."""


def builtin_claims() -> list[Claim]:
    """The claims of and about MH-MoE that come with parity."""
    with as_file(files("parity") / "data" / "claims.json") as path:
        return read_claims(str(path))


def read_claims(path: str) -> list[Claim]:
    """The claims in a JSON file.

    Raises:
        InputError: the file cannot be read, or a claim in it is not in the form of a claim.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise InputError(f"{shown(path)} holds no list: accepted is a list of claims")
    claims = [_claim(entry, f"claim {number} of {shown(path)}") for number, entry in enumerate(content, 1)]
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise InputError(f"{shown(path)} has two claims with the id {shown(claim.id)}: accepted is each id once")
        seen.add(claim.id)
    return claims


def missing_fields(whose: str, given: Mapping[str, Any], required: Sequence[str]) -> list[str]:
    """What of the required fields is not given, in words; a shared expert's width is required where there is one."""
    needed = [*required, "d_shared"] if given.get("num_shared_experts", 0) != 0 else required
    lacking = [name for name in needed if name not in given]
    return [f"{whose} lacks {', '.join(lacking)}"] if lacking else []


def _claim(entry: Any, where: str) -> Claim:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise InputError(f"{where} is {shown(entry)}: accepted are objects with an id")
    where = f"claim {shown(entry['id'])}"
    equation = _equation(entry["equation"], where) if "equation" in entry else None
    symbolic = equation is not None
    claims = _words(entry.get("claims", []), QUANTITIES, f"{where}, claims")
    if not symbolic and not claims:
        raise InputError(f"{where} claims nothing: accepted are claims of {', '.join(QUANTITIES)}, or an equation")
    return Claim(
        id=printable(entry["id"]),
        paper=printable(str(entry.get("paper", ""))),
        arxiv=printable(str(entry.get("arxiv", ""))),
        where=printable(str(entry.get("where", ""))),
        in_words=printable(str(entry.get("in_words", ""))),
        baseline=_fields(entry.get("baseline", {}), symbolic, f"{where}, baseline"),
        design=_fields(entry.get("design", {}), symbolic, f"{where}, design"),
        claims=claims,
        capacity_factors=tuple(_factor(text, where) for text in _list(entry.get("capacity_factors", []), where)),
        equation=equation,
        inferred=entry.get("inferred") is True,
    )


def _equation(entry: Any, where: str) -> Equation:
    if not isinstance(entry, dict) or not all(
        isinstance(entry.get(f), str) for f in ("quantity", "convention", "printed")
    ):
        raise InputError(f"{where}, equation={shown(entry)}: accepted are a quantity, a convention and what is printed")
    _words([entry["quantity"]], EQUATED, f"{where}, quantity")
    _words([entry["convention"]], tuple(CONVENTIONS), f"{where}, convention")
    return Equation(entry["quantity"], entry["convention"], entry["printed"])


def _fields(entry: Any, symbolic: bool, where: str) -> dict[str, Any]:
    """Fields of a design; in an equation's, integers may be expressions in symbols."""
    if not isinstance(entry, dict):
        raise InputError(f"{where}={shown(entry)}: accepted are the fields of a design")
    for name, value in entry.items():
        if name not in FIELDS or not (symbolic and name in LEAST and isinstance(value, str)):
            try:
                check_given(name, value)
            except InputError as error:
                raise InputError(f"{where}: {error}") from None
    return dict(entry)


def _words(entry: Any, accepted: Sequence[str], where: str) -> tuple[str, ...]:
    for word in _list(entry, where):
        if word not in accepted:
            raise InputError(f"{where}: {shown(word)!r} is not known; accepted are {', '.join(accepted)}")
    return tuple(entry)


def _list(entry: Any, where: str) -> list[Any]:
    if not isinstance(entry, list):
        raise InputError(f"{where}: {shown(entry)} is not a list; accepted are lists")
    return entry


def _factor(text: Any, where: str) -> Fraction:
    digits = text if isinstance(text, str) else str(text)
    if len(digits) < 20 and digits.replace(".", "", 1).isdigit() and digits.isascii():
        return Fraction(digits)
    raise InputError(f"{where}: capacity factor {shown(text)}; accepted are decimal numbers, such as '1.25'")
