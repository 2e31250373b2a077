"""Claims that a printed expression gives a quantity."""

from collections.abc import Iterable, Mapping
from typing import Any

import sympy
from sympy import Expr, Symbol

from parity.audit.claim import Claim, Equation, missing_fields
from parity.audit.finding import Finding
from parity.audit.known import explained
from parity.audit.printed import compare
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


POINTS, DIGITS = (1, 5, 40), 50
"""Where expressions with roots are told apart, as primes for their symbols, and to how many digits."""


def judge_equation(claim: Claim, equation: Equation) -> Finding:
    """The finding on a claim about an equation.

    Raises:
        InputError: something in it is no expression, or is too large, a layer cannot be, or whether both sides are
            equal cannot be told.
    """
    printed = parse(equation.printed)
    design, baseline = _parsed(claim.design), _parsed(claim.baseline)
    _check_size([*design.values(), *baseline.values()])
    figures = compare(claim, None, None)
    missing = _missing(equation.quantity, design, baseline)
    if unknown := sorted(map(str, printed.free_symbols - _symbols(design, LEAST) - _symbols(baseline, LEAST))):
        missing.append(f"no field says what {', '.join(unknown)} is")
    if missing:
        reason = f"{' and '.join(missing)}."
        return Finding(claim, "not-computable", reason, missing=tuple(missing), printed=figures)
    computed = _computed(equation.quantity, equation.convention, design, baseline)
    difference = _less(computed, printed)
    if difference == 0:
        return Finding(claim, "holds", f"Computed and printed agree: {computed}.", str(computed), printed=figures)
    if not (computed.is_rational_function() or _differ(difference)):
        raise InputError(f"{difference} is zero wherever it was tried and not shown to be: accepted are simpler claims")
    reason = f"Computed {computed}, printed {printed}: computed less printed is {difference}"
    widths = _symbols(design, WIDTHS) | _symbols(baseline, WIDTHS)
    widths -= _symbols(design, COUNTS) | _symbols(baseline, COUNTS)
    verdict = "off"
    if computed.is_rational_function() and _degree(difference, widths) < min(
        _degree(computed, widths), _degree(printed, widths)
    ):
        verdict = "holds-in-leading-order"
        reason += f", of lower degree in {', '.join(sorted(map(str, widths)))} than both"
    reason += _cause(equation, computed, printed, design, baseline)
    return Finding(claim, verdict, f"{reason}.", str(computed), off_by=str(difference), printed=figures)


def _cause(
    equation: Equation, computed: Expr, printed: Expr, design: Mapping[str, Any], baseline: Mapping[str, Any]
) -> str:
    """The one change that explains what is printed, as a sentence after another; empty if none does."""
    if equation.quantity == "flops_per_token":
        values = {LETTERS[name]: value for name, value in design.items() if name in LETTERS}
        if slip := explained(equation.convention, computed, printed, values):
            return f". One slip explains it: {slip}"
    ungated = design.get("gated", True) is False
    turned = ({**fields, "gated": ungated} for fields in (design, baseline))
    if _less(_computed(equation.quantity, equation.convention, *turned), printed) == 0:
        return f". It is what {'gated' if ungated else 'ungated'} experts come to"
    return ""


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


def _less(computed: Expr, printed: Expr) -> Expr:
    """Computed less printed; where there is a root, simplified only if it may be zero, for that can take minutes."""
    difference = computed - printed
    if computed.is_rational_function():
        return tidy(difference)
    if _differ(difference):
        return difference
    # Symbols are positive integers; of m - 1 and the like the sign shows once they are written as 1 + t.
    from_one = {letter: 1 + sympy.Dummy(integer=True, nonnegative=True) for letter in difference.free_symbols}
    zero = any(sympy.simplify(each) == 0 for each in (difference, sympy.factor(difference.subs(from_one), deep=True)))
    return sympy.Integer(0) if zero else difference


def _differ(difference: Expr) -> bool:
    """Whether the difference is certainly not zero at one of a few points."""
    letters = sorted(difference.free_symbols, key=str)
    for first in POINTS:
        at = {letter: sympy.prime(first + number) for number, letter in enumerate(letters)}
        value = difference.subs(at).evalf(DIGITS, maxn=4 * DIGITS)
        if value.is_number and value.is_finite and abs(value) > sympy.Rational(1, 10 ** (DIGITS // 2)):
            return True
    return False


def _degree(expression: Expr, widths: set[Symbol]) -> int:
    """Degree of a rational expression in the widths, that of the numerator less that of the denominator."""
    above, below = (
        sympy.Poly(part, *widths).total_degree() if part.free_symbols & widths else 0
        for part in sympy.fraction(sympy.cancel(expression))
    )
    return int(above) - int(below)
