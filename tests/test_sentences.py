"""What a proof and a refusal say, word for word. How many boxes there are is checked in test_search_limits."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from parity import Constraints, InfeasibleError, MoELayer, RawTarget, solve

SMOE = MoELayer(d_model=48, d_expert=128, num_experts=8, top_k=1)
NARROW = MoELayer(d_model=64, d_expert=4, num_experts=8, top_k=1)
LARGER = "Larger ones lose to these: both costs reach the baseline's there and only grow."
PAIRED = "Each width is paired with the allowed number of experts nearest to parameter parity."


def examined(pairs: str, boxes: str, how: str = "the most promising first") -> str:
    return (
        "FLOPs and parameters grow with both unknowns, so over a box of pairs both errors are at least what its two "
        f"corners allow. {pairs} and {boxes} holding all the others were examined, {how}."
    )


def narrower(than: int) -> str:
    return (
        f"Experts narrower than {than} lie beyond the least FLOPs along parameter parity, on the side of the other "
        "solution, and are not ranked."
    )


PROOFS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no error": (
        {"heads": 3, "top_k": 3},
        [
            "Candidates are d_expert from 1 to 992 and num_experts from 3 to 2,976: 2,950,208 pairs.",
            LARGER,
            PAIRED,
            examined("2 single pairs", "19 boxes"),
            "d_expert=32, num_experts=93 has no error at all, so nothing is better.",
            "It is the exact solution.",
        ],
    ),
    "steps and a tolerance": (
        {
            "heads": 2,
            "top_k": 2,
            "constraints": Constraints(experts_multiple_of=4, d_expert_multiple_of=2, tolerance=Fraction(1, 3)),
        },
        [
            "Candidates are d_expert from 2 to 496 in steps of 2 and num_experts from 4 to 992 in steps of 4: "
            "61,504 pairs.",
            LARGER,
            "Pairs with an error beyond 33.34% are not allowed.",
            PAIRED,
            examined("2 single pairs", "13 boxes"),
            "Every box left is bounded to come after d_expert=48, num_experts=40, so no allowed pair comes before it.",
            "The exact solution, constraints aside, is d_expert=48, num_experts=41.3333333333.",
        ],
    ),
    "balanced": (
        {
            "heads": 1,
            "top_k": 1,
            "convention": "matmul",
            "prefer": "balanced",
            "constraints": Constraints(experts_multiple_of=3),
        },
        [
            "Candidates are d_expert from 19 to 342 and num_experts from 3 to 336 in steps of 3: 36,288 pairs.",
            narrower(than=19),
            LARGER,
            examined("2 single pairs", "41 boxes"),
            "Every box left is bounded to come after d_expert=120, num_experts=9, so no allowed pair comes before it.",
            "The exact solution, constraints aside, is d_expert=128, num_experts=8.",
        ],
    ),
    "width given": (
        {"heads": 1, "top_k": 2, "d_expert": 40},
        [
            "Candidates are d_expert=40 and num_experts from 2 to 26: 25 pairs.",
            LARGER,
            PAIRED,
            examined("1 single pair", "0 boxes"),
            "Every box left is bounded to come after d_expert=40, num_experts=26, so no allowed pair comes before it.",
            "The exact solution, constraints aside, is d_expert=40, num_experts=25.6.",
        ],
    ),
    "experts given": (
        {"heads": 1, "top_k": 2, "num_experts": 8, "convention": "matmul"},
        [
            "Candidates are d_expert from 1 to 128 and num_experts=8: 128 pairs.",
            LARGER,
            examined("2 single pairs", "13 boxes"),
            "Every box left is bounded to come after d_expert=64, num_experts=8, so no allowed pair comes before it.",
            "It is the exact solution.",
        ],
    ),
    "experts given, projections not there": (
        {"heads": 1, "top_k": 1, "num_experts": 8, "convention": "matmul"},
        [
            "Candidates are d_expert from 1 to 128 and num_experts=8: 128 pairs.",
            LARGER,
            examined("2 single pairs", "13 boxes"),
            "d_expert=128, num_experts=8 has no error at all, so nothing is better.",
            "It is the exact solution.",
        ],
    ),
    "width given where the router counts": (
        {"heads": 1, "top_k": 8, "d_expert": 16, "convention": "matmul"},
        [
            "Candidates are d_expert=16 and num_experts from 8 to 65: 58 pairs.",
            LARGER,
            PAIRED,
            examined("1 single pair", "0 boxes"),
            "Every box left is bounded to come after d_expert=16, num_experts=63, so no allowed pair comes before it.",
            "The exact solution, constraints aside, is d_expert=16, num_experts=8.",
        ],
    ),
    "both given by a step": (
        {"heads": 1, "top_k": 1, "d_expert": 128, "constraints": Constraints(experts_multiple_of=8, max_experts=8)},
        [
            "Candidates are d_expert=128 and num_experts=8: 1 pair.",
            LARGER,
            PAIRED,
            examined("1 single pair", "0 boxes"),
            "d_expert=128, num_experts=8 has no error at all, so nothing is better.",
            "It is the exact solution.",
        ],
    ),
}


@pytest.mark.parametrize("name", PROOFS)
def test_a_proof_says_what_was_looked_at_and_what_follows(name: str) -> None:
    asked, said = PROOFS[name]
    assert list(solve(SMOE, **asked).proof) == said


def test_a_search_that_is_given_up_says_that_nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.search.MOST_FOR_THE_BEST", 3)
    assert list(solve(SMOE, heads=2, top_k=2, convention="matmul").proof) == [
        "Candidates are d_expert from 18 to 995 and num_experts from 2 to 188: 182,886 pairs.",
        narrower(than=18),
        LARGER,
        PAIRED,
        examined("0 single pairs", "5 boxes", how="and then the search was given up"),
        "It is not proven that nothing comes before d_expert=18, num_experts=109: too many pairs are too close to one "
        "another.",
        "The exact solution, constraints aside, is d_expert=41.386056049, num_experts=47.6836637062.",
    ]


REFUSALS: dict[str, tuple[MoELayer | RawTarget, dict[str, Any]]] = {
    "head and merge alone take 16,384 FLOPs per token and the baseline has 1,536, which leaves nothing for routed "
    "experts. What would relax it: a larger baseline, a smaller --d-latent, --no-head-layer, --no-merge-layer": (
        NARROW,
        {"heads": 4, "top_k": 2},
    ),
    "head alone takes 8,192 FLOPs per token and the baseline has 1,536, which leaves nothing for routed experts. "
    "What would relax it: a larger baseline, --no-head-layer": (
        NARROW,
        {"heads": 4, "top_k": 2, "merge_layer": False},
    ),
    "shared alone takes 98,304 FLOPs per token and the baseline has 1,536, which leaves nothing for routed experts. "
    "What would relax it: a larger baseline, fewer or narrower shared experts": (
        NARROW,
        {"heads": 1, "top_k": 2, "num_shared_experts": 2, "d_shared": 128},
    ),
    "head and merge alone take 8,192 parameters and the baseline has 8,192, which leaves nothing for routed experts. "
    "What would relax it: a larger baseline, a smaller --d-latent, --no-head-layer, --no-merge-layer": (
        RawTarget(d_model=64, flops_per_token=10**6, params=8192),
        {"heads": 4, "top_k": 2},
    ),
    "--max-experts 2 forbids num_experts=4, the fewest for top_k=3 (--ep 4); --max-experts 4 would admit it": (
        SMOE,
        {"heads": 3, "top_k": 3, "constraints": Constraints(max_experts=2, ep=4)},
    ),
    "--max-experts 2 forbids num_experts=3, the fewest for top_k=3; --max-experts 3 would admit it": (
        SMOE,
        {"heads": 3, "top_k": 3, "num_experts": 3, "constraints": Constraints(max_experts=2, tolerance=Fraction(0))},
    ),
    "num_experts=6 is not a multiple of 4 (--ep 4); the nearest allowed: 4 and 8": (
        SMOE,
        {"heads": 3, "top_k": 3, "num_experts": 6, "constraints": Constraints(profile="bf16", ep=4)},
    ),
    "num_experts=3 is not a multiple of 4 (--experts-multiple-of 4); the nearest allowed: 4": (
        SMOE,
        {"heads": 3, "top_k": 3, "num_experts": 3, "constraints": Constraints(experts_multiple_of=4)},
    ),
    "d_expert=16 is not a multiple of 15 (--d-expert-multiple-of 3 --tp 5); the nearest allowed: 15 and 30": (
        SMOE,
        {"heads": 3, "top_k": 3, "d_expert": 16, "constraints": Constraints(tp=5, d_expert_multiple_of=3)},
    ),
    "--profile bf16 wants the sub-token width to be a multiple of 8, and with heads=12 it is 4, which fits "
    "--profile none": (SMOE, {"heads": 12, "top_k": 3, "constraints": Constraints(profile="bf16")}),
    "--profile tile128 wants the sub-token width to be a multiple of 128, and with heads=1 it is 48, which fits "
    "--profile none, --profile bf16, --profile fp8": (
        SMOE,
        {"heads": 1, "top_k": 3, "constraints": Constraints(profile="tile128")},
    ),
    "the tolerance of 1% forbids every pair; the closest is d_expert=70 with num_experts=3 (FLOPs +89.06%, parameters "
    "-90.04%), which --tolerance 90.04 would admit; without --max-experts 3, d_expert=32 with num_experts=93 "
    "(FLOPs 0%, parameters 0%) is within it": (
        SMOE,
        {"heads": 3, "top_k": 3, "constraints": Constraints(max_experts=3, tolerance=Fraction(1, 100))},
    ),
    "the tolerance of 5% forbids every pair; the closest is d_expert=145 with num_experts=2 (FLOPs +77%, parameters "
    "-77.88%), which --tolerance 77.88 would admit; without --max-experts 2, d_expert=68 with num_experts=23 "
    "(FLOPs 0%, parameters +1.75%) is within it": (
        replace(SMOE, d_expert=100),
        {"heads": 2, "top_k": 1, "constraints": Constraints(max_experts=2, tolerance=Fraction(1, 20))},
    ),
    "the tolerance of 1% forbids every pair; the closest is d_expert=44 with num_experts=48 (FLOPs -6.25%, parameters "
    "+6.25%), which --tolerance 6.25 would admit; without --experts-multiple-of 16, d_expert=48 with num_experts=41 "
    "(FLOPs 0%, parameters -0.7812%) is within it": (
        SMOE,
        {
            "heads": 2,
            "top_k": 2,
            "constraints": Constraints(experts_multiple_of=16, tolerance=Fraction(1, 100)),
        },
    ),
}


@pytest.mark.parametrize("said", REFUSALS)
def test_a_refusal_says_what_forbids_a_design_and_what_would_relax_it(said: str) -> None:
    baseline, asked = REFUSALS[said]
    with pytest.raises(InfeasibleError) as refused:
        solve(baseline, **asked)
    assert str(refused.value) == f"no design is feasible: {said}"


def test_a_refusal_of_a_search_that_was_given_up_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.search.MOST_FOR_THE_BEST", 3)
    with pytest.raises(InfeasibleError) as refused:
        solve(SMOE, heads=2, top_k=2, constraints=Constraints(tolerance=Fraction(0)))
    assert str(refused.value).startswith(
        "no design is feasible (no allowed pair was found before the search was given up): the tolerance of 0% forbids"
    )
