"""Claims that a printed expression gives a quantity."""

from collections.abc import Mapping
from typing import Any

import sympy
from sympy import Expr, Symbol

from parity.audit.claim import Claim, Equation
from parity.audit.known import explained
from parity.cost import Cost, cost_of
from parity.design import LEAST, REQUIRED
from parity.errors import InputError
from parity.expressions import parse
from parity.symbolic import LETTERS, closed_form, symbolic_dimensions, tidy

WIDTHS = ("d_model", "d_latent", "d_expert", "d_shared")
"""The fields in which degrees are counted; the others are numbers of things."""


def judge_equation(claim: Claim, equation: Equation) -> tuple[str, str, str | None]:
    """Verdict, reason, and the expression computed."""
    printed = parse(equation.printed)
    design, baseline = _parsed(claim.design), _parsed(claim.baseline)
    missing = _missing(equation.quantity, design, baseline)
    unknown = sorted(map(str, printed.free_symbols - _symbols(design) - _symbols(baseline)))
    if unknown:
        missing.append(f"no field says what {', '.join(unknown)} is")
    if missing:
        return "not-computable", f"{' and '.join(missing)}.", None
    computed = _computed(equation.quantity, equation.convention, design, baseline)
    verdict, reason = _compared(computed, printed, _widths(design) | _widths(baseline))
    if verdict != "holds" and equation.quantity == "flops_per_token":
        values = {LETTERS[name]: value for name, value in design.items() if name in LETTERS}
        slip = explained(equation.convention, computed, printed, values)
        reason += f". One slip explains it: {slip}" if slip else ""
    return verdict, f"{reason}.", str(computed)


def _parsed(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: (parse(value) if isinstance(value, str) else sympy.Integer(value)) if name in LEAST else value
        for name, value in fields.items()
    }


def _symbols(fields: Mapping[str, Any]) -> set[Symbol]:
    return {letter for name, value in fields.items() if name in LEAST for letter in value.free_symbols}


def _widths(fields: Mapping[str, Any]) -> set[Symbol]:
    return _symbols({name: value for name, value in fields.items() if name in WIDTHS})


def _missing(quantity: str, design: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    solved = {"d_expert": ("d_expert", "num_experts"), "num_experts": ("d_expert", "num_experts")}.get(quantity, ())
    needed = [("the design", design, [name for name in REQUIRED if name not in solved])]
    if solved:
        needed.append(("the baseline", baseline, list(REQUIRED)))
    return [
        f"{whose} lacks {', '.join(lacking)}"
        for whose, given, names in needed
        if (lacking := [name for name in names if name not in given])
    ]


def _computed(quantity: str, convention: str, design: Mapping[str, Any], baseline: Mapping[str, Any]) -> Expr:
    if quantity in ("flops_per_token", "params"):
        return tidy(getattr(_cost(design, convention), quantity))
    width, experts = sympy.Dummy(positive=True), sympy.Dummy(positive=True)
    ours = _cost({**design, "d_expert": width, "num_experts": experts}, convention)
    theirs = _cost(baseline, convention)
    flops, params = tidy(ours.flops_per_token), tidy(ours.params)
    solved = closed_form(flops, params, tidy(theirs.flops_per_token), tidy(theirs.params), width, experts)
    if quantity == "d_expert":
        return solved.d_expert
    return tidy(solved.num_experts.subs(width, design.get("d_expert", solved.d_expert)))


def _cost(fields: Mapping[str, Any], convention: str) -> Cost:
    try:
        return cost_of(symbolic_dimensions(fields), convention)
    except ZeroDivisionError:
        raise InputError(f"heads={fields.get('heads')}: accepted are numbers of at least 1") from None


def _compared(computed: Expr, printed: Expr, widths: set[Symbol]) -> tuple[str, str]:
    difference = tidy(computed - printed)
    if difference == 0:
        return "holds", f"Computed and printed agree: {computed}"
    reason = f"Computed {computed}, printed {printed}: computed less printed is {difference}"
    degrees = {name: _degree(value, widths) for name, value in (("it", computed), ("printed", printed))}
    if _degree(difference, widths) < min(degrees.values()):
        return "holds-in-leading-order", f"{reason}, of lower degree in {', '.join(sorted(map(str, widths)))} than both"
    return "off", reason


def _degree(expression: Expr, widths: set[Symbol]) -> int:
    """Degree in the widths, that of the numerator less that of the denominator."""
    above, below = (
        sympy.Poly(part, *widths).total_degree() if part.free_symbols & widths else 0
        for part in sympy.fraction(sympy.cancel(expression))
    )
    return int(above) - int(below)
