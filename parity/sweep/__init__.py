"""Find every design at parity inside ranges, and the frontier among them."""

from parity.sweep.evaluator import Costs, errors, evaluate
from parity.sweep.result import Frontier, Group, SweepResult
from parity.sweep.run import nearest, sweep

__all__ = ["Costs", "Frontier", "Group", "SweepResult", "errors", "evaluate", "nearest", "sweep"]
