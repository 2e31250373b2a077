"""The sweep is exact where costs, and all on the way to them, exceed 64 bits."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

import parity
from parity import Constraints, MoELayer, RawTarget
from parity.design import LARGEST_INTEGER
from parity.family import fine_grained
from parity.sweep import sweep
from tests.examples import examples
from tests.strategies import CONVENTIONS
from tests.sweeps import Among, SweepQuestion, layers_of, listed, sweep_questions, undominated
from tests.test_solve_is_never_beaten import costs, is_on_the_meant_side

BOTH_ERRORS = ("flops_error", "params_error")
WIDTHS = ("d_model", "d_latent", "d_expert", "d_shared")
PRIMES = (2**31 - 1, 2**45 - 55, 2**57 - 13)
"""Coprime to all heads, so that scaled widths have the same divisors among them."""
BEYOND_64_STEPS = SweepQuestion(
    baseline=RawTarget(d_model=4, flops_per_token=24 * 57, params=12 * 57),
    among={"heads": Among.of([(1, 1)]), "top_k": Among.of([(1, 1)])},
    constraints=Constraints(tolerance=Fraction(6, 10)),
)
"""Widths from 23 to 91 at one expert: scaled, the last are more than 2**63 above the first."""

some = examples(80)


def sizes(bits: int) -> st.SearchStrategy[int]:
    """Integers of all magnitudes up to so many bits."""
    return st.builds(lambda power, more: min(2**power + more, 2**bits), st.integers(0, bits), st.integers(0, 3))


@st.composite
def large_layers(draw: st.DrawFn) -> MoELayer:
    heads = draw(sizes(20) | st.just(1), label="heads")
    d_latent = heads * draw(sizes(40), label="d_sub_token")
    d_model = draw(st.just(d_latent) | sizes(61), label="d_model")
    num_experts = draw(sizes(61), label="num_experts")
    shared = draw(st.just((0, 0)) | st.tuples(sizes(61), sizes(61)), label="shared experts")
    return MoELayer(
        d_model=d_model,
        d_latent=d_latent,
        heads=heads,
        num_experts=num_experts,
        top_k=draw(st.integers(1, min(3, num_experts)) | st.just(num_experts) | st.integers(1, num_experts)),
        d_expert=draw(sizes(61), label="d_expert"),
        gated=draw(st.booleans()),
        num_shared_experts=shared[0],
        d_shared=shared[1],
        head_layer=d_latent != d_model or draw(st.booleans()),
        merge_layer=d_latent != d_model or draw(st.booleans()),
        expert_pool=draw(st.sampled_from(("shared", "per_head"))),
    )


@st.composite
def near(draw: st.DrawFn, value: int) -> Among:
    """A few values: this one, others close to it, to its multiples and to its parts."""
    places = st.sampled_from((value, 2 * value, 3 * value, -(-value // 2), -(-value // 3), max(1, value - 1), 1))
    spans = draw(st.lists(st.tuples(places, st.integers(0, 2)), max_size=2))
    ends = [(first, min(first + more, LARGEST_INTEGER)) for first, more in spans if first <= LARGEST_INTEGER]
    return Among.of([*ends, (value, value)])


@st.composite
def large_questions(draw: st.DrawFn, open_unknown: bool) -> SweepQuestion:
    """Sweeps over a few values of everything; one of the two unknowns is left open if asked for."""
    baseline = draw(large_layers(), label="baseline")
    left_out = draw(st.sampled_from(("d_expert", "num_experts"))) if open_unknown else ""
    names = ["heads", "top_k", *(name for name in ("d_expert", "num_experts") if name != left_out)]
    if baseline.head_layer and baseline.merge_layer and draw(st.booleans()):
        names.append("d_latent")
    if baseline.num_shared_experts and draw(st.booleans()):
        names += ["num_shared_experts", "d_shared"]
    return SweepQuestion(
        baseline=baseline,
        among={name: draw(near(getattr(baseline, name)), label=name) for name in names},
        convention=draw(st.sampled_from(CONVENTIONS), label="convention"),
    )


def within(question: SweepQuestion, tolerance: Fraction) -> SweepQuestion:
    return replace(question, constraints=replace(question.constraints, tolerance=tolerance))


@some
@given(large_questions(open_unknown=False), st.sampled_from((0, 1)) | st.fractions(0, 1))
def test_among_listed_values_the_designs_and_the_frontiers_are_exact(question: SweepQuestion, share: Fraction) -> None:
    question = within(question, Fraction(share))
    designs, result = question.designs(), question.sweep()
    assert Counter(listed(result)) == Counter(design.layer for design in designs)
    assert set(layers_of(result.frontier)) == undominated(designs, BOTH_ERRORS, question.wanted)


@some
@given(large_questions(open_unknown=False), st.data())
def test_a_tolerance_that_a_design_just_meets_admits_it_and_the_next_smaller_does_not(
    question: SweepQuestion, data: st.DataObject
) -> None:
    wanted, designs = question.wanted, within(question, Fraction(9)).designs()
    assume(designs)
    spent = data.draw(st.sampled_from(designs), label="just met").costs
    larger = max(Fraction(abs(a - b), b) for a, b in zip(spent, wanted, strict=True))
    for tolerance in (larger, larger * Fraction(10**60 - 1, 10**60)):
        expected = Counter(design.layer for design in within(question, tolerance).designs())
        assert Counter(listed(within(question, tolerance).sweep())) == expected


def last_at_which(holds: Callable[[int], bool]) -> int:
    """The last integer of at least 1 at which what holds up to some point holds; 0 if none."""
    step, last = 1, 0
    while holds(step):
        step *= 2
    while step:
        if holds(last + step):
            last += step
        step //= 2
    return last


def designs_with_one_open(question: SweepQuestion, share: Fraction) -> Iterator[MoELayer]:
    """For each shape and value of the unknown that is listed, what the open one can be. Both costs grow with it."""
    wanted, width_is_open = question.wanted, "num_experts" in question.among
    values = question.among["num_experts" if width_is_open else "d_expert"].values
    has_sides = question.convention == "matmul" and len(values) > 1

    for shape in (chosen.design(1, chosen.top_k) for chosen in question.shapes()):
        for value in values:

            def errors(number: int, shape: MoELayer = shape, value: int = value) -> list[Fraction]:
                width, experts = (number, value) if width_is_open else (value, number)
                spent = costs(shape, question.convention, width, experts, routed=experts > 1)
                return [Fraction(a - b, b) for a, b in zip(spent, wanted, strict=True)]

            last = last_at_which(lambda number: max(errors(number)) <= share)

            def falls_short(number: int, bound: int = last) -> bool:
                return number <= bound and min(errors(number)) < -share

            too_little = last_at_which(falls_short)
            assume(last - too_little <= 200)  # or looking at each would take long
            for number in range(too_little + 1, last + 1):
                width, experts = (number, value) if width_is_open else (value, number)
                if experts >= shape.top_k and not (has_sides and not is_on_the_meant_side(shape, wanted, width)):
                    yield replace(shape, d_expert=width, num_experts=experts)


@some
@given(large_questions(open_unknown=True), st.integers(0, 3))
def test_an_open_unknown_takes_every_value_within_a_small_tolerance(question: SweepQuestion, steps: int) -> None:
    shape = question.baseline
    assert isinstance(shape, MoELayer)
    wider = parity.cost(replace(shape, d_expert=shape.d_expert + 1), question.convention)
    share = Fraction(steps * (wider.flops_per_token - question.wanted.flops), question.wanted.flops)
    expected = list(islice(designs_with_one_open(question, share), 301))
    assume(len(expected) <= 300)
    assert Counter(listed(within(question, share).sweep())) == Counter(expected)


@some
@given(sweep_questions(conventions=("paper",)), st.sampled_from(PRIMES))
@example(BEYOND_64_STEPS, PRIMES[-1])
def test_widths_that_are_scaled_scale_the_designs(question: SweepQuestion, prime: int) -> None:
    factors = dict.fromkeys(WIDTHS, prime) | dict.fromkeys(("flops_per_token", "params"), prime**2)

    def scaled(fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value * factors[name] for name, value in fields.items() if name in factors}

    scaled_among = {
        name: Among.of((value * factors.get(name, 1),) * 2 for value in among.values)
        for name, among in question.among.items()
    }
    constraints = question.constraints
    larger = replace(
        question,
        baseline=replace(question.baseline, **scaled(vars(question.baseline))),
        among=scaled_among,
        fields=question.fields | scaled(question.fields),
        constraints=replace(constraints, d_expert_multiple_of=constraints.d_expert_multiple_of * prime),
    )
    small = question.designs()
    result = larger.sweep()
    assert Counter(listed(result)) == Counter(replace(d.layer, **scaled(vars(d.layer))) for d in small)
    front = undominated(small, BOTH_ERRORS, question.wanted)
    assert set(layers_of(result.frontier)) == {replace(layer, **scaled(vars(layer))) for layer in front}


@some
@given(large_layers(), st.sampled_from(CONVENTIONS))
def test_a_baseline_is_among_the_designs_at_parity_with_it(layer: MoELayer, convention: str) -> None:
    exactly = Constraints(tolerance=Fraction(0))
    result = sweep(
        layer,
        heads=layer.heads,
        top_k=layer.top_k,
        d_expert=layer.d_expert,
        d_latent=layer.d_latent,
        expert_pool=layer.expert_pool,
        convention=convention,
        constraints=exactly,
        router_input=layer.router_input,
        head_layer=layer.head_layer,
        merge_layer=layer.merge_layer,
    )
    assert layer in layers_of(result.frontier)
    for found in layers_of(result.frontier):
        assert parity.cost(found, convention).totals() == parity.cost(layer, convention).totals()


@some
@given(sizes(30), sizes(50), sizes(50), st.integers(1, 4), st.integers(2, 6), st.booleans())
def test_every_granularity_is_found_at_parity(
    d_model: int, d_fine: int, num_experts: int, top_k: int, granularity: int, gated: bool
) -> None:
    assume(top_k <= num_experts)
    coarse = fine_grained(d_model, granularity * d_fine, num_experts, top_k, granularity=1, gated=gated)
    result = sweep(
        coarse,
        heads=1,
        top_k=f"1-{top_k * granularity}",
        granularity=f"1-{granularity}",
        constraints=Constraints(tolerance=Fraction(0)),
    )
    expected = {
        fine_grained(d_model, coarse.d_expert, num_experts, top_k, granularity=parts, gated=gated)
        for parts in range(1, granularity + 1)
        if coarse.d_expert % parts == 0
    }
    assert set(listed(result)) == set(layers_of(result.frontier)) == expected
