"""A claim from a certificate that anyone may have written: bounded, of the right types, or refused with the reason."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any

from parity.certificate.canonical import canonical
from parity.certificate.claim import FORM, Claim
from parity.constraints import PROFILES, Constraints
from parity.conventions import CONVENTIONS
from parity.design import LARGEST_INTEGER, REQUIRED, MoELayer, check_given, shown
from parity.errors import InputError
from parity.files import parse_json

LARGEST_CERTIFICATE = 1 << 16
"""Bytes; those that parity writes take a tenth of it."""

DEEPEST = 8
"""How deep objects and lists may be nested in one another."""

_FRACTION = re.compile(r"[0-9]{1,60}(/[1-9][0-9]{0,59})?", re.ASCII)

Path = tuple[str, ...]

_PARTS = ("form", "baseline", "design", "convention", "search", "execution", "costs", "optimality", "digest")
"""Of a certificate; one that lacks most of them is none."""


def parse(data: bytes) -> dict[str, Any]:
    """The content of a certificate.

    Raises:
        InputError: it is too large or too deep, or not a JSON object.
    """
    if len(data) > LARGEST_CERTIFICATE:
        raise InputError(f"the certificate has {len(data):,} bytes or more: accepted are up to {LARGEST_CERTIFICATE:,}")
    content = parse_json("the certificate", data)
    if type(content) is not dict:
        raise InputError(f"the certificate is {shown(content)}: accepted is what `parity certify` wrote, a JSON object")
    lacking = [name for name in _PARTS if name not in content]
    if len(lacking) > len(_PARTS) // 2:
        raise InputError(
            f"the file is no certificate, as it lacks {', '.join(lacking)}: accepted is what `parity certify` wrote"
        )
    if _deeper(content, DEEPEST):
        raise InputError(f"the certificate is nested deeper than {DEEPEST}: accepted is what `parity certify` wrote")
    try:
        canonical(content)
    except ValueError as error:
        raise InputError(f"the certificate is not JSON ({error}): accepted is what `parity certify` wrote") from None
    return content


def _deeper(content: Any, levels: int) -> bool:
    parts = content.values() if isinstance(content, dict) else content if isinstance(content, list) else None
    return parts is not None and (levels == 0 or any(_deeper(part, levels - 1) for part in parts))


def read_claim(certificate: Mapping[str, Any]) -> tuple[Claim | None, dict[Path, str]]:
    """The claim of a certificate, or for each part of it that cannot be one, where it is and why."""
    read: dict[str, Any] = {}
    wrong: dict[Path, str] = {}
    for path, reader in _READERS.items():
        try:
            read[path[-1]] = reader(path[-1], _at(certificate, path))
        except InputError as error:
            wrong[path] = str(error)
    if wrong:
        return None, wrong
    del read["form"]
    return Claim(**read), {}


def _at(content: Any, path: Path) -> Any:
    for name in path:
        if type(content) is not dict or name not in content:
            raise InputError(f"there is no {name}")
        content = content[name]
    return content


def _layer(name: str, value: Any) -> MoELayer:
    fields_given = _object(name, value)
    for field, given in fields_given.items():
        check_given(field, given)
    missing = [field for field in REQUIRED if field not in fields_given]
    if missing:
        raise InputError(f"{name} lacks {', '.join(missing)}: required are {', '.join(REQUIRED)}")
    return MoELayer(**fields_given)


def _constraints(name: str, value: Any) -> Constraints:
    given = dict(_object(name, value))
    accepted = [field.name for field in fields(Constraints)]
    for field, number in given.items():
        if field not in accepted:
            raise InputError(f"{shown(field)} is not a constraint: accepted are {', '.join(accepted)}")
        if field == "profile":
            _among(*PROFILES)(field, number)
        elif field == "tolerance":
            given[field] = _fraction(field, number)
        elif field != "max_experts" or number is not None:
            _count(field, number)
    return Constraints(**given)


def _fraction(name: str, value: Any) -> Fraction | None:
    if value is None:
        return None
    if type(value) is str and _FRACTION.fullmatch(value):
        return Fraction(value)
    raise InputError(f"{name}={shown(value)}: accepted are fractions of at least 0 such as '1/40', and null")


def _object(name: str, value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise InputError(f"{name}={shown(value)}: accepted is an object")
    return value


def _count(name: str, value: Any) -> int:
    if type(value) is not int or not 1 <= value <= LARGEST_INTEGER:
        raise InputError(f"{name}={shown(value)}: accepted are integers from 1 to {LARGEST_INTEGER}")
    return value


def _count_or_none(name: str, value: Any) -> int | None:
    return None if value is None else _count(name, value)


def _among(*accepted: str | int | None) -> Callable[[str, Any], Any]:
    def read(name: str, value: Any) -> Any:
        for one in accepted:
            if type(value) is type(one) and value == one:
                return value
        raise InputError(f"{name}={shown(value)}: accepted are {', '.join(map(shown, accepted))}")

    return read


_READERS: Mapping[Path, Callable[[str, Any], Any]] = {
    ("form",): _among(FORM),
    ("baseline",): _layer,
    ("design",): _layer,
    ("convention",): _among(*CONVENTIONS),
    ("search", "prefer"): _among("flops", "balanced"),
    ("search", "fixed"): _among(None, "d_expert", "num_experts"),
    ("search", "constraints"): _constraints,
    ("execution", "tokens"): _count,
    ("execution", "scale_down"): _count_or_none,
}
"""What is read, where it is, and how."""
