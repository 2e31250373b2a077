"""Expressions from strangers: names, integers and + - * / **, parsed and never run.

What is accepted is also bounded, so that no expression, once expanded, is large.
"""

import ast
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import sympy
from sympy import Expr

from parity.design import LARGEST_INTEGER, shown
from parity.errors import InputError
from parity.symbolic import symbol

MOST_CHARACTERS = 400
MOST_TERMS = 60
MOST_TERMS_BELOW = 8
"""Terms of a denominator."""

MOST_DEGREE = 20
MOST_BITS = 500

_PLAIN = re.compile(r"(?:[A-Za-z][A-Za-z0-9_]*|[0-9]+(?![A-Za-z0-9_])|[-+*/() ])*")

ACCEPTED = "names, integers and + - * / ** with integer exponents"


def parse(text: object) -> Expr:
    """The expression that `text` is; every name is a positive symbol.

    Raises:
        InputError: it is something else, divides by zero, or would be too large.
    """
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        raise InputError(f"{shown(text)!r}: accepted are expressions of at most {MOST_CHARACTERS} characters")
    if not _PLAIN.fullmatch(text):
        raise InputError(f"{shown(text)!r} is not an expression: accepted are {ACCEPTED}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise InputError(f"{shown(text)!r} is not an expression: accepted are {ACCEPTED}") from None
    expression = _built(tree, text).expression
    if _below(expression) == 0:
        raise InputError(f"{shown(text)!r} divides by zero: accepted are {ACCEPTED}")
    return expression


def _below(expression: Expr) -> Expr:
    """The denominator, expanded; zero where there is a division by zero."""
    if expression.has(sympy.zoo, sympy.nan, sympy.oo):
        return sympy.Integer(0)
    return sympy.expand(sympy.fraction(sympy.together(expression))[1])


class _Bounded(NamedTuple):
    """An expression, and bounds on what it is when written as one expanded fraction."""

    expression: Expr
    terms: int
    degree: int
    bits: int
    below_terms: int = 1
    below_degree: int = 0


_OPERATORS: Mapping[type[ast.operator], Callable[[_Bounded, _Bounded], _Bounded]] = {
    ast.Add: lambda a, b: _sum(a, b, a.expression + b.expression),
    ast.Sub: lambda a, b: _sum(a, b, a.expression - b.expression),
    ast.Mult: lambda a, b: _product(a, b, a.expression * b.expression),
    ast.Div: lambda a, b: _product(a, _inverse(b), a.expression / b.expression),
}


def _built(node: ast.expr, text: str) -> _Bounded:
    match node:
        case ast.Name(id=name) if "__" not in name:
            return _Bounded(symbol(name), 1, 1, 1)
        case ast.Constant(value=int(value)) if type(value) is int and value <= LARGEST_INTEGER:
            return _within(_Bounded(sympy.Integer(value), 1, 0, value.bit_length() + 1), text)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _built(operand, text)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _built(operand, text)
            return inner._replace(expression=-inner.expression)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(_built(left, text), _built(right, text), text)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            return _within(_OPERATORS[type(op)](_built(left, text), _built(right, text)), text)
    raise InputError(f"{shown(text)!r} holds {shown(ast.unparse(node))!r}: accepted are {ACCEPTED}")


def _power(base: _Bounded, exponent: _Bounded, text: str) -> _Bounded:
    if not exponent.expression.is_Integer or abs(int(exponent.expression)) > MOST_DEGREE:
        raise InputError(f"{shown(text)!r}: accepted are integer exponents of at most {MOST_DEGREE}")
    times = int(exponent.expression)
    result = _Bounded(sympy.Integer(1), 1, 0, 1)
    for _ in range(abs(times)):
        result = _within(_product(result, base, base.expression), text)
    return (result if times >= 0 else _inverse(result))._replace(expression=base.expression**times)


def _sum(a: _Bounded, b: _Bounded, expression: Expr) -> _Bounded:
    return _Bounded(
        expression,
        a.terms * b.below_terms + b.terms * a.below_terms,
        max(a.degree + b.below_degree, b.degree + a.below_degree),
        a.bits + b.bits + 1,
        a.below_terms * b.below_terms,
        a.below_degree + b.below_degree,
    )


def _product(a: _Bounded, b: _Bounded, expression: Expr) -> _Bounded:
    return _Bounded(
        expression,
        a.terms * b.terms,
        a.degree + b.degree,
        a.bits + b.bits,
        a.below_terms * b.below_terms,
        a.below_degree + b.below_degree,
    )


def _inverse(a: _Bounded) -> _Bounded:
    return a._replace(terms=a.below_terms, degree=a.below_degree, below_terms=a.terms, below_degree=a.degree)


def _within(bounded: _Bounded, text: str) -> _Bounded:
    degree = max(bounded.degree, bounded.below_degree)
    if (
        bounded.terms > MOST_TERMS
        or bounded.below_terms > MOST_TERMS_BELOW
        or degree > MOST_DEGREE
        or bounded.bits > MOST_BITS
    ):
        raise InputError(
            f"{shown(text)!r} is too large: accepted are at most {MOST_TERMS} terms, {MOST_TERMS_BELOW} in a "
            f"denominator, degree {MOST_DEGREE} and integers of {MOST_BITS} bits, once expanded"
        )
    return bounded
