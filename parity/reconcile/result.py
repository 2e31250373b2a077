"""What a reconciliation is: two columns of numbers that are compared line by line."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

Number = int | Fraction


@dataclass(frozen=True)
class Line:
    """What parity and another counter say of one thing; None where that takes a sequence length."""

    what: str
    parity: Number | None
    theirs: Number | None
    why: str = ""
    """Why the two differ, in a few words."""

    @property
    def difference(self) -> Number | None:
        """Theirs less parity's."""
        return None if self.parity is None or self.theirs is None else self.theirs - self.parity


@dataclass(frozen=True)
class Reconciliation:
    """One counter's number beside parity's. The lines add up to both, and their differences to the difference."""

    counter: str
    source: str
    """Where the counter is defined, and in which version it was looked at."""
    unit: str
    lines: tuple[Line, ...]
    absent: str | None = None
    """Why there is no number of this counter; then there are no lines either."""

    @property
    def parity(self) -> Number | None:
        """Parity's number."""
        return None if self.absent else _sum(line.parity for line in self.lines)

    @property
    def total(self) -> Number | None:
        """The counter's number."""
        return None if self.absent else _sum(line.theirs for line in self.lines)


def _sum(numbers: Iterable[Number | None]) -> Number:
    return whole(sum((number for number in numbers if number is not None), Fraction(0)))


def whole(value: Number) -> Number:
    """The number, as an int where it is one."""
    return value.numerator if value.denominator == 1 else value
