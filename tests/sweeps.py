"""Sweeps small enough to be answered by looking at every pair, and that answer, read off cli.md."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import count, dropwhile, product
from math import floor
from typing import Any, NamedTuple

from hypothesis import strategies as st

from parity import Constraints, MoELayer, RawTarget
from parity.sweep import Frontier, SweepResult, sweep
from tests.strategies import CONVENTIONS, Question, constraints, divisors, flags, inherited, layers, raw_targets
from tests.test_solve_is_never_beaten import ALIGNMENT, Costs, costs, is_on_the_meant_side, target

SWEPT = ("heads", "top_k", "d_expert", "num_experts", "granularity", "d_latent", "num_shared_experts", "d_shared")
TOLERANCE = Fraction(1, 100)
"""The tolerance where none is given."""
QUANTITIES = ("flops_error", "params_error", "flops", "params", "active_params", "router_share")
Group = tuple[int, int, str]
"""Heads, top-k and the kind of pool."""


class Among(NamedTuple):
    """A set of integers, and one way to write it."""

    text: str
    values: frozenset[int]

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> "Among":
        """The union of spans from a first to a last integer."""
        spans = list(spans)
        text = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)
        return cls(text, frozenset(value for first, last in spans for value in range(first, last + 1)))


@dataclass(frozen=True)
class Design:
    """A design with what it costs, by the table of design.md."""

    layer: MoELayer
    costs: Costs
    active_params: int
    router_flops: int
    flops_under_matmul: int

    @property
    def group(self) -> Group:
        return self.layer.heads, self.layer.top_k, self.layer.expert_pool

    def quantity(self, name: str, wanted: Costs) -> int | Fraction:
        quantities: dict[str, int | Fraction] = {
            "flops_error": abs(self.costs.flops - wanted.flops),
            "params_error": abs(self.costs.params - wanted.params),
            "flops": self.costs.flops,
            "params": self.costs.params,
            "active_params": self.active_params,
            "router_share": Fraction(self.router_flops, self.flops_under_matmul),
        }
        return quantities[name]


@dataclass(frozen=True, kw_only=True)
class SweepQuestion:
    """The arguments of `sweep`."""

    baseline: MoELayer | RawTarget
    among: dict[str, Among]
    """The ranges that are given, by name."""
    pools: tuple[str, ...] | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    convention: str = "paper"
    constraints: Constraints = field(default_factory=Constraints)

    def sweep(self, **options: Any) -> SweepResult:
        written = {name: among.text for name, among in self.among.items()}
        rest = {"expert_pool": self.pools, "convention": self.convention, "constraints": self.constraints}
        return sweep(self.baseline, **{**written, **rest, **self.fields, **options})

    @property
    def wanted(self) -> Costs:
        return target(Question(baseline=self.baseline, heads=1, top_k=1, flags={}, convention=self.convention))

    @property
    def widths(self) -> frozenset[int] | None:
        """The d_expert asked for; None where all are."""
        if "granularity" not in self.among:
            return self.among["d_expert"].values if "d_expert" in self.among else None
        assert isinstance(self.baseline, MoELayer)
        whole = self.baseline.d_expert
        return frozenset(whole // value for value in self.among["granularity"].values if whole % value == 0)

    def shapes(self) -> Iterator[Question]:
        """Each choice of all but the two unknowns."""
        own: dict[str, Any] = {"num_shared_experts": 0, "d_shared": 0} | inherited(self.baseline) | self.fields
        latents = self._values("d_latent", own.get("d_latent", own["d_model"]))
        for pool, latent, (number, width) in product(self.pools or (None,), latents, self._shared(own)):
            swept = {"d_latent": latent, "expert_pool": pool, "num_shared_experts": number, "d_shared": width}
            chosen = self.fields | {name: value for name, value in swept.items() if value is not None}
            for heads, top_k in product(self.among["heads"].values, self.among["top_k"].values):
                if latent % heads == 0:
                    yield Question(
                        baseline=self.baseline, heads=heads, top_k=top_k, flags=chosen, convention=self.convention
                    )

    def _values(self, name: str, otherwise: int) -> Iterable[int]:
        return self.among[name].values if name in self.among else (otherwise,)

    def _shared(self, own: dict[str, Any]) -> Iterator[tuple[int, int]]:
        for number in self._values("num_shared_experts", own["num_shared_experts"]):
            if number == 0:
                yield 0, 0 if "d_shared" in self.among else own["d_shared"]
            else:
                yield from ((number, width) for width in self._values("d_shared", own["d_shared"]) if width)

    def designs(self) -> list[Design]:
        """Every feasible design, by looking at every pair."""
        return [
            _priced(replace(shape, d_expert=width, num_experts=number), self.convention)
            for shape in (question.design(1, question.top_k) for question in self.shapes())
            for width, number in self._pairs(shape)
        ]

    def _pairs(self, shape: MoELayer) -> Iterator[tuple[int, int]]:
        """The feasible pairs of a shape. Both costs grow with both unknowns, so none is beyond where this ends."""
        wanted, share = self.wanted, TOLERANCE if self.constraints.tolerance is None else self.constraints.tolerance
        allowed = Costs(floor(share * wanted.flops), floor(share * wanted.params))
        fewest = next(self._numbers(shape.top_k), None)
        for width in self._allowed_widths(shape, wanted):
            for number in self._numbers(shape.top_k):
                spent = costs(shape, self.convention, width, number, routed=number > 1)
                over = Costs(spent.flops - wanted.flops, spent.params - wanted.params)
                if over.flops > allowed.flops or over.params > allowed.params:
                    if number == fewest:
                        return
                    break
                if -over.flops <= allowed.flops and -over.params <= allowed.params:
                    yield width, number
                elif -over.flops > allowed.flops and self.convention != "matmul":
                    break  # without a router more experts take no more FLOPs

    def _allowed_widths(self, shape: MoELayer, wanted: Costs) -> Iterator[int]:
        limits, alignment = self.constraints, ALIGNMENT[self.constraints.profile]
        numbers = self.among.get("num_experts")
        fixed = any(values is not None and len(values) == 1 for values in (self.widths, numbers and numbers.values))
        if shape.d_latent // shape.heads % alignment or next(self._numbers(shape.top_k), None) is None:
            return
        allowed = (
            width
            for width in (count(1) if self.widths is None else sorted(self.widths))
            if width % limits.d_expert_multiple_of == width % limits.tp == width // limits.tp % alignment == 0
        )
        if self.convention == "matmul" and not fixed:
            yield from dropwhile(lambda width: not is_on_the_meant_side(shape, wanted, width), allowed)
        else:
            yield from allowed

    def _numbers(self, top_k: int) -> Iterator[int]:
        """The allowed numbers of experts, growing."""
        limits = self.constraints
        for number in sorted(self.among["num_experts"].values) if "num_experts" in self.among else count(top_k):
            if limits.max_experts is not None and number > limits.max_experts:
                return
            if number >= top_k and number % limits.experts_multiple_of == number % limits.ep == 0:
                yield number


def _priced(layer: MoELayer, convention: str) -> Design:
    spent, with_router, without = (
        costs(layer, name, layer.d_expert, layer.num_experts, routed=layer.num_experts > 1)
        for name in (convention, "matmul", "paper")
    )
    pools = layer.heads if layer.expert_pool == "per_head" else 1
    unreachable = max(0, pools * layer.num_experts - layer.heads * layer.top_k)
    one_expert = (3 if layer.gated else 2) * layer.d_latent // layer.heads * layer.d_expert
    return Design(
        layer,
        spent,
        active_params=spent.params - unreachable * one_expert,
        router_flops=with_router.flops - without.flops,
        flops_under_matmul=with_router.flops,
    )


def undominated(designs: list[Design], objectives: Iterable[str], wanted: Costs) -> set[MoELayer]:
    """Those that no other is at least as good as in every objective and better in one."""
    values = {design.layer: tuple(design.quantity(name, wanted) for name in objectives) for design in designs}
    front: list[tuple[int | Fraction, ...]] = []
    for value in sorted(set(values.values())):  # in this order none dominates an earlier one
        if not any(all(a <= b for a, b in zip(better, value, strict=True)) for better in front):
            front.append(value)
    return {layer for layer, value in values.items() if value in front}


def layers_of(frontier: Frontier) -> list[MoELayer]:
    return [found.design for found in frontier]


def listed(result: SweepResult, *more: str) -> list[Any]:
    """The designs in the columns, each with the elements of further columns beside it if any are named."""
    assert result.columns is not None
    fields = {name: result.columns[name].tolist() for name in MoELayer.__dataclass_fields__}
    designs = [MoELayer(**dict(zip(fields, values, strict=True))) for values in zip(*fields.values(), strict=True)]
    return list(zip(designs, *(result.columns[name].tolist() for name in more), strict=True)) if more else designs


@st.composite
def among(draw: st.DrawFn, least: int, most: int, including: int | None = None) -> Among:
    """A set within reach of `least` to `most`: single values and ranges in any order, overlapping or with gaps."""
    firsts = st.integers(least, most)
    spans = draw(st.lists(st.tuples(firsts, st.integers(0, 1) | st.integers(0, most // 2)), min_size=1, max_size=3))
    ends = [(first, first + more) for first, more in spans]
    return Among.of(ends if including is None else draw(st.permutations([*ends, (including, including)])))


@st.composite
def sweep_questions(draw: st.DrawFn, conventions: tuple[str, ...] = CONVENTIONS) -> SweepQuestion:
    """Sweeps of every kind."""
    rarely = st.sampled_from((False, False, False, True))
    some_layers = layers(most_experts=6, widest_expert=16) | layers(most_experts=4, widest_expert=60)
    baseline: MoELayer | RawTarget = draw(raw_targets()) if draw(rarely) else draw(some_layers)
    fields = draw(flags(baseline), label="fields")
    for name in ("d_latent", "expert_pool", "num_shared_experts", "d_shared"):
        fields.pop(name, None)
    own: dict[str, Any] = {"num_shared_experts": 0, "d_shared": 0} | inherited(baseline) | fields
    given = {name: draw(among(1, 4, including=getattr(baseline, name, 1)), label=name) for name in ("heads", "top_k")}
    optional = {"num_experts": among(1, 12), "d_latent": among(1, 12), "num_shared_experts": among(0, 2)}
    given |= {name: draw(values, label=name) for name, values in optional.items() if draw(rarely)}
    if draw(rarely):
        given["d_expert"] = draw(among(1, 24), label="d_expert")
    elif isinstance(baseline, MoELayer) and draw(rarely):
        given["granularity"] = draw(among(1, 6, including=draw(st.sampled_from(divisors(baseline.d_expert)))))
    numbers = given["num_shared_experts"].values if "num_shared_experts" in given else {own["num_shared_experts"]}
    if max(numbers) and (own["d_shared"] == 0 or draw(rarely)):
        given["d_shared"] = draw(among(0, 4, including=draw(st.integers(1, 4))), label="d_shared")
    latents = given["d_latent"].values if "d_latent" in given else {own.get("d_latent", own["d_model"])}
    if latents != {own["d_model"]}:
        fields |= {"head_layer": True, "merge_layer": True}
    if given["heads"].values == {1} and draw(rarely):
        fields["router_input"] = draw(st.sampled_from(("sub_token", "token")), label="router_input")
    pools = st.sampled_from((("shared",), ("per_head",), ("shared", "per_head"), ("per_head", "shared")))
    share = st.none() | st.just(Fraction(0)) if draw(rarely) else st.fractions(Fraction(1, 50), Fraction(3, 5))
    constrained = constraints(draw(st.sampled_from((1, 8)))) if draw(rarely) else st.just(Constraints())
    return SweepQuestion(
        baseline=baseline,
        among=given,
        pools=draw(pools, label="pools") if draw(rarely) else None,
        fields=fields,
        convention=draw(st.sampled_from(conventions), label="convention"),
        constraints=replace(draw(constrained), tolerance=draw(share, label="tolerance")),
    )
