"""What a command shows: data for programs, tables and notes for people."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from parity.text import decimal, integer, number, percent

WIDTH = 100
"""Columns that a table takes at most, unless its numbers need more."""


@dataclass(frozen=True)
class Share:
    """An error as a share of the baseline, which people read in percent."""

    of_baseline: Fraction


Cell = int | Fraction | Decimal | Share | str | None
"""A count, an exact or a rounded number, an error, words, or nothing."""


@dataclass(frozen=True)
class Table:
    """Rows under headings; the first column is words and the others are numbers unless `words` says otherwise."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: frozenset[int] = frozenset({0})
    strong: frozenset[int] = frozenset()
    """Rows to stand out."""
    repeated: int = 0
    """Leading columns that come again on each part of a table that is cut because it is too wide; 0 if it never is."""

    def is_words(self, column: int) -> bool:
        """Whether the column is aligned as words."""
        return column in self.words


@dataclass(frozen=True)
class Report:
    """The whole answer of a command."""

    data: dict[str, Any]
    """The answer as `--format json` prints it."""
    tables: tuple[Table, ...]
    """The first one is what `--format csv` prints, unless there are `records`."""
    notes: tuple[str, ...] = ()
    records: Table | None = None
    """What `--format csv` prints where it is more than a table holds."""


def exactly(value: int | Fraction) -> int | str:
    """A number in JSON: an integer, or an exact fraction as text."""
    return value if isinstance(value, int) else str(value)


def for_people(cell: Cell) -> str:
    """A cell with thousands separators, errors in percent."""
    if cell is None:
        return ""
    if isinstance(cell, Share):
        return percent(cell.of_baseline)
    if isinstance(cell, Fraction | Decimal):
        return number(cell)
    return integer(cell) if isinstance(cell, int) else cell


def for_programs(cell: Cell) -> str:
    """A cell to parse again: plain digits, errors as exact fractions."""
    if isinstance(cell, Decimal):
        return decimal(cell)
    return "" if cell is None else str(cell.of_baseline if isinstance(cell, Share) else cell)
