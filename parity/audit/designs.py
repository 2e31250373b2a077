"""Claims that two designs are equal in FLOPs, parameters or active parameters."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from parity.audit.claim import Claim, missing_fields
from parity.cost import Cost, cost
from parity.design import REQUIRED, MoELayer
from parity.errors import InfeasibleError
from parity.infeasible import check_always
from parity.problem import state
from parity.text import decimal, percent

JUDGED_UNDER = ("matmul", "paper")
"""The conventions, the strictest first."""

_NAMES = {"flops": "FLOPs", "params": "parameters", "active_params": "active parameters", "flops at most": "FLOPs"}

Ratios = Mapping[str, Fraction]


def judge_designs(claim: Claim) -> tuple[str, str, dict[str, dict[str, str]] | None]:
    """Verdict, reason, and the ratios design over baseline under each convention."""
    missing = [
        *missing_fields("the baseline", claim.baseline, REQUIRED),
        *missing_fields("the design", claim.design, REQUIRED),
    ]
    if missing:
        return "not-computable", f"{' and '.join(missing)}.", None
    baseline, design = MoELayer(**claim.baseline), MoELayer(**claim.design)
    ratios = {name: _ratios(cost(baseline, name), cost(design, name)) for name in JUDGED_UNDER}
    reason = [_described(name, claim.claims, ratios[name]) for name in JUDGED_UNDER]
    holding = next((name for name in JUDGED_UNDER if _all_hold(claim.claims, ratios[name])), None)
    if holding is None:
        verdict, reason = "off", reason + _exact(baseline, design)
    else:
        verdict = "holds" if holding == "matmul" else "holds-without-router"
        broken = [f for f in claim.capacity_factors if f > 1 and not _holds_padded(claim, baseline, design, f, holding)]
        if broken:
            verdict = "holds-at-capacity-1"
            factors = ", ".join(decimal(factor) for factor in broken)
            reason.append(f"Padding to a capacity factor of {factors} breaks the claim about FLOPs")
    computed = {
        name: {f"{quantity}_ratio": str(ratio) for quantity, ratio in ratios[name].items()}
        for name in ("paper", "matmul")
    }
    return verdict, ". ".join(reason) + ".", computed


def _ratios(baseline: Cost, design: Cost) -> Ratios:
    return {
        quantity: Fraction(design.totals()[total], baseline.totals()[total])
        for quantity, total in (("flops", "flops_per_token"), ("params", "params"), ("active_params", "active_params"))
    }


def _holds(claimed: str, ratios: Ratios) -> bool:
    return ratios["flops"] <= 1 if claimed == "flops at most" else ratios[claimed] == 1


def _all_hold(claims: tuple[str, ...], ratios: Ratios) -> bool:
    return all(_holds(claimed, ratios) for claimed in claims)


def _holds_padded(claim: Claim, baseline: MoELayer, design: MoELayer, factor: Fraction, convention: str) -> bool:
    """Whether what is claimed of FLOPs still holds when routed experts compute `factor` times their tokens."""
    base, padded = (
        sum(
            row.flops_per_token * (factor if row.op == "experts" and layer.num_experts > 1 else 1)
            for row in cost(layer, convention).rows
        )
        for layer in (baseline, design)
    )
    return _all_hold(tuple(c for c in claim.claims if c.startswith("flops")), {"flops": Fraction(padded, base)})


def _described(convention: str, claims: tuple[str, ...], ratios: Ratios) -> str:
    parts = []
    for claimed in claims:
        ratio = ratios["flops" if claimed == "flops at most" else claimed]
        equal = "equal" if ratio == 1 else f"{ratio} of the baseline's ({percent(ratio - 1)})"
        parts.append(f"{_NAMES[claimed]} are {equal}")
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
        f"Exact parity under paper, with the same heads and top-k, is at d_expert={point.d_expert}, "
        f"num_experts={point.num_experts}"
    ]
