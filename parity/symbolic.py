"""The ledger in symbols, and the two parity equations solved in closed form.

The only module of the formulas that needs SymPy; it is imported where an expression is shown.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import sympy
from sympy import Expr, Symbol

from parity.design import MoELayer, check_together, derived
from parity.ledger import Dimensions, resolved

LETTERS = {
    "d_model": "d",
    "d_latent": "l",
    "heads": "h",
    "num_experts": "E",
    "top_k": "k",
    "d_expert": "m",
    "num_shared_experts": "s",
    "d_shared": "m_s",
}
"""The symbol of each field, as in the ledger's legend."""


def symbol(name: str) -> Symbol:
    """The symbol of that name: a width or a count, so positive."""
    return Symbol(name, positive=True)


def symbolic_dimensions(given: Mapping[str, Any]) -> Dimensions:
    """Dimensions of a layer whose fields may be expressions; fields left out have their defaults.

    A symbolic number of heads or experts means more than one.

    Raises:
        InputError: two fields do not go together, as far as can be told.
    """
    defaults = {field.name: None if field.default is MISSING else field.default for field in fields(MoELayer)}
    full = derived({**defaults, **given})
    check_together(full)
    chosen = full["heads"] * full["top_k"]
    reachable = chosen if full["expert_pool"] == "per_head" else sympy.Min(full["num_experts"], chosen)
    return resolved(full, sympy.sympify(full["d_latent"]) / full["heads"], reachable)


@dataclass(frozen=True)
class ClosedForm:
    """Both unknowns from both equations, and the quadratic in d_expert where the router couples them."""

    d_expert: Expr
    num_experts: Expr
    """In terms of the symbol of d_expert."""
    quadratic: tuple[Expr, Expr, Expr] | None
    """a, b, c of a*m^2 + b*m + c = 0, of which the larger root is meant."""


def closed_form(
    flops: Expr, params: Expr, target_flops: Expr, target_params: Expr, d_expert: Symbol, num_experts: Symbol
) -> ClosedForm:
    """Solve flops = target_flops and params = target_params for d_expert and num_experts.

    Parameters are linear in num_experts, so it is eliminated; what is left of the FLOPs is linear in
    d_expert, or quadratic where the router counts.
    """
    per_expert = sympy.diff(params, num_experts)
    experts = (target_params - params.subs(num_experts, 0)) / per_expert
    excess = flops - target_flops
    if num_experts not in flops.free_symbols:
        width = -excess.subs(d_expert, 0) / sympy.diff(excess, d_expert)
        return ClosedForm(tidy(width), tidy(experts), None)
    numerator = sympy.fraction(sympy.together(excess.subs(num_experts, experts)))[0]
    polynomial = sympy.Poly(sympy.expand(numerator), d_expert)
    coefficients = [polynomial.coeff_monomial(d_expert**power) for power in (2, 1, 0)]
    shared = sympy.gcd_list(coefficients)
    a, b, c = (sympy.factor_terms(sympy.cancel(coefficient / shared)) for coefficient in coefficients)
    width = (-b + sympy.sqrt(b**2 - 4 * a * c)) / (2 * a)
    return ClosedForm(width, tidy(experts), (a, b, c))


def tidy(expression: Expr) -> Expr:
    """A rational expression in lowest terms: a sum where the denominator is one term, else one fraction."""
    numerator, denominator = sympy.fraction(sympy.cancel(expression))
    if denominator.is_Add:
        return sympy.factor_terms(numerator) / sympy.factor_terms(denominator)
    return sympy.expand(numerator / denominator)
