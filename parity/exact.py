"""The exact solution of the two parity equations, rational or not.

FLOPs:       f0 + fm * m + fe * E        = flops
parameters:  p0 + E * (pm * m + pe)      = params

Without the router (fe = pe = 0) the first fixes m and then the second E. With it they couple into a
quadratic with up to two real solutions; the one with the wider experts is meant.
"""

from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from math import isqrt

from parity.unknowns import Unknowns

Exact = Fraction | Decimal
"""A rational number, or an irrational one to far more digits than are shown."""


@dataclass(frozen=True)
class Point:
    """A real solution: hidden width and number of experts, both above 0."""

    d_expert: Exact
    num_experts: Exact

    @property
    def rational(self) -> bool:
        """Whether both are known exactly."""
        return isinstance(self.d_expert, Fraction) and isinstance(self.num_experts, Fraction)


@dataclass(frozen=True)
class ExactSolution:
    """The solution that is meant, the other one where there are two, or why there is none."""

    point: Point | None
    other: Point | None = None
    reason: str | None = None


def solve_exactly(u: Unknowns, flops: int, params: int) -> ExactSolution:
    """Both unknowns from both equations; `flops` and `params` exceed what the unknowns do not change."""
    width = Fraction(flops - u.f0, u.fm)
    alone = Point(width, (params - u.p0) / (u.pm * width))
    if not u.coupled:
        return ExactSolution(alone)
    points = [point for point in _with_router(u, flops - u.f0, params - u.p0) if point.num_experts != 1]
    if alone.num_experts == 1:
        points.append(alone)
    points = sorted((p for p in points if p.d_expert > 0), key=lambda p: p.d_expert, reverse=True)
    if not points:
        return ExactSolution(
            None, reason="no real solution: with the router counted, no width and number of experts meet both"
        )
    return ExactSolution(points[0], points[1] if len(points) > 1 else None)


def solve_given_experts(u: Unknowns, flops: int, num_experts: int) -> ExactSolution:
    """The width from the FLOPs, the number of experts being given."""
    width = Fraction(flops - u.flops(0, num_experts), u.fm)
    if width <= 0:
        return ExactSolution(
            None, reason=f"no solution: the router of num_experts={num_experts} alone exceeds the FLOPs"
        )
    return ExactSolution(Point(width, Fraction(num_experts)))


def solve_given_width(u: Unknowns, flops: int, params: int, d_expert: int) -> ExactSolution:
    """The number of experts, the width being given: from the FLOPs where they depend on it, else the parameters."""
    if not u.coupled:
        return ExactSolution(Point(Fraction(d_expert), Fraction(params - u.p0, u.pm * d_expert)))
    left = flops - u.flops(d_expert, 1)
    experts = Fraction(left, u.fe) if left else Fraction(1)
    if experts <= 0 or (left and experts == 1):
        return ExactSolution(None, reason=f"no solution: with d_expert={d_expert} no router meets the FLOPs")
    return ExactSolution(Point(Fraction(d_expert), experts))


def narrowest_meant(u: Unknowns, params: int) -> int:
    """The least d_expert on the meant side of the point of least FLOPs along parameter parity.

    There E = (params - p0) / (pm * m + pe), so FLOPs are least where
    fm * (pm * m + pe)^2 = fe * pm * (params - p0), and grow with m from there on.
    """
    if not u.coupled:
        return 1
    square = -(-u.fe * u.pm * (params - u.p0) // u.fm)
    root = isqrt(square - 1) + 1 if square > 0 else 0
    return max(1, -(-(root - u.pe) // u.pm))


def _with_router(u: Unknowns, flops: int, params: int) -> list[Point]:
    """The real solutions of fm * m + fe * E = flops, E * (pm * m + pe) = params, in no order.

    Eliminating m leaves pm * fe * E^2 - middle * E + fm * params = 0, and eliminating E an equation
    in m with the same discriminant.
    """
    middle = u.pm * flops + u.fm * u.pe
    discriminant = middle * middle - 4 * u.pm * u.fe * u.fm * params
    if discriminant < 0:
        return []
    root = _square_root(discriminant)
    with localcontext(prec=2 * len(str(middle)) + 60):
        experts = [(middle + sign * root) / (2 * u.pm * u.fe) for sign in ((-1, 1) if root else (1,))]
        return [Point((flops - u.fe * E) / u.fm, E) for E in experts]


def _square_root(square: int) -> Exact:
    root = isqrt(square)
    if root * root == square:
        return Fraction(root)
    with localcontext(prec=len(str(square)) + 60):
        return Decimal(square).sqrt()
