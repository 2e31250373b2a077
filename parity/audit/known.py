"""Equations that are known to be right, and whether one slip in one of them gives what was printed."""

from collections.abc import Iterator
from dataclasses import dataclass

import sympy
from sympy import Expr

from parity.expressions import parse


@dataclass(frozen=True)
class Known:
    """A printed equation for forward FLOPs per token under a convention, in the ledger's symbols."""

    name: str
    convention: str
    printed: str


KNOWN = (
    Known("eq. 6 of arXiv:2411.16205", "scalar", "4*d**2 - 2*d + (4*d*m - d - m*h)*k"),
    Known("eq. 7 of arXiv:2411.16205", "scalar", "(4*d*m - m - d)*k"),
)


def explained(convention: str, computed: Expr, printed: Expr, values: dict[str, Expr]) -> str | None:
    """The slip in a known equation that turns `computed` into `printed`, in words; None if there is none.

    `values` are the fields of the claim's design by the ledger's symbols.
    """
    at = {parse(name): value for name, value in values.items()}

    def same(one: Expr, other: Expr) -> bool:
        return bool(sympy.expand(one.subs(at, simultaneous=True) - other) == 0)

    for known in KNOWN:
        equation = parse(known.printed)
        if known.convention != convention or not same(equation, computed):
            continue
        for slip, changed in _slips(equation):
            if same(changed, printed):
                return f"{known.name} with {slip} gives what is printed"
    return None


def _slips(expression: Expr) -> Iterator[tuple[str, Expr]]:
    """Each single slip in an expression: a symbol dropped from a product, a term dropped, or its sign turned."""
    for index, part in enumerate(expression.args):
        others = expression.args[:index] + expression.args[index + 1 :]
        if expression.is_Mul and part.is_Symbol:
            yield f"the factor {part} dropped from {_unsigned(expression)}", expression.func(*others)
        if expression.is_Add:
            yield f"the term {part} dropped from {expression}", expression.func(*others)
            yield f"the sign of {part} turned in {expression}", expression.func(*others, -part)
        for slip, changed in _slips(part):
            yield slip, expression.func(*expression.args[:index], changed, *expression.args[index + 1 :])


def _unsigned(expression: Expr) -> Expr:
    return -expression if expression.could_extract_minus_sign() else expression
