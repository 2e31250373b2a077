"""Sets of integers as people write them: `1,2,4`, `1-16`, or both, `1-4,8,64-128`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from parity.design import LARGEST_INTEGER, shown
from parity.errors import InputError

MOST_SPANS = 10_000
"""The most ranges and single values in one list."""


@dataclass(frozen=True)
class Ranges:
    """A set of integers as growing spans (first, last), both included, no two of which touch; not empty."""

    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, name: str, given: "Ranges | int | str | Iterable[int]", least: int = 1) -> "Ranges":
        """The set that `given` means; overlaps are merged.

        Raises:
            InputError: it is empty, reversed, not integers, below `least`, above 2^63 - 1, or of more than `MOST_SPANS`
                values and ranges.
        """
        if isinstance(given, Ranges):
            return given
        if isinstance(given, str):
            spans = [_span(name, item.strip(), given, least) for item in given.split(",", MOST_SPANS)]
        elif isinstance(given, range) and given.step == 1:
            spans = [(given[0], given[-1])] if given else []
        else:
            several = islice(given, MOST_SPANS + 1) if isinstance(given, Iterable) else [given]
            spans = [(value, value) for value in several]
        for value in (end for span in spans for end in span):
            if type(value) is not int or not least <= value <= LARGEST_INTEGER:
                raise InputError(f"{name}={shown(value)}: accepted are integers from {least} to {LARGEST_INTEGER}")
        if not 0 < len(spans) <= MOST_SPANS:
            what = "is empty" if not spans else f"has more than {MOST_SPANS} values"
            raise InputError(f"{name} {what}: accepted are lists such as 1,2,4 and ranges such as 1-16")
        return cls(_merged(spans))

    @property
    def lowest(self) -> int:
        """The least of them."""
        return self.spans[0][0]

    @property
    def highest(self) -> int:
        """The greatest of them."""
        return self.spans[-1][1]

    @property
    def size(self) -> int:
        """How many there are."""
        return sum(last - first + 1 for first, last in self.spans)

    def up_to(self, highest: int) -> "Ranges | None":
        """Those of at most `highest`; None if there are none."""
        spans = tuple((first, min(last, highest)) for first, last in self.spans if first <= highest)
        return Ranges(spans) if spans else None

    def __contains__(self, value: int) -> bool:
        return any(first <= value <= last for first, last in self.spans)

    def __iter__(self) -> Iterator[int]:
        return (value for first, last in self.spans for value in range(first, last + 1))

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.spans)


def _span(name: str, item: str, whole: str, least: int) -> tuple[int, int]:
    first, dash, last = (part.strip() for part in item.partition("-"))
    ends = [first, last] if dash else [first]
    if not all(end.isascii() and end.isdigit() and len(end) <= 40 for end in ends):
        raise InputError(
            f"{name}={shown(whole)}: accepted are integers of at least {least}, lists such as 1,2,4 "
            "and ranges such as 1-16"
        )
    if int(ends[0]) > int(ends[-1]):
        raise InputError(f"{name}={shown(item)} is reversed: accepted are ranges such as {last}-{first}")
    return int(ends[0]), int(ends[-1])


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(last, merged[-1][1])
        else:
            merged.append((first, last))
    return tuple(merged)
