"""The derivation of a parity solution by SymPy: symbols first, then the numbers.

The equations come out of the ledger, evaluated on symbols. `explain` is the function behind
`parity explain`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sympy import Expr, Symbol, sqrt

from parity.conventions import Convention
from parity.cost import Cost, cost_of
from parity.design import MoELayer
from parity.exact import Exact
from parity.infeasible import check_always
from parity.ledger import Dimensions
from parity.problem import Problem, RawTarget, check_solved_with, state
from parity.symbolic import LETTERS, ClosedForm, closed_form, symbol, symbolic_dimensions, tidy

WIDTH, EXPERTS = symbol(LETTERS["d_expert"]), symbol(LETTERS["num_experts"])
"""The two unknowns."""

SHARED_SYMBOLS = ("d_model", "d_latent", "num_shared_experts", "d_shared")
"""Fields that have one symbol for both layers where their values agree, so that they cancel."""


@dataclass(frozen=True)
class Line:
    """An equation in symbols, `left` = `right`, and its value where it has one; of one op where it is named."""

    left: Symbol
    right: Expr
    value: int | Exact | None = None
    op: str | None = None


@dataclass(frozen=True)
class Step:
    """One step of a derivation: what is done, and the equations that it gives."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Derivation:
    """The way from the two layers to the solution."""

    problem: Problem
    symbols: tuple[tuple[Symbol, str, int], ...]
    """Symbol, what it stands for, and its number."""
    steps: tuple[Step, ...]


def explain(
    baseline: MoELayer | RawTarget,
    *,
    heads: int,
    top_k: int,
    convention: str | Convention = "paper",
    **fields: Any,
) -> Derivation:
    """Derive the design with these heads and top-k that matches `baseline`.

    `fields` are fields of the design other than the baseline's, both unknowns aside.

    Raises:
        InputError: a value cannot work, or two do not go together.
        InfeasibleError: head, merge and shared experts alone reach the baseline.
    """
    check_solved_with(fields)
    problem = state(baseline, heads=heads, top_k=top_k, convention=convention, **fields)
    check_always(problem)
    names = _Names(problem)
    point = problem.exact.point
    x = replace(names.design, has_router=point is None or point.num_experts != 1)
    design = cost_of(x, problem.convention)
    target_flops, target_params = symbol("F_0"), symbol("P_0")
    steps = []
    if names.baseline is not None:
        base = cost_of(names.baseline, problem.convention)
        target_flops, target_params = tidy(base.flops_per_token), tidy(base.params)
        steps.append(
            Step("The baseline's FLOPs per token, forward", tuple(names.ledger(base, "F", "_0", "flops_per_token")))
        )
        steps.append(Step("The baseline's parameters", tuple(names.ledger(base, "P", "_0", "params"))))
    steps.append(Step("The design's FLOPs per token, forward", tuple(names.ledger(design, "F", "", "flops_per_token"))))
    steps.append(Step("The design's parameters", tuple(names.ledger(design, "P", "", "params"))))
    solved = closed_form(tidy(design.flops_per_token), tidy(design.params), target_flops, target_params, WIDTH, EXPERTS)
    steps += _solution(problem, names, solved)
    return Derivation(problem, tuple((s, *names.values[s]) for s in names.values), tuple(steps))


class _Names:
    """The two layers in symbols, and what each symbol stands for."""

    def __init__(self, problem: Problem) -> None:
        self.values: dict[Symbol, tuple[str, int]] = {}
        self._design = problem.template
        self.design = replace(self._dimensions(problem.template, ""), d_expert=WIDTH, num_experts=EXPERTS)
        self.baseline: Dimensions | None = None
        if isinstance(problem.baseline, MoELayer):
            self.baseline = self._dimensions(problem.baseline, "_0")
        else:
            self.values[symbol("F_0")] = ("target FLOPs per token", problem.target.flops_per_token)
            self.values[symbol("P_0")] = ("target parameters", problem.target.params)

    def _dimensions(self, layer: MoELayer, suffix: str) -> Dimensions:
        given: dict[str, Any] = layer.to_dict()
        for name, letter in LETTERS.items():
            value = getattr(layer, name)
            if name in ("heads", "num_experts", "num_shared_experts") and value <= 1:
                continue  # whether there is more than one decides which ops exist
            if name == "d_latent" and value == layer.d_model:
                given[name] = given["d_model"]
            elif value and not (layer is self._design and name in ("d_expert", "num_experts")):
                common = name in SHARED_SYMBOLS and value == getattr(self._design, name)
                given[name] = symbol(letter if common else letter + suffix)
                whose = "" if common or not suffix else "baseline's "
                self.values.setdefault(given[name], (whose + name, value))
        return symbolic_dimensions(given)

    def value(self, expression: Expr) -> int | None:
        """The number of an expression without unknowns."""
        number = expression.subs({symbol: value for symbol, (_, value) in self.values.items()})
        return int(number) if number.is_Integer else None

    def ledger(self, cost: Cost, letter: str, suffix: str, quantity: str) -> Iterator[Line]:
        """A line for each op, and their sum."""
        for entry, op in [*((row, row.op) for row in cost.rows), (cost, None)]:
            right = tidy(getattr(entry, quantity))
            yield Line(symbol(letter + suffix), right, self.value(right), op)


def _solution(problem: Problem, names: _Names, solved: ClosedForm) -> Iterator[Step]:
    point = problem.exact.point
    width, experts = (point.d_expert, point.num_experts) if point else (None, None)
    experts_line = Line(EXPERTS, solved.num_experts, experts)
    if solved.quadratic is None:
        yield Step("Equal FLOPs, F = F_0, give the width of an expert", (Line(WIDTH, solved.d_expert, width),))
        yield Step("Equal parameters, P = P_0, give the number of experts", (experts_line,))
        return
    yield Step("Equal parameters, P = P_0, give the number of experts", (replace(experts_line, value=None),))
    a, b, c = symbol("a"), symbol("b"), symbol("c")
    coefficients = dict(zip((a, b, c), solved.quadratic, strict=True))
    lines = [Line(letter, right, names.value(right)) for letter, right in coefficients.items()]
    discriminant = names.value((b**2 - 4 * a * c).subs(coefficients))
    lines.append(Line(symbol("D"), b**2 - 4 * a * c, discriminant))
    yield Step(
        "Equal FLOPs become a quadratic equation in m, with coefficients a, b, c and discriminant D", tuple(lines)
    )
    if point is None:
        yield Step(f"There is no solution: {problem.exact.reason}", ())
        return
    yield Step(
        "Of the two roots the one with the wider experts is meant",
        (Line(WIDTH, (-b + sqrt(symbol("D"))) / (2 * a), width), experts_line),
    )
