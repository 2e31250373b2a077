"""Find every design at parity inside ranges, and the frontier among them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from parity.constraints import Constraints
from parity.conventions import Convention
from parity.design import MoELayer
from parity.errors import InputError
from parity.problem import RawTarget
from parity.solve import Solution
from parity.sweep.boxes import Lattice, boxes_around
from parity.sweep.findings import Findings
from parity.sweep.objectives import BOTH_ERRORS, check_objectives
from parity.sweep.pairs import pairs, rows
from parity.sweep.result import SweepResult
from parity.sweep.shapes import families
from parity.sweep.space import TOLERANCE, Among, Space, stated

Progress = Callable[[float, int], None]
"""Called as the sweep goes on, with the share done and the number of designs examined so far."""

MOST_PAIRS = 10**10
"""The most feasible designs in one sweep, by a bound: some minutes of work."""
MOST_TOLERANCE = Fraction(10)
"""Where the nearest design is not within this share of the baseline, none is near."""


def sweep(
    baseline: MoELayer | RawTarget,
    *,
    heads: Among = "1-16",
    top_k: Among = "1-8",
    d_expert: Among | None = None,
    num_experts: Among | None = None,
    granularity: Among | None = None,
    d_latent: Among | None = None,
    num_shared_experts: Among | None = None,
    d_shared: Among | None = None,
    expert_pool: str | Iterable[str] | None = None,
    convention: str | Convention = "paper",
    constraints: Constraints | None = None,
    objectives: Iterable[str] = BOTH_ERRORS,
    keep: bool = True,
    most: int = MOST_PAIRS,
    progress: Progress = lambda *_: None,
    **fields: int | bool | str,
) -> SweepResult:
    """Every feasible integer design inside the ranges whose costs are within the tolerance, and the frontiers.

    Ranges that are None are as for `solve`: the baseline's values where they are inherited, and open
    for the two unknowns, `d_expert` and `num_experts`. Heads that do not divide the latent width are
    passed over. `granularity` is the baseline's `d_expert` over the design's (arXiv:2402.07871), and
    those that do not divide are passed over. The tolerance is that of the constraints, or 1 %. `fields`
    are other fields of the designs, `objectives` names of `parity.sweep.objectives.QUANTITIES`, each
    better the smaller. With `keep` the result has every design as columns. Sweeps of more than about
    `most` designs are refused. An interrupt ends the sweep with what was found.

    Raises:
        InputError: a value cannot work, two do not go together, or the ranges hold too much.
    """
    chosen = check_objectives(objectives)
    ranges = {
        "heads": heads,
        "top_k": top_k,
        "d_expert": d_expert,
        "num_experts": num_experts,
        "granularity": granularity,
        "d_latent": d_latent,
        "num_shared_experts": num_shared_experts,
        "d_shared": d_shared,
    }
    space = stated(baseline, ranges, expert_pool, convention, constraints or Constraints(), fields)
    found, partial = Findings(space, chosen, keep), False
    try:
        _walk(space, found, most, progress)
    except KeyboardInterrupt:
        partial = True
    return found.result(partial)


def _walk(space: Space, found: Findings, most: int, progress: Progress) -> None:
    """Evaluate every pair that the lattice allows, family by family, and hand it on."""
    lattice = Lattice(space.limits, space.constraints.width_step, space.constraints.experts_step)
    planned, bound = [], 0.0
    for family in families(space):
        boxes = boxes_around(family, space, lattice)
        bound += lattice.most_pairs(boxes)
        if bound > most:
            raise InputError(
                f"the ranges and the tolerance hold up to {bound:.0e} designs or more: accepted are up to "
                f"{most:.0e}, with narrower ranges, a smaller tolerance or more constraints"
            )
        planned.append((family, boxes, int(rows(lattice, boxes).sum())))
    total, done = sum(in_family for _, _, in_family in planned), 0
    for family, boxes, in_family in planned:
        group = found.begin(family)
        for block in pairs(lattice, boxes.take(np.argsort(group[boxes.shape], kind="stable"))):
            found.add(family, group, block)
            progress((done + block.rows_done) / total, found.examined)
        done += in_family


def nearest(baseline: MoELayer | RawTarget, constraints: Constraints, **asked: Any) -> Solution | None:
    """Of the designs inside the ranges, the one whose larger |error| is least; None if none is anywhere near.

    For a sweep within whose tolerance nothing is feasible: the tolerance widens until something is.
    """
    tolerance = max(constraints.tolerance or TOLERANCE, TOLERANCE)
    while tolerance <= MOST_TOLERANCE:
        tolerance *= 4
        wider = {**asked, "constraints": replace(constraints, tolerance=tolerance), "keep": False}
        try:
            found = sweep(baseline, **{**wider, "objectives": BOTH_ERRORS}).frontier
        except InputError:
            return None
        if found:
            return min(found, key=lambda solution: max(abs(solution.flops_error), abs(solution.params_error)))
    return None
