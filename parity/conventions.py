"""Ways to count, as data. Every number parity prints names one of these."""

from collections.abc import Mapping
from dataclasses import dataclass

from parity.errors import InputError
from parity.ledger import Number, Op


@dataclass(frozen=True)
class Convention:
    """Which ops count, and what a product of an m x k matrix by a k x n one weighs.

    A product is m * n * k multiplications and as many additions. Of the k additions to one element
    the first adds to nothing, and `free_additions` says how many of them are not counted. Where there
    is a bias it adds to that, and none is free.
    """

    name: str
    counts_router: bool
    free_additions: int
    used_for: str

    def counts(self, op: str) -> bool:
        """Whether the op named `op` counts."""
        return op != "router" or self.counts_router

    def flops_per_token(self, op: Op) -> Number:
        """Forward FLOPs per token of an op."""
        return sum(p.count * p.m * p.n * (2 * p.k - (0 if p.biased else self.free_additions)) for p in op.products)


CONVENTIONS: Mapping[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention("paper", False, 0, "equations 8 and 9 of arXiv:2411.16205"),
        Convention("matmul", True, 0, "what an engine executes and a checkpoint holds"),
        Convention("scalar", False, 1, "equations 6 and 7 of arXiv:2411.16205"),
    )
}


def convention_named(name: str) -> Convention:
    """The convention of that name.

    Raises:
        InputError: there is none.
    """
    try:
        return CONVENTIONS[name]
    except KeyError:
        raise InputError(f"convention={name!r}: accepted are {', '.join(CONVENTIONS)}") from None
