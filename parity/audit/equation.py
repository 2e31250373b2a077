"""Claims that a printed expression gives a quantity."""

from collections.abc import Iterable, Mapping
from typing import Any

import sympy
from sympy import Expr, Symbol

from parity.audit.claim import Claim, Equation, missing_fields
from parity.audit.known import explained
from parity.cost import cost_of
from parity.design import LEAST, REQUIRED, check_given
from parity.errors import InputError
from parity.expressions import parse
from parity.symbolic import LETTERS, closed_form, symbolic_dimensions, tidy

WIDTHS = ("d_model", "d_latent", "d_expert", "d_shared")
"""The fields in whose symbols degrees are counted."""

COUNTS = ("heads", "top_k", "num_experts", "num_shared_experts")
"""The fields whose symbols are numbers of things, also where a width is written with them."""

SOLVED_FOR = ("d_expert", "num_experts")
"""The fields that parity determines."""

MOST_TERMS = 8
"""Terms that the fields of the designs come to, multiplied with one another as the ledger multiplies them."""

MOST_SYMBOLS = 14
"""Different symbols in one claim."""


def judge_equation(claim: Claim, equation: Equation) -> tuple[str, str, str | None]:
    """Verdict, reason, and the expression computed."""
    printed = parse(equation.printed)
    design, baseline = _parsed(claim.design), _parsed(claim.baseline)
    _check_size([*design.values(), *baseline.values()])
    missing = _missing(equation.quantity, design, baseline)
    if unknown := sorted(map(str, printed.free_symbols - _symbols(design, LEAST) - _symbols(baseline, LEAST))):
        missing.append(f"no field says what {', '.join(unknown)} is")
    if missing:
        return "not-computable", f"{' and '.join(missing)}.", None
    computed = _computed(equation.quantity, equation.convention, design, baseline)
    widths = _symbols(design, WIDTHS) | _symbols(baseline, WIDTHS)
    verdict, reason = _compared(computed, printed, widths - _symbols(design, COUNTS) - _symbols(baseline, COUNTS))
    if verdict != "holds" and equation.quantity == "flops_per_token":
        values = {LETTERS[name]: value for name, value in design.items() if name in LETTERS}
        slip = explained(equation.convention, computed, printed, values)
        reason += f". One slip explains it: {slip}" if slip else ""
    return verdict, f"{reason}.", str(computed)


def _parsed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with their expressions parsed; numbers are checked as fields are."""
    parsed = {}
    for name, value in fields.items():
        expression = parse(value) if isinstance(value, str) and name in LEAST else value
        if isinstance(expression, Expr) and expression.is_number:
            expression = int(expression) if expression.is_Integer else value
            check_given(name, expression)
        parsed[name] = expression
    return parsed


def _check_size(fields: list[Any]) -> None:
    """Refuse designs whose ledger, multiplied out, would take long."""
    letters = set().union(*(value.free_symbols for value in fields if isinstance(value, Expr)))
    if len(letters) > MOST_SYMBOLS:
        raise InputError(f"{len(letters)} symbols in one claim: accepted are at most {MOST_SYMBOLS}")
    terms = 1
    for value in fields:
        if isinstance(value, Expr):
            above, below = sympy.fraction(sympy.cancel(value))
            terms *= len(sympy.Add.make_args(sympy.expand(above)))
            if below.is_Add or terms > MOST_TERMS:
                raise InputError(
                    f"{value}: accepted are fields of one term, or of few: {MOST_TERMS} when all are multiplied, and "
                    "one in a denominator"
                )


def _symbols(fields: Mapping[str, Any], names: Iterable[str]) -> set[Symbol]:
    return {letter for name in names for letter in getattr(fields.get(name), "free_symbols", ())}


def _missing(quantity: str, design: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[str]:
    if quantity in ("flops_per_token", "params"):
        return missing_fields("the design", design, REQUIRED)
    needed = [name for name in REQUIRED if name not in SOLVED_FOR]
    return missing_fields("the design", design, needed) + missing_fields("the baseline", baseline, REQUIRED)


def _computed(quantity: str, convention: str, design: Mapping[str, Any], baseline: Mapping[str, Any]) -> Expr:
    if quantity in ("flops_per_token", "params"):
        return tidy(getattr(cost_of(symbolic_dimensions(design), convention), quantity))
    target = cost_of(symbolic_dimensions(baseline), convention)
    unknown = {name: sympy.Dummy(positive=True) for name in SOLVED_FOR}
    (other,) = set(SOLVED_FOR) - {quantity}
    given = {other: design[other]} if other in design else {}
    ours = cost_of(symbolic_dimensions({**design, **unknown, **given}), convention)
    flops, params = (tidy(ours.flops_per_token - target.flops_per_token), tidy(ours.params - target.params))
    if given:  # as in `solve`: from the FLOPs where they depend on it, else from the parameters
        excess = flops if unknown[quantity] in flops.free_symbols else params
        return tidy(-excess.subs(unknown[quantity], 0) / sympy.diff(excess, unknown[quantity]))
    solved = closed_form(flops, params, sympy.Integer(0), sympy.Integer(0), unknown["d_expert"], unknown["num_experts"])
    if quantity == "d_expert":
        return solved.d_expert
    experts = solved.num_experts.subs(unknown["d_expert"], solved.d_expert)
    return experts if solved.quadratic else tidy(experts)


def _compared(computed: Expr, printed: Expr, widths: set[Symbol]) -> tuple[str, str]:
    difference = computed - printed
    rational = computed.is_rational_function()
    difference = tidy(difference) if rational else sympy.simplify(difference)
    if difference == 0:
        return "holds", f"Computed and printed agree: {computed}"
    reason = f"Computed {computed}, printed {printed}: computed less printed is {difference}"
    if rational and _degree(difference, widths) < min(_degree(computed, widths), _degree(printed, widths)):
        return "holds-in-leading-order", f"{reason}, of lower degree in {', '.join(sorted(map(str, widths)))} than both"
    return "off", reason


def _degree(expression: Expr, widths: set[Symbol]) -> int:
    """Degree of a rational expression in the widths, that of the numerator less that of the denominator."""
    above, below = (
        sympy.Poly(part, *widths).total_degree() if part.free_symbols & widths else 0
        for part in sympy.fraction(sympy.cancel(expression))
    )
    return int(above) - int(below)
