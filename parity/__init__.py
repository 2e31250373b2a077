"""Solve FLOPs and parameter parity between Mixture-of-Experts layers, exactly."""

from parity.constraints import Constraints
from parity.cost import Cost, cost
from parity.design import MoELayer
from parity.errors import InfeasibleError, InputError, ParityError
from parity.problem import RawTarget
from parity.solve import SolveResult, solve

__all__ = [
    "Constraints",
    "Cost",
    "InfeasibleError",
    "InputError",
    "MoELayer",
    "ParityError",
    "RawTarget",
    "SolveResult",
    "cost",
    "solve",
]
