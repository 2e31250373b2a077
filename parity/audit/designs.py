"""Claims that two designs are equal in FLOPs, parameters or active parameters."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from parity.audit.claim import Claim
from parity.cost import Cost, cost
from parity.design import REQUIRED, MoELayer
from parity.errors import InfeasibleError
from parity.infeasible import check_always
from parity.problem import state
from parity.text import decimal, percent

JUDGED_UNDER = ("matmul", "paper")
"""The conventions, the strictest first."""

_NAMES = {"flops": "FLOPs", "params": "parameters", "active_params": "active parameters", "flops at most": "FLOPs"}
_TOTALS = {"flops": "flops_per_token", "flops at most": "flops_per_token"}

Ratios = Mapping[str, Fraction]


def judge_designs(claim: Claim) -> tuple[str, str, dict[str, dict[str, str]] | None]:
    """Verdict, reason, and the ratios design over baseline under each convention."""
    missing = [
        f"{whose} lacks {', '.join(lacking)}"
        for whose, given in (("the baseline", claim.baseline), ("the design", claim.design))
        if (lacking := [name for name in REQUIRED if name not in given])
    ]
    if missing:
        return "not-computable", f"{' and '.join(missing)}.", None
    baseline, design = MoELayer(**claim.baseline), MoELayer(**claim.design)
    ratios = {
        convention: _ratios(cost(baseline, convention), cost(design, convention), claim.claims)
        for convention in JUDGED_UNDER
    }
    verdict = next(
        (word for word, name in (("holds", "matmul"), ("holds-without-router", "paper")) if _all_hold(ratios[name])),
        "off",
    )
    reason = [_described(name, ratios[name]) for name in JUDGED_UNDER]
    broken = [
        factor for factor in claim.capacity_factors if factor > 1 and not _holds_padded(claim, baseline, design, factor)
    ]
    if verdict != "off" and broken:
        verdict = "holds-at-capacity-1"
        factors = ", ".join(decimal(factor) for factor in broken)
        reason.append(f"Padding to a capacity factor of {factors} breaks the equality of FLOPs")
    if verdict == "off":
        reason += _exact(baseline, design)
    computed = {
        name: {f"{quantity}_ratio": str(ratio) for quantity, ratio in _all_ratios(baseline, design, name).items()}
        for name in ("paper", "matmul")
    }
    return verdict, ". ".join(reason) + ".", computed


def _all_ratios(baseline: MoELayer, design: MoELayer, convention: str) -> Ratios:
    return _ratios(cost(baseline, convention), cost(design, convention), ("flops", "params", "active_params"))


def _ratios(baseline: Cost, design: Cost, quantities: tuple[str, ...]) -> Ratios:
    return {
        quantity: Fraction(design.totals()[total], baseline.totals()[total])
        for quantity in quantities
        for total in [_TOTALS.get(quantity, quantity)]
    }


def _holds(quantity: str, ratio: Fraction) -> bool:
    return ratio <= 1 if quantity == "flops at most" else ratio == 1


def _all_hold(ratios: Ratios) -> bool:
    return all(_holds(quantity, ratio) for quantity, ratio in ratios.items())


def _holds_padded(claim: Claim, baseline: MoELayer, design: MoELayer, factor: Fraction) -> bool:
    """Whether the FLOPs claimed still agree when routed experts compute `factor` times their tokens."""
    base, padded = (
        sum(
            row.flops_per_token * (factor if row.op == "experts" and layer.num_experts > 1 else 1)
            for row in cost(layer, "paper").rows
        )
        for layer in (baseline, design)
    )
    return all(_holds(quantity, Fraction(padded, base)) for quantity in claim.claims if quantity in _TOTALS)


def _described(convention: str, ratios: Ratios) -> str:
    parts = []
    for quantity, ratio in ratios.items():
        if ratio == 1:
            parts.append(f"{_NAMES[quantity]} are equal")
        else:
            parts.append(f"{_NAMES[quantity]} are {ratio} of the baseline's ({percent(ratio - 1)})")
    return f"Under {convention}, {', '.join(parts)}"


def _exact(baseline: MoELayer, design: MoELayer) -> list[str]:
    """What would match in FLOPs and parameters with the design's heads and top-k."""
    fields: dict[str, Any] = {
        name: value for name, value in design.to_dict().items() if name not in ("d_expert", "num_experts")
    }
    try:
        problem = state(baseline, **fields)
        check_always(problem)
    except InfeasibleError:
        return []
    point = problem.exact.point
    if point is None:
        return []
    return [
        f"Exact parity under paper, with the same heads and top-k, is at d_expert={decimal(point.d_expert)}, "
        f"num_experts={decimal(point.num_experts)}"
    ]
