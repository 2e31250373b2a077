"""A certificate holds for any two designs, and says what solve says."""

import json
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from parity import InfeasibleError, InputError, MoELayer, SolveResult, cost, solve
from parity.certificate import Claim, canonical, certify, check_bytes
from parity.certificate.optimality import optimality
from parity.verify import execute
from tests.certificates import EXAMPLES, claims, example, signed
from tests.examples import examples
from tests.strategies import CONVENTIONS

ELSEWHERE = Path(__file__).parent / "data" / "certificates"


@examples(60)
@given(claims())
def test_every_certificate_holds(claim: Claim) -> None:
    certificate = certify(claim)
    checked = check_bytes(canonical(certificate))
    assert checked.differences == ()
    assert checked.holds
    assert check_bytes(json.dumps(certificate, indent=1).encode("utf-8")).holds


@pytest.mark.parametrize(
    ("wrong", "shows"),
    [
        ({"tokens": 0}, "tokens=0"),
        ({"convention": "mine"}, "convention=mine"),
        ({"prefer": "accurate"}, "prefer=accurate"),
        ({"tokens": -1, "scale_down": 0}, "tokens=-1.*scale_down=0"),
    ],
)
def test_a_claim_that_no_certificate_could_hold_is_refused_whole(wrong: dict[str, Any], shows: str) -> None:
    with pytest.raises(InputError, match=shows):
        certify(replace(EXAMPLES["best"], **wrong))


@pytest.mark.parametrize("path", sorted(ELSEWHERE.glob("*.json")), ids=lambda path: path.stem)
def test_a_certificate_of_another_machine_holds(path: Path) -> None:
    assert check_bytes(path.read_bytes()).differences == ()


@given(claims())
def test_the_digest_is_that_of_the_interface(claim: Claim) -> None:
    certificate = certify(claim)
    assert canonical(certificate) == signed(certificate)


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_certificate_has_no_float_and_is_ascii(name: str) -> None:
    def parts(content: Any) -> Iterator[Any]:
        yield content
        for part in content.values() if isinstance(content, dict) else content if isinstance(content, list) else ():
            yield from parts(part)

    assert not any(isinstance(part, float) for part in parts(example(name)))
    assert canonical(example(name)).isascii()


def solved(claim: Claim) -> SolveResult | None:
    """What `solve` says of the claim's problem."""
    fields = claim.design.to_dict()
    unknowns = {name: fields.pop(name) for name in ("d_expert", "num_experts")}
    asked: dict[str, Any] = fields | {name: value for name, value in unknowns.items() if name == claim.fixed}
    try:
        return solve(
            claim.baseline,
            convention=claim.convention,
            prefer=claim.prefer,
            constraints=claim.constraints,
            **asked,
        )
    except InfeasibleError:
        return None


@examples(150)
@given(claims())
def test_the_best_is_what_solve_finds(claim: Claim) -> None:
    found = optimality(claim).data()
    result = solved(claim)
    if result is None:
        assert found["best"] is None
        assert not found["optimal"]
        return
    best = result.best
    assert (found["best"]["d_expert"], found["best"]["num_experts"]) == (best.design.d_expert, best.design.num_experts)
    assert found["best"]["error"] == {"flops": str(best.flops_error), "params": str(best.params_error)}
    assert found["optimal"] == (result.optimal and best.design == claim.design)


@examples(60)
@given(claims())
def test_what_solve_finds_is_certified_optimal(claim: Claim) -> None:
    result = solved(claim)
    if result is None or result.best.design.d_expert > 500 or result.best.design.num_experts > 500:
        return
    found = optimality(replace(claim, design=result.best.design)).data()
    assert found["optimal"] == result.optimal
    assert found["violated"] == []
    assert found["on_the_other_side"] is False
    assert found["before"] == [] or not result.optimal


def errors_of(claim: Claim) -> tuple[Fraction, Fraction]:
    design, baseline = (cost(layer, claim.convention) for layer in (claim.design, claim.baseline))
    flops = Fraction(design.flops_per_token, baseline.flops_per_token) - 1
    return flops, Fraction(design.params, baseline.params) - 1


@given(claims())
def test_only_an_allowed_design_is_optimal_and_others_are_named_before_it_in_order(claim: Claim) -> None:
    found = optimality(claim).data()
    errors = errors_of(claim)

    def place(errors: tuple[Fraction, Fraction], d_expert: int, num_experts: int) -> tuple[Any, ...]:
        larger = (max(map(abs, errors)), sum(map(abs, errors)))
        return (*(map(abs, errors) if claim.prefer == "flops" else larger), num_experts, d_expert)

    places = [
        place((Fraction(b["error"]["flops"]), Fraction(b["error"]["params"])), b["d_expert"], b["num_experts"])
        for b in found["before"]
    ]
    places.append(place(errors, claim.design.d_expert, claim.design.num_experts))
    assert places == sorted(set(places))
    if found["optimal"]:
        assert found["violated"] == found["before"] == []
    elif found["best_proven"] and found["best"] and not found["violated"] and not found["on_the_other_side"]:
        assert found["before"] or found["paired_experts"] not in (None, claim.design.num_experts)


@examples(200)
@given(claims())
def test_a_width_pairs_with_the_allowed_experts_nearest_to_parameter_parity(claim: Claim) -> None:
    found = optimality(claim).data()["paired_experts"]
    if found is None:
        return
    c, design = claim.constraints, claim.design

    def allowed(num_experts: int) -> bool:
        within = c.max_experts is None or num_experts <= c.max_experts
        multiple = num_experts % c.experts_multiple_of == num_experts % c.ep == 0
        errors = map(abs, errors_of(replace(claim, design=replace(design, num_experts=num_experts))))
        return within and multiple and (c.tolerance is None or max(errors) <= c.tolerance)

    def distance(num_experts: int) -> Fraction:
        return abs(errors_of(replace(claim, design=replace(design, num_experts=num_experts)))[1])

    most = max(found, 400)
    assert found == min(filter(allowed, range(design.top_k, most + 1)), key=lambda n: (distance(n), n))


@given(claims())
def test_the_constraints_violated_are_those_of_the_interface(claim: Claim) -> None:
    c, design = claim.constraints, claim.design
    flops, params = map(abs, errors_of(claim))
    multiple = {"none": 1, "bf16": 8}[c.profile]
    met = {
        "experts_multiple_of": design.num_experts % c.experts_multiple_of == 0,
        "ep": design.num_experts % c.ep == 0,
        "tp": design.d_expert % c.tp == 0,
        "d_expert_multiple_of": design.d_expert % c.d_expert_multiple_of == 0,
        "max_experts": c.max_experts is None or design.num_experts <= c.max_experts,
        "tolerance": c.tolerance is None or (flops <= c.tolerance and params <= c.tolerance),
        "profile": design.d_sub_token % multiple == 0
        and (design.d_expert % c.tp != 0 or design.d_expert // c.tp % multiple == 0),
    }
    assert optimality(claim).data()["violated"] == [name for name, is_met in met.items() if not is_met]


@given(claims())
def test_errors_are_those_of_the_costs_under_every_convention(claim: Claim) -> None:
    costs = certify(claim)["costs"]
    assert set(costs) == set(CONVENTIONS)
    for convention, found in costs.items():
        for which, layer in (("baseline", claim.baseline), ("design", claim.design)):
            assert found[which] == cost(layer, convention).totals()
        for total, error in found["error"].items():
            assert found["design"][total] == found["baseline"][total] * (1 + Fraction(error))


@examples(40)
@given(claims())
def test_nothing_but_the_informative_depends_on_the_seed(claim: Claim) -> None:
    one, other = (certify(claim, seed=seed) for seed in (0, 1))
    differing = {name for name in one if one[name] != other[name]}
    assert differing == {"informative", "digest"}


def test_the_papers_designs_are_executed_at_full_scale() -> None:
    paper = MoELayer(d_model=768, heads=3, d_expert=512, num_experts=96, top_k=3)
    certificate = certify(Claim(baseline=paper, design=paper))
    assert certificate["executed"]["layer"] == paper.to_dict()
    assert certificate["executed"]["params"]["allocated"] == 2 * 768**2 + 96 * (256 + 3 * 256 * 512)


@examples(30)
@given(claims())
def test_executing_takes_no_more_memory_than_was_said(claim: Claim) -> None:
    import tracemalloc

    from parity.verify import bytes_to_execute

    execute(claim.design, 200)
    tracemalloc.start()
    execute(claim.design, 200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= bytes_to_execute(claim.design, 200) + 400_000
