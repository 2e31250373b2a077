"""Layers and parity problems of the whole family, small enough to be solved by looking at every pair."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

from parity import Constraints, MoELayer, RawTarget, SolveResult, solve
from parity.search import Prefer
from parity.solve import Solution

CONVENTIONS = ("paper", "matmul", "scalar")
WITHOUT_ROUTER = ("paper", "scalar")
WHOLE_FRONT = 10**9
"""A limit that no Pareto front here reaches."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """The arguments of `solve`; `flags` are the fields of the design that are given."""

    baseline: MoELayer | RawTarget
    heads: int
    top_k: int
    flags: dict[str, Any]
    convention: str
    prefer: Prefer = "flops"
    constraints: Constraints = field(default_factory=Constraints)
    num_experts: int | None = None
    d_expert: int | None = None

    def solve(self, limit: int = WHOLE_FRONT) -> SolveResult:
        return solve(
            self.baseline,
            heads=self.heads,
            top_k=self.top_k,
            convention=self.convention,
            prefer=self.prefer,
            constraints=self.constraints,
            num_experts=self.num_experts,
            d_expert=self.d_expert,
            limit=limit,
            **self.flags,
        )

    def design(self, d_expert: int, num_experts: int) -> MoELayer:
        """The design asked for, by what cli.md says of where each field comes from."""
        fields = inherited(self.baseline) | self.flags
        if self.heads > 1 and "router_input" not in self.flags:
            fields["router_input"] = "sub_token"
        return MoELayer(**fields, heads=self.heads, top_k=self.top_k, d_expert=d_expert, num_experts=num_experts)


def inherited(baseline: MoELayer | RawTarget) -> dict[str, Any]:
    """The fields that a design takes from its baseline unless they are flagged."""
    names = ["d_model"]
    if isinstance(baseline, MoELayer):
        names += ["gated", "num_shared_experts", "d_shared"]
        if baseline.heads > 1 or baseline.head_layer or baseline.merge_layer:
            names += ["d_latent", "head_layer", "merge_layer", "router_input", "expert_pool"]
    return {name: getattr(baseline, name) for name in names}


def larger_error(found: Solution) -> Fraction:
    return max(abs(found.flops_error), abs(found.params_error))


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


@st.composite
def layers(draw: st.DrawFn, most_experts: int = 8, widest_expert: int = 24) -> MoELayer:
    """Any layer: dense, sparse, fine-grained, multi-head, latent, per-head pools; projections, shared experts."""
    d_latent = draw(st.integers(1, 12) | st.sampled_from((8, 16)))
    d_model = draw(st.just(d_latent) | st.integers(1, 16))
    heads = draw(st.sampled_from(divisors(d_latent)))
    num_experts = draw(st.integers(1, most_experts))
    shared = draw(SHARED)
    return MoELayer(
        d_model=d_model,
        d_latent=d_latent,
        heads=heads,
        num_experts=num_experts,
        top_k=draw(st.integers(1, num_experts)),
        d_expert=draw(st.integers(1, widest_expert)),
        gated=draw(st.booleans()),
        head_layer=d_latent != d_model or draw(st.booleans()),
        merge_layer=d_latent != d_model or draw(st.booleans()),
        router_input=draw(st.sampled_from(("sub_token", "token"))) if heads == 1 else "sub_token",
        expert_pool=draw(st.sampled_from(("shared", "per_head"))),
        **shared,
    )


SHARED = st.just({"num_shared_experts": 0, "d_shared": 0}) | st.builds(
    lambda number, width: {"num_shared_experts": number, "d_shared": width}, st.integers(1, 2), st.integers(1, 4)
)


def raw_targets() -> st.SearchStrategy[RawTarget]:
    """Costs that no layer need have."""
    return st.builds(
        RawTarget, d_model=st.integers(3, 10), flops_per_token=st.integers(300, 2_000), params=st.integers(150, 2_000)
    )


@st.composite
def flags(draw: st.DrawFn, baseline: MoELayer | RawTarget) -> dict[str, Any]:
    """Some fields of the design other than the baseline's; of the rest, those that must follow."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        "d_model": st.integers(baseline.d_model // 2 + 1, 16),
        "d_latent": st.integers(baseline.d_model // 2 + 1, 16),
        "gated": st.booleans(),
        "head_layer": st.booleans(),
        "merge_layer": st.booleans(),
        "expert_pool": st.sampled_from(("shared", "per_head")),
    }
    rarely = st.sampled_from((False, False, False, True))
    chosen = {name: draw(value, label=name) for name, value in optional.items() if draw(rarely)}
    if draw(rarely):
        chosen |= draw(SHARED)
    fields = inherited(baseline) | chosen
    if fields.get("d_latent", fields["d_model"]) != fields["d_model"]:
        chosen |= {"head_layer": True, "merge_layer": True}
    return chosen


@st.composite
def constraints(draw: st.DrawFn, d_sub_token: int) -> Constraints:
    """Constraints of every kind, most of them left out; the profile nearly always one that the width allows."""
    multiples = st.just(1) | st.integers(1, 4)
    bounds = st.none() | st.none() | st.integers(1, 24)
    shares = st.builds(Fraction, st.integers(0, 60), st.just(200))
    profiles = ("none", "none", "none", "bf16") if d_sub_token % 8 == 0 else ("none",) * 15 + ("bf16",)
    return Constraints(
        experts_multiple_of=draw(multiples),
        d_expert_multiple_of=draw(multiples),
        ep=draw(multiples),
        tp=draw(multiples),
        max_experts=draw(bounds),
        tolerance=draw(st.none() | st.none() | shares),
        profile=draw(st.sampled_from(profiles)),
    )


@st.composite
def questions(
    draw: st.DrawFn,
    conventions: tuple[str, ...] = CONVENTIONS,
    prefers: tuple[Prefer, ...] = ("flops", "balanced"),
    fixed: tuple[str, ...] = ("", "", "num_experts", "d_expert"),
    constrained: bool = True,
) -> Question:
    """Problems of every kind; `fixed` names the unknown that may be given, and "" is neither."""
    baseline = draw(layers() | layers(most_experts=6, widest_expert=60) | raw_targets(), label="baseline")
    chosen = draw(flags(baseline), label="flags")
    fields = inherited(baseline) | chosen
    d_latent = fields.get("d_latent", fields["d_model"])
    heads = draw(st.sampled_from(divisors(d_latent)), label="heads")
    if heads == 1 and draw(st.booleans()):
        chosen["router_input"] = draw(st.sampled_from(("sub_token", "token")), label="router_input")
    top_k = draw(st.integers(1, 4), label="top_k")
    given = draw(st.sampled_from(fixed), label="fixed")
    return Question(
        baseline=baseline,
        heads=heads,
        top_k=top_k,
        flags=chosen,
        convention=draw(st.sampled_from(conventions), label="convention"),
        prefer=draw(st.sampled_from(prefers), label="prefer"),
        constraints=draw(constraints(d_latent // heads), label="constraints") if constrained else Constraints(),
        num_experts=draw(st.integers(top_k, 16), label="num_experts") if given == "num_experts" else None,
        d_expert=draw(st.integers(1, 6) | st.integers(1, 48), label="d_expert") if given == "d_expert" else None,
    )
