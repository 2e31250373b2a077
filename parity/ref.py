"""Design references: a built-in name, a design file, or fields, from text that may be anything."""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from parity.builtin import BUILTIN
from parity.design import FIELDS, LARGEST_INTEGER, LEAST, REQUIRED, SWITCHES, MoELayer, check_field, check_given, shown
from parity.errors import InputError
from parity.files import read_json


def resolve(ref: str, *, files: bool = True) -> MoELayer:
    """The design that `ref` names; without `files` it cannot be a path, and no file is looked at.

    Raises:
        InputError: it names none; the message shows what is wrong and what would be accepted.
    """
    if ref in BUILTIN:
        return BUILTIN[ref].design
    if "=" in ref and not (files and os.path.isfile(ref)):
        return _from_fields(ref)
    if files and (os.path.lexists(ref) or "/" in ref or ref.endswith(".json")):
        return _from_file(ref)
    near = get_close_matches(ref, BUILTIN, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]}? Accepted" if near else "accepted"
    raise InputError(
        f"{shown(ref)!r} is not a design: {hint} are a built-in name (see `parity models`), "
        f"{'a path to a design file, ' if files else ''}"
        "or fields such as d_model=768,d_expert=2048,num_experts=8,top_k=1"
    )


def reference_to(layer: MoELayer) -> str:
    """Text that `resolve` reads as this layer: its built-in name, or else its fields less those at their defaults."""
    for name, builtin in BUILTIN.items():
        if builtin.design == layer:
            return name
    needed: dict[str, Any] = layer.to_dict()
    for name in FIELDS:
        fewer = {other: value for other, value in needed.items() if other != name}
        if name not in REQUIRED and _is(layer, fewer):
            needed = fewer
    return ",".join(f"{name}={str(value).lower()}" for name, value in needed.items())


def _is(layer: MoELayer, fields: Mapping[str, Any]) -> bool:
    try:
        return MoELayer(**fields) == layer
    except InputError:
        return False


def parse_integer(name: str, text: str, least: int = 1) -> int:
    """An integer in decimal digits, from `least` to 2^63 - 1.

    Raises:
        InputError: `text` is something else.
    """
    if text.isascii() and text.isdigit() and len(text) <= 40 and least <= int(text) <= LARGEST_INTEGER:
        return int(text)
    raise InputError(f"{name}={shown(text)}: accepted are integers from {least} to {LARGEST_INTEGER}")


def parse_percent(name: str, text: str) -> Fraction:
    """A percentage in decimal notation as a share, exactly: `2.5` is 1/40.

    Raises:
        InputError: `text` is something else.
    """
    whole, _, part = text.partition(".")
    if text.isascii() and (whole + part).isdigit() and len(text) <= 40:
        return Fraction(text) / 100
    raise InputError(f"{name}={shown(text)}: accepted are percentages of at least 0, such as 2 or 0.5")


def parse_field(name: str, text: str) -> int | bool | str:
    """The value of a field from its text.

    Raises:
        InputError: the field is unknown or does not take such a value.
    """
    if name in LEAST:
        return parse_integer(name, text, LEAST[name])
    value: bool | str = {"true": True, "false": False}.get(text, text) if name in SWITCHES else text
    check_field(name, value)
    return value


def _from_fields(ref: str) -> MoELayer:
    values: dict[str, Any] = {}
    for item in ref.split(","):
        name, equals, text = (part.strip() for part in item.partition("="))
        if not equals:
            raise InputError(f"{shown(item)!r} in {shown(ref)!r} has no value: accepted are fields as name=value")
        if name in values:
            raise InputError(f"{name} is given twice in {shown(ref)!r}: accepted is each field once")
        values[name] = parse_field(name, text)
    return _layer(values, ref)


def _layer(values: Mapping[str, Any], where: str) -> MoELayer:
    missing = [name for name in REQUIRED if name not in values]
    if missing:
        raise InputError(f"{shown(where)} lacks {', '.join(missing)}: required are {', '.join(REQUIRED)}")
    return MoELayer(**values)


def _from_file(path: str) -> MoELayer:
    content = read_json(path)
    if isinstance(content, dict) and (kind := content.get("model_type", content.get("architectures"))):
        raise InputError(
            f"{shown(path)}: {shown(kind)} is a whole model's configuration; accepted are layer designs, as fields or "
            "in a file that `parity solve` or `parity cost` wrote"
        )
    design = content
    if isinstance(content, dict) and "solutions" in content:
        design = content["solutions"][0] if isinstance(content["solutions"], list) and content["solutions"] else None
    if isinstance(design, dict) and "design" in design:
        design = design["design"]
    if not isinstance(design, dict):
        raise InputError(
            f"{shown(path)} holds no design: accepted are an object with the fields {', '.join(FIELDS)}, and files "
            "that `parity solve` or `parity cost` wrote with --format json"
        )
    try:
        for name, value in design.items():
            check_given(name, value)
        return _layer(design, "the design")
    except InputError as error:
        raise InputError(f"{shown(path)}: {error}") from None
