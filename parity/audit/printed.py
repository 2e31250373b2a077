"""Figures that a paper shows, beside what is computed, at the precision in which they are printed."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import floor

from parity.audit.claim import Claim
from parity.audit.counted import COUNTED
from parity.cost import cost
from parity.design import MoELayer
from parity.text import counted, integer

COMPARED_UNDER = ("paper", "matmul")

_FIGURE = re.compile(
    r"(?P<digits>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.(?P<decimals>[0-9]+))?"
    r"(?P<tail> ?(?:(?P<suffix>[kKMGBT])|e(?P<power>[0-9]{1,2}))?)"
)
_POWERS = {"k": 3, "K": 3, "M": 6, "G": 9, "B": 9, "T": 12}


@dataclass(frozen=True)
class Figure:
    """A number as printed: so many units of its last digit."""

    text: str
    units: int
    unit: Fraction
    decimals: int
    tail: str
    """What stands after the digits, such as `B`."""

    def is_exactly(self, count: int) -> bool:
        """Whether the count is the figure with nothing rounded."""
        return count == self.units * self.unit

    def rounded_from(self, count: int) -> bool:
        """Whether the count, rounded to the last digit, is the figure; halfway between two figures it is both."""
        return 2 * abs(count - self.units * self.unit) <= self.unit

    def truncated_from(self, count: int) -> bool:
        """Whether the count is the figure once the digits after the last are dropped."""
        return floor(count / self.unit) == self.units

    def like_this(self, count: int) -> str:
        """The count as it would be printed to this figure's last digit, halves up."""
        whole, part = divmod(floor(count / self.unit + Fraction(1, 2)), 10**self.decimals)
        digits = integer(whole) if "," in self.text else str(whole)
        return f"{digits}.{part:0{self.decimals}d}{self.tail}" if self.decimals else f"{digits}{self.tail}"


@dataclass(frozen=True)
class Compared:
    """One printed figure for one side of a claim under a convention, or why it cannot be compared."""

    name: str
    printed: str
    why_not: str = ""
    side: str = ""
    convention: str = ""
    computed: int | None = None
    exact: bool = False
    rounded: bool = False
    """Whether the figure is the computed count, rounded."""
    truncated: bool = False
    """Whether the figure is the computed count, truncated."""
    would_be: str = ""
    """The computed count, rounded as the figure is."""


def figure(text: str) -> Figure | None:
    """The figure that the text is, such as `14.3B` or `4,096`; None if it is something else."""
    found = _FIGURE.fullmatch(text)
    if not found:
        return None
    decimals = found["decimals"] or ""
    power = int(found["power"]) if found["power"] else _POWERS.get(found["suffix"], 0)
    units = int(found["digits"].replace(",", "") + decimals)
    return Figure(text, units, Fraction(10) ** (power - len(decimals)), len(decimals), found["tail"])


def compare(claim: Claim, baseline: MoELayer | None, design: MoELayer | None) -> tuple[Compared, ...]:
    """Every printed figure against both designs, which are None where the claim does not give them whole."""
    return tuple(
        entry for name, text in claim.printed.items() for entry in _compared(claim, name, text, baseline, design)
    )


@dataclass(frozen=True)
class Group:
    """Comparisons of one printed figure that came to the same."""

    first: Compared
    sides: tuple[str, ...]
    conventions: tuple[str, ...]


def grouped(entries: tuple[Compared, ...]) -> list[Group]:
    """The comparisons with equal results together, in their order."""
    groups: dict[tuple[str, str, int | None], list[Compared]] = {}
    for entry in entries:
        groups.setdefault((entry.name, entry.printed, entry.computed), []).append(entry)
    return [
        Group(
            group[0],
            tuple(dict.fromkeys(entry.side for entry in group)),
            tuple(dict.fromkeys(entry.convention for entry in group)),
        )
        for group in groups.values()
    ]


def sentences(claim: Claim, entries: tuple[Compared, ...]) -> Iterator[str]:
    """What the comparison shows, equal results said once."""
    for group in grouped(entries):
        first = group.first
        if first.computed is None:
            yield f"The printed {first.name}, {first.printed}, is not compared: {first.why_not}"
            continue
        sides = " and ".join(f"the {side}'s" for side in group.sides)
        conventions = " and ".join(group.conventions)
        layers = f" in {counted(claim.moe_layers, 'MoE layer')}" if claim.moe_layers else ""
        yield (
            f"The printed {first.name}, {first.printed}, {outcome(first)}: {sides} come to {integer(first.computed)}"
            f"{layers} under {conventions}"
        )


def outcome(entry: Compared) -> str:
    """What the comparison of a figure came to, in words that follow its name."""
    if entry.exact:
        return "is exact"
    if entry.rounded:
        return "is right when rounded" + (", and when truncated" if entry.truncated else "")
    if entry.truncated:
        return f"is right only when truncated, and {entry.would_be} when rounded"
    return f"is not right, and would be {entry.would_be}"


def _compared(
    claim: Claim, name: str, text: str, baseline: MoELayer | None, design: MoELayer | None
) -> Iterator[Compared]:
    counts = name if claim.moe_layers else ""
    if isinstance(claim.printed_counts, Mapping):
        counts = claim.printed_counts.get(name, counts)
    if baseline is None or design is None:
        yield Compared(name, text, "the claim does not give two designs whole")
    elif counts not in COUNTED:
        said = claim.printed_counts if isinstance(claim.printed_counts, str) else ""
        yield Compared(name, text, said or "the claim does not say what of the layers it counts")
    elif not (shown := _figures(text)):
        yield Compared(name, text, "accepted are one number or two, such as 14.3B and 14.4B")
    else:
        for side, layer, one in zip(("baseline", "design"), (baseline, design), shown, strict=True):
            for convention in COMPARED_UNDER:
                count = (claim.moe_layers or 1) * COUNTED[counts](cost(layer, convention))
                yield _against(one, count, name, side, convention)


def _figures(text: str) -> list[Figure]:
    """The baseline's figure and the design's, which may be one for both; empty if the text is something else."""
    texts = text.split(" and ")
    found = [figure(part) for part in (texts * 2 if len(texts) == 1 else texts)]
    return [one for one in found if one] if len(found) == 2 and all(found) else []


def _against(shown: Figure, count: int, name: str, side: str, convention: str) -> Compared:
    return Compared(
        name,
        shown.text,
        side=side,
        convention=convention,
        computed=count,
        exact=shown.is_exactly(count),
        rounded=shown.rounded_from(count),
        truncated=shown.truncated_from(count),
        would_be=shown.like_this(count),
    )
