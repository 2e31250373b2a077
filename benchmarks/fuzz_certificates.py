"""Damaged and hostile certificates: how many hold, do not or are refused, the slowest check, and the peak of memory."""

import os
from collections import Counter
from random import Random
from typing import Any

from benchmarks.measure import arguments, show_figures
from parity.certificate import check_bytes
from parity.errors import InputError
from tests.certificates import EXAMPLES, damaged, example, signed

CERTIFICATES_A_RUN = 10_000
GOAL_SECONDS, GOAL_MEGABYTES = 5.0, 500.0
"""At most, for one check in a process of its own."""

OUTCOMES = ("holds", "does not hold", "refused", "crashed")


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, runs=1)
    outcomes: Counter[str] = Counter()
    slowest = largest = (0.0, 0)
    check_bytes(signed(example("best")))  # so that a process of its own starts with everything imported
    for seed in range(given.runs * CERTIFICATES_A_RUN):
        random = Random(seed)
        certificate = example(random.choice(sorted(EXAMPLES)))
        data = damaged(certificate, random) if random.randrange(4) else signed(hostile(certificate, random))
        outcome, seconds, megabytes = measured(data)
        outcomes[outcome] += 1
        slowest, largest = max(slowest, (seconds, seed)), max(largest, (megabytes, seed))
    result = {
        "certificates": given.runs * CERTIFICATES_A_RUN,
        **{outcome: outcomes[outcome] for outcome in OUTCOMES},
        "slowest_seconds": slowest[0],
        "slowest_seed": slowest[1],
        "peak_megabytes": largest[0],
        "peak_seed": largest[1],
        "goals": {"crashed": 0, "slowest_seconds": GOAL_SECONDS, "peak_megabytes": GOAL_MEGABYTES},
    }
    goals = f"goals: none crashed; {GOAL_SECONDS:g} s at most for one; {GOAL_MEGABYTES:g} MB at most for one"
    show_figures(result, goals, as_json=given.json)


def hostile(certificate: dict[str, Any], random: Random) -> dict[str, Any]:
    """The certificate of a claim that is as expensive as chance makes it: any sizes that go together."""

    def size(bits: float) -> int:
        return int(2 ** random.uniform(0, bits))

    bits = random.choice((8, 12, 16, 24, 62))
    design, baseline = dict(certificate["design"]), dict(certificate["baseline"])
    for layer in (design, baseline):
        heads = random.choice((1, 1, 2, size(8)))
        width, experts = size(bits) * heads, size(bits)
        layer.update(d_model=width, d_latent=width, heads=heads, num_experts=experts, top_k=min(size(10), experts))
        layer.update(d_expert=size(bits), gated=random.random() < 0.5, router_input="sub_token")
        layer.update(head_layer=random.random() < 0.5, merge_layer=random.random() < 0.5)
    constraints = {
        **certificate["search"]["constraints"],
        "tp": random.choice((1, 1, 3)),
        "ep": random.choice((1, 7, size(bits))),
        "max_experts": random.choice((None, size(62))),
        "tolerance": random.choice((None, None, "1/" + "9" * random.randint(1, 50))),
    }
    search = {"prefer": random.choice(("flops", "balanced")), "fixed": None, "constraints": constraints}
    claim = {"design": design, "baseline": baseline, "search": search, "convention": random.choice(("matmul", "paper"))}
    execution = {"tokens": size(20), "scale_down": random.choice((1, 1, 1, None))}
    return {**certificate, **claim, "execution": execution}


def measured(data: bytes) -> tuple[str, float, float]:
    """What becomes of a certificate in a process of its own, the seconds of a core that it takes, and megabytes."""
    child = os.fork()
    if not child:
        os._exit(OUTCOMES.index(outcome_of(data)))
    _, status, used = os.wait4(child, 0)
    outcome = OUTCOMES[os.WEXITSTATUS(status)] if os.WIFEXITED(status) else "crashed"
    return outcome, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def outcome_of(data: bytes) -> str:
    """What becomes of a certificate."""
    try:
        return "holds" if check_bytes(data).holds else "does not hold"
    except InputError:
        return "refused"
    except Exception:
        return "crashed"


if __name__ == "__main__":
    main()
