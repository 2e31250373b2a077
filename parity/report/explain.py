"""A derivation as text, as LaTeX that compiles, and in the other formats."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import sympy

from parity.exact import Exact
from parity.explain import Derivation, Line
from parity.report.formats import latex_text, to_csv, to_json
from parity.report.model import Report, Table
from parity.report.solve import exact_data
from parity.symbolic import symbol
from parity.text import decimal, integer, number


def to_text(derivation: Derivation, name: str) -> str:
    """Equations drawn in Unicode."""
    legend = [f"  {sympy.pretty(letter):4} {what} = {integer(value)}" for letter, what, value in derivation.symbols]
    parts = [f"{_title(derivation, name)}\n", *legend]
    for place, step in enumerate(derivation.steps, 1):
        parts.append(f"\n{place}. {step.title}\n")
        parts += [_indented(_pretty(line)) for line in step.lines]
    return "\n".join(parts) + "\n"


def to_latex(derivation: Derivation, name: str) -> str:
    """A whole document."""
    legend = [
        rf"${sympy.latex(letter)}$ & {latex_text(what)} & {_latex_integer(value)} \\"
        for letter, what, value in derivation.symbols
    ]
    body = [
        r"\documentclass{article}",
        r"\usepackage{amsmath}",
        r"\begin{document}",
        rf"\section*{{{latex_text(_title(derivation, name))}}}",
        r"\begin{tabular}{llr}",
        *legend,
        r"\end{tabular}",
        r"\begin{enumerate}",
    ]
    for step in derivation.steps:
        body.append(rf"\item {latex_text(step.title)}")
        body += [rf"\[ {_latex(line)} \]" for line in step.lines]
    return "\n".join([*body, r"\end{enumerate}", r"\end{document}"]) + "\n"


def to_markdown(derivation: Derivation, name: str) -> str:
    """Equations between dollar signs."""
    parts = [f"## {_title(derivation, name)}"]
    parts += [f"- ${sympy.latex(letter)}$: {what} = {integer(value)}" for letter, what, value in derivation.symbols]
    for place, step in enumerate(derivation.steps, 1):
        parts.append(f"\n{place}. {step.title}\n")
        parts += [f"$${_latex(line)}$$\n" for line in step.lines]
    return "\n".join(parts)


FORMATS: Mapping[str, Callable[[Derivation, str], str]] = {
    "table": to_text,
    "json": lambda derivation, name: to_json(_report(derivation, name)),
    "csv": lambda derivation, name: to_csv(_report(derivation, name)),
    "markdown": to_markdown,
    "latex": to_latex,
}
"""The same formats as for every other result."""


def _report(derivation: Derivation, name: str) -> Report:
    data: dict[str, Any] = {
        "baseline": name,
        "convention": derivation.problem.convention.name,
        **exact_data(derivation.problem.exact),
        "symbols": {str(letter): {"meaning": what, "value": value} for letter, what, value in derivation.symbols},
        "steps": [
            {
                "title": step.title,
                "equations": [
                    {
                        "left": str(line.left),
                        "right": str(line.right),
                        "op": line.op,
                        "latex": _latex(line),
                        "value": _plain(line.value),
                    }
                    for line in step.lines
                ],
            }
            for step in derivation.steps
        ],
    }
    rows = tuple(
        (step.title, line.op, str(line.left), str(line.right), _plain(line.value))
        for step in derivation.steps
        for line in step.lines
    )
    return Report(data, (Table(_title(derivation, name), ("step", "op", "left", "right", "value"), rows),))


def _title(derivation: Derivation, name: str) -> str:
    design = derivation.problem.template
    heads = f"{design.heads} head{'s' if design.heads > 1 else ''}"
    return f"Parity with {name} at {heads}, top-{design.top_k}; {derivation.problem.convention.name} convention"


def _pretty(line: Line) -> str:
    left = f"{sympy.pretty(line.left)}[{line.op}]" if line.op else str(sympy.pretty(line.left))
    drawn: str = sympy.pretty(sympy.Eq(symbol("x"), line.right, evaluate=False), wrap_line=False)
    rows = drawn.split("\n")
    middle = next(index for index, row in enumerate(rows) if row.startswith("x = "))
    rows = [(left if index == middle else " " * len(left)) + row[1:] for index, row in enumerate(rows)]
    if _says_more(line):
        rows[middle] = f"{rows[middle].ljust(max(map(len, rows)))} = {_shown(line.value)}"
    return "\n".join(row.rstrip() for row in rows)


def _latex(line: Line) -> str:
    left = sympy.latex(line.left)
    if line.op:
        name, *index = left.split("_")
        within = [part.strip("{}") for part in index] + [rf"\text{{{line.op}}}"]
        left = f"{name}_{{{','.join(within)}}}"
    equation = f"{left} = {sympy.latex(line.right)}"
    return f"{equation} = {_shown(line.value).replace(',', '{,}')}" if _says_more(line) else equation


def _says_more(line: Line) -> bool:
    return line.value is not None and str(line.value) != str(line.right)


def _plain(value: int | Exact | None) -> str | None:
    return None if value is None else decimal(value) if isinstance(value, Decimal) else str(value)


def _shown(value: int | Exact | None) -> str:
    """An integer with separators, a fraction with its decimals beside it."""
    if isinstance(value, Fraction) and value.denominator > 1:
        return f"{value} = {number(value)}"
    return integer(value) if isinstance(value, int) else number(value or Fraction(0))


def _latex_integer(value: int) -> str:
    return integer(value).replace(",", "{,}")


def _indented(text: str) -> str:
    return "\n".join(f"   {row}" for row in text.split("\n"))
