"""Claims as they are written down: two designs said to be equal, or a printed equation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.resources import as_file, files
from typing import Any

from parity.audit.counted import COUNTED
from parity.conventions import CONVENTIONS
from parity.design import FIELDS, LARGEST_INTEGER, LEAST, check_given, printable, shown
from parity.errors import InputError
from parity.files import read_json

QUANTITIES = ("flops", "params", "active_params", "flops at most")
"""What two designs may be said to be equal in; the last one claims no more than the baseline's."""

EQUATED = ("flops_per_token", "params", "d_expert", "num_experts")
"""What a printed equation may give."""

MOST_CLAIMS = 1000
"""Claims in one file."""

MOST_FIGURES, LONGEST_FIGURE = 20, 60
"""Printed figures of one claim, and characters of one."""

LONGEST_ID, LONGEST_WORDS = 100, 1000
"""Characters of a claim's name, and of what is said about it."""


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
    printed: Mapping[str, str] = field(default_factory=dict)
    """Figures as the paper shows them: one of both designs, or the baseline's `and` the design's."""
    moe_layers: int | None = None
    """How many such layers the figures count."""
    printed_counts: str | Mapping[str, str] = ""
    """What they count: a name of `COUNTED` for each, or in words why that cannot be computed of a layer."""


def builtin_claims() -> list[Claim]:
    """The claims that come with parity."""
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
    if len(content) > MOST_CLAIMS:
        raise InputError(f"{shown(path)} holds {len(content):,} claims: accepted are at most {MOST_CLAIMS:,}")
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
    if len(entry["id"]) > LONGEST_ID:
        raise InputError(f"{where} has the id {shown(entry['id'])}: accepted are at most {LONGEST_ID} characters")
    where = f"claim {shown(entry['id'])}"
    if entry.get("scope", "layer") != "layer":
        raise InputError(f"{where}, scope={shown(entry['scope'])}: accepted is layer")
    equation = _equation(entry["equation"], where) if "equation" in entry else None
    symbolic = equation is not None
    claims = _words(entry.get("claims", []), QUANTITIES, f"{where}, claims")
    if not symbolic and not claims:
        raise InputError(f"{where} claims nothing: accepted are claims of {', '.join(QUANTITIES)}, or an equation")
    return Claim(
        id=printable(entry["id"]),
        paper=_text(entry, "paper", where),
        arxiv=_text(entry, "arxiv", where),
        where=_text(entry, "where", where),
        in_words=_text(entry, "in_words", where),
        baseline=_fields(entry.get("baseline", {}), symbolic, f"{where}, baseline"),
        design=_fields(entry.get("design", {}), symbolic, f"{where}, design"),
        claims=claims,
        capacity_factors=tuple(_factor(text, where) for text in _list(entry.get("capacity_factors", []), where)),
        equation=equation,
        inferred=entry.get("inferred") is True,
        printed=_printed(entry.get("printed", {}), where),
        moe_layers=_layers(entry.get("moe_layers"), where),
        printed_counts=_printed_counts(entry.get("printed_counts", ""), where),
    )


def _text(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry.get(name) or ""
    if not isinstance(value, str) or len(value) > LONGEST_WORDS:
        raise InputError(f"{where}, {name}={shown(value)}: accepted is text of at most {LONGEST_WORDS} characters")
    return printable(value)


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


def _printed(entry: Any, where: str) -> dict[str, str]:
    if not isinstance(entry, dict) or len(entry) > MOST_FIGURES:
        raise InputError(f"{where}, printed={shown(entry)}: accepted are at most {MOST_FIGURES} figures by name")
    for name, text in entry.items():
        if not isinstance(text, str) or max(len(name), len(text)) > LONGEST_FIGURE:
            raise InputError(
                f"{where}, printed {shown(name)}={shown(text)}: accepted is what the paper shows, as text of at most "
                f"{LONGEST_FIGURE} characters"
            )
    return {printable(name): printable(text) for name, text in entry.items()}


def _layers(value: Any, where: str) -> int | None:
    if value is not None and (type(value) is not int or not 1 <= value <= LARGEST_INTEGER):
        raise InputError(f"{where}, moe_layers={shown(value)}: accepted are integers from 1 to {LARGEST_INTEGER}")
    return value


def _printed_counts(entry: Any, where: str) -> str | dict[str, str]:
    if isinstance(entry, str):
        return _text({"printed_counts": entry}, "printed_counts", where)
    if isinstance(entry, dict) and all(isinstance(word, str) and word in COUNTED for word in entry.values()):
        return {printable(name): word for name, word in entry.items()}
    raise InputError(
        f"{where}, printed_counts={shown(entry)}: accepted is one of {', '.join(COUNTED)} for each figure, or words"
    )


def _words(entry: Any, accepted: Sequence[str], where: str) -> tuple[str, ...]:
    for word in _list(entry, where):
        if word not in accepted:
            raise InputError(f"{where}: {shown(word)!r} is not known; accepted are {', '.join(accepted)}")
    return tuple(dict.fromkeys(entry))


def _list(entry: Any, where: str) -> list[Any]:
    if not isinstance(entry, list):
        raise InputError(f"{where}: {shown(entry)} is not a list; accepted are lists")
    return entry


def _factor(text: Any, where: str) -> Fraction:
    digits = text if isinstance(text, str) else str(text)
    if len(digits) < 20 and digits.replace(".", "", 1).isdigit() and digits.isascii():
        return Fraction(digits)
    raise InputError(f"{where}: capacity factor {shown(text)}; accepted are decimal numbers, such as '1.25'")
