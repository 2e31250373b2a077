"""Configs with something wrong with them."""

from collections.abc import Mapping
from random import Random
from typing import Any

LARGE = (2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 10**400, 10**5000)
SMALL = (-1, 0, 1, 2, 3, 5, 16, 64)
WRONG: tuple[Any, ...] = (
    True,
    False,
    "",
    "auto",
    "3",
    0.5,
    3.0,
    1e300,
    float("nan"),
    float("inf"),
    [],
    [1],
    [[]],
    {},
    {"a": 1},
)


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


HUGE: tuple[Any, ...] = (
    deep(50),
    deep(20_000),
    [10**5000],
    {"a": deep(20_000)},
    [0] * 100_000,
    "x" * 100_000,
    "\x1b[2J\ud800",
)


def mutated(
    config: Mapping[str, Any], others: Mapping[str, Any], random: Random, *, huge: bool = True
) -> dict[str, Any]:
    """The config with up to three fields dropped, changed, swapped, renamed, or taken over from another config.

    Without `huge` no number is larger than 64, so that what is described could be built.
    """
    changed = dict(config)
    for _ in range(random.randint(1, 3)):
        sections = [changed]
        for name, value in changed.items():
            if isinstance(value, dict):
                changed[name] = dict(value)
                sections.append(changed[name])
        _change(random.choice(sections), others, random, huge=huge)
    return changed


def _change(fields: dict[str, Any], others: Mapping[str, Any], random: Random, *, huge: bool) -> None:
    names = sorted(fields)
    if not names:
        return
    name, other = random.choice(names), random.choice(names)
    value = fields[name]
    match random.randrange(8):
        case 0:
            del fields[name]
        case 1:
            fields[name] = random.choice(WRONG)
        case 2:
            fields[name] = random.choice((SMALL + LARGE) if huge else SMALL)
        case 3:
            fields[name], fields[other] = fields[other], fields[name]
        case 4:
            fields[random.choice((name.upper(), f"{name}s", f"moe_{name}", name[:-1]))] = fields.pop(name)
        case 5:
            added = random.choice(sorted(others))
            fields[added] = others[added]
        case 6:
            fields[name] = random.choice(HUGE) if huge else None
        case _:
            fields[name] = _slightly(value, random)


def _slightly(value: Any, random: Random) -> Any:
    """Something of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return random.choice((-value, value + 1, value - 1, 2 * value, value // 2))
    if isinstance(value, list) and value:
        at = random.randrange(len(value))
        return random.choice(
            (value[:-1], value + value[-1:], [*value[:at], random.choice(value), *value[at + 1 :]], [])
        )
    return None
