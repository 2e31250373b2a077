"""Claims from strangers, damaged: an answer in every format, or a refusal that can be shown."""

import json
from importlib.resources import files
from random import Random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from parity import InputError
from parity.audit import Finding
from parity.report.audit import audit_report
from parity.report.formats import FORMATS
from tests.audits import findings
from tests.examples import examples
from tests.models.mutations import mutated

CLAIMS: list[dict[str, Any]] = json.loads(files("parity").joinpath("data/claims.json").read_text("utf-8"))
EXPRESSIONS = ("d", "m - d/k", "d**20", "(d + m)*k", "1/(d + m)", "63*h*d/4", "d - d", "2**62", "d.real", "d**d", "E0")
VERDICTS = ("holds", "holds-without-router", "holds-at-capacity-1", "holds-in-leading-order", "off", "not-computable")


def damaged(claim: dict[str, Any], seed: int) -> dict[str, Any]:
    """A claim with parts dropped, swapped and changed, and with other numbers or expressions in its designs."""
    random = Random(seed)
    entry = json.loads(json.dumps(claim))
    for side in ("baseline", "design", "equation"):
        for name, value in entry.get(side, {}).items():
            if random.random() < 0.2 and type(value) is int:
                entry[side][name] = random.choice((1, 2, 8, random.randrange(1, 2000), random.randrange(1, 2**63)))
            if random.random() < 0.2 and isinstance(value, str) and name not in ("quantity", "convention"):
                entry[side][name] = random.choice(EXPRESSIONS)
    if random.random() < 0.3:
        entry["printed"] = {"params": random.choice(("1.9B", "3 and 4", "0", "1e99", "x"))}
        entry["moe_layers"] = random.choice((1, 9, 2**62))
    return mutated(entry, random.choice(CLAIMS), random) if random.random() < 0.5 else entry


def writable(entry: dict[str, Any]) -> bool:
    """Whether Python can write it to a file: not lists ever deeper, nor integers of thousands of digits."""
    try:
        return bool(json.dumps(entry))
    except (RecursionError, ValueError):
        return False


def judged(entry: dict[str, Any]) -> list[Finding] | str:
    """The finding, or why the claim is refused."""
    try:
        return findings([entry])
    except InputError as refused:
        return str(refused)


@examples(120)
@given(st.builds(damaged, st.sampled_from(CLAIMS), st.integers(0, 2**64)))
def test_a_damaged_claim_is_judged_or_refused(entry: dict[str, Any]) -> None:
    assume(writable(entry))
    found = judged(entry)
    if isinstance(found, str):
        assert found.isprintable()
        assert 0 < len(found) < 5000
        return
    (one,) = found
    assert one.verdict in VERDICTS
    assert (one.computed is None) == (one.verdict == "not-computable") == bool(one.missing)
    assert (one.nearest is not None) == (one.verdict == "off" and one.claim.equation is None)
    report = audit_report(found)
    for form in FORMATS.values():
        text = form(report)
        assert text.replace("\n", "").isprintable()
    assert json.loads(FORMATS["json"](report))["claims"][0]["verdict"] == one.verdict
