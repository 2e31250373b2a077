"""What the paper claims of each table, as sums of perplexities that are below zero where the claim holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from parity.experiments.results import Results
from parity.experiments.statistics import Difference, difference

Verdict = Literal["holds here", "does not hold here", "undecided at this budget", "not run yet"]

Contrast = Mapping[str, int]


@dataclass(frozen=True)
class Claim:
    """A claim: the weighted sum of perplexities is below zero, on every set."""

    text: str
    contrast: Contrast


@dataclass(frozen=True)
class Judged:
    """A claim, the sum on each set, and the verdict."""

    claim: Claim
    by_set: Mapping[str, Difference]
    verdict: Verdict


def claims_of(suite: str) -> tuple[Claim, ...]:
    """The paper's claims of a table."""
    return _CLAIMS[suite]


def _less(text: str, better: str, worse: str) -> Claim:
    return Claim(text, {better: 1, worse: -1})


def _of_rows(suffix: str, words: str, *, with_dense: bool) -> tuple[Claim, ...]:
    smoe, fine, two, three = (f"{name}{suffix}" for name in ("smoe", "fine-grained", "mh-moe-2", "mh-moe-3"))
    return (
        _less(f"MH-MoE (head=3) beats SMoE{words}", three, smoe),
        _less(f"MH-MoE (head=2) beats SMoE{words}", two, smoe),
        _less(f"MH-MoE (head=3) beats fine-grained SMoE{words}", three, fine),
        _less(f"MH-MoE (head=2) beats fine-grained SMoE{words}", two, fine),
        _less(f"three heads beat two{words}", three, two),
        _less(f"fine-grained SMoE beats SMoE{words}", fine, smoe),
        *((_less(f"SMoE beats dense{words}", smoe, f"dense{suffix}"),) if with_dense else ()),
    )


def _gains(name: str) -> Contrast:
    return {"mh-moe-2-with": 1, "mh-moe-2-without": -1, f"{name}-with": -1, f"{name}-without": 1}


_CLAIMS: Mapping[str, tuple[Claim, ...]] = {
    "table1": _of_rows("", "", with_dense=True),
    "table2": _of_rows("-shared", ", all with a shared expert", with_dense=False),
    "table3": _of_rows("-bitnet", ", all in BitNet", with_dense=True),
    "table4": (
        _less("head and merge layers help MH-MoE (head=2)", "mh-moe-2-with", "mh-moe-2-without"),
        Claim("they help MH-MoE more than SMoE", _gains("smoe")),
        Claim("they help MH-MoE more than fine-grained SMoE", _gains("fine-grained")),
    ),
    "table5": (
        _less("the head layer helps", "head", "neither"),
        _less("the merge layer helps", "merge", "neither"),
        _less("both beat the head layer alone", "both", "head"),
        _less("both beat the merge layer alone", "both", "merge"),
        _less("the head layer does more than the merge layer", "head", "merge"),
    ),
}


def judge(claim: Claim, results: Results) -> Judged:
    """The claim against the runs that are done with the same seeds.

    It holds where the interval is below zero on every set, and does not where it is above zero on any.
    """
    by_set = contrasted(claim.contrast, results)
    intervals = [found.interval for found in by_set.values()]
    verdict: Verdict = "undecided at this budget"
    if not by_set:
        verdict = "not run yet"
    elif any(interval is not None and interval[0] > 0 for interval in intervals):
        verdict = "does not hold here"
    elif all(interval is not None and interval[1] < 0 for interval in intervals):
        verdict = "holds here"
    return Judged(claim, by_set, verdict)


def contrasted(contrast: Contrast, results: Results) -> dict[str, Difference]:
    """The weighted sum of perplexities on each set, over the seeds that all its variants have; empty without any."""
    seeds = _common_seeds(list(contrast), results)
    if not seeds:
        return {}
    return {
        name: difference(
            contrast, {variant: [results.final(variant, seed)[name] for seed in seeds] for variant in contrast}
        )
        for name in results.sets
    }


def _common_seeds(variants: Sequence[str], results: Results) -> list[int]:
    """The seeds with which all of these are done."""
    return [seed for seed in range(results.plan.seeds) if all(seed in results.finished(v) for v in variants)]
