"""What a command shows: data for programs, tables and notes for people."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from parity.text import integer, percent

WIDTH = 100
"""Columns that a table takes at most, unless its numbers need more."""

Cell = int | Fraction | str | None
"""A count, an error as a share of the baseline, words, or nothing."""


@dataclass(frozen=True)
class Table:
    """Rows under headings; the first column is words and the others are numbers unless `words` says otherwise."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: frozenset[int] = frozenset({0})
    strong: frozenset[int] = frozenset()
    """Rows to stand out."""

    def is_words(self, column: int) -> bool:
        """Whether the column is aligned as words."""
        return column in self.words


@dataclass(frozen=True)
class Report:
    """The whole answer of a command."""

    data: dict[str, Any]
    """The answer as `--format json` prints it."""
    tables: tuple[Table, ...]
    """The first one is what `--format csv` prints."""
    notes: tuple[str, ...] = field(default=())


def for_people(cell: Cell) -> str:
    """A cell with thousands separators, errors in percent."""
    if cell is None:
        return ""
    if isinstance(cell, Fraction):
        return percent(cell)
    return integer(cell) if isinstance(cell, int) else cell


def for_programs(cell: Cell) -> str:
    """A cell to parse again: plain digits, errors as exact fractions."""
    return "" if cell is None else str(cell)
