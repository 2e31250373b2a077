"""Claims that two designs are equal in FLOPs, parameters or active parameters."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from parity.audit.claim import Claim, missing_fields
from parity.audit.finding import Finding, Nearest
from parity.audit.nearest import exact_point, nearest
from parity.audit.printed import compare
from parity.audit.ratios import NAMES, Ratios, off_by, quantity, ratios
from parity.conventions import CONVENTIONS
from parity.cost import cost
from parity.design import REQUIRED, MoELayer
from parity.text import decimal, percent

JUDGED_UNDER = ("matmul", "paper")
"""The conventions that decide, the strictest first."""


def judge_designs(claim: Claim) -> Finding:
    """The finding on a claim about two designs.

    Raises:
        InputError: a design cannot exist.
    """
    missing = (
        *missing_fields("the baseline", claim.baseline, REQUIRED),
        *missing_fields("the design", claim.design, REQUIRED),
    )
    if missing:
        figures = compare(claim, None, None)
        return Finding(claim, "not-computable", f"{' and '.join(missing)}.", missing=missing, printed=figures)
    baseline, design = MoELayer(**claim.baseline), MoELayer(**claim.design)
    found = {name: ratios(cost(design, name), cost(baseline, name)) for name in CONVENTIONS}
    errors = {name: off_by(claim.claims, found[name]) for name in JUDGED_UNDER}
    reason = [_described(name, claim.claims, found[name]) for name in JUDGED_UNDER]
    holding = next((name for name in JUDGED_UNDER if not any(errors[name].values())), None)
    near = None
    if holding is None:
        verdict = "off"
        near = nearest(claim.claims, baseline, design, JUDGED_UNDER)
        reason += _would_hold(near, claim, baseline)
    else:
        verdict = "holds" if holding == "matmul" else "holds-without-router"
        broken = [f for f in claim.capacity_factors if f > 1 and not _holds_padded(claim, baseline, design, f, holding)]
        if broken:
            verdict = "holds-at-capacity-1"
            factors = ", ".join(decimal(factor) for factor in broken)
            reason.append(f"Padding to a capacity factor of {factors} breaks the claim about FLOPs")
    return Finding(
        claim,
        verdict,
        ". ".join(reason) + ".",
        {name: {f"{what}_ratio": str(ratio) for what, ratio in of.items()} for name, of in found.items()},
        off_by=errors if verdict == "off" else None,
        nearest=near,
        printed=compare(claim, baseline, design),
    )


def _holds_padded(claim: Claim, baseline: MoELayer, design: MoELayer, factor: Fraction, convention: str) -> bool:
    """Whether what is claimed of FLOPs still holds when routed experts compute `factor` times their tokens."""
    base, padded = (
        sum(
            row.flops_per_token * (factor if row.op == "experts" and layer.num_experts > 1 else 1)
            for row in cost(layer, convention).rows
        )
        for layer in (baseline, design)
    )
    of_flops = [claimed for claimed in claim.claims if quantity(claimed) == "flops"]
    return not any(off_by(of_flops, {"flops": Fraction(padded, base)}).values())


def _described(convention: str, claims: Sequence[str], found: Ratios) -> str:
    parts = []
    for claimed in claims:
        ratio = found[quantity(claimed)]
        equal = "equal" if ratio == 1 else f"{ratio} of the baseline's ({percent(ratio - 1)})"
        parts.append(f"{NAMES[claimed]} are {equal}")
    return f"Under {convention}, {', '.join(parts)}"


def _would_hold(near: Nearest, claim: Claim, baseline: MoELayer) -> Iterator[str]:
    """What the claim would hold of, or how close a design comes."""
    changes = " and ".join(f"{name}={after} instead of {before}" for name, (before, after) in near.changed.items())
    if near.holds:
        yield f"It would hold under {near.convention} with {changes}"
        return
    left = " and ".join(
        f"{NAMES[claimed]} off by {error} ({percent(error)})" for claimed, error in near.off_by.items() if error
    )
    closest = f"with {changes}, which leaves" if changes else "as it is, with"
    yield (
        "No other d_expert or num_experts was found with which it holds; "
        f"the design is closest under {near.convention} {closest} {left}"
    )
    solved = exact_point(baseline, near.design, near.convention)
    if {quantity(claimed) for claimed in claim.claims} >= {"flops", "params"} and solved:
        yield (
            f"Exact parity under {near.convention}, with the same heads and top-k, is at "
            f"d_expert={solved[0].d_expert}, num_experts={solved[0].num_experts}"
        )
