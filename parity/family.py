"""Named constructors: each architecture of the field as a member of the one family.

All take `num_shared_experts` and `d_shared`, and those with projections `head_layer` and
`merge_layer`, which remove them one by one (a latent width needs both). All raise InputError for
values that do not go together.
"""

from fractions import Fraction
from typing import Any, Literal

from parity.design import MoELayer, check_field, shown
from parity.errors import InputError


def dense(d_model: int, d_ffn: int, **fields: Any) -> MoELayer:
    """A dense FFN: one expert, nothing to route."""
    return MoELayer(d_model=d_model, d_expert=d_ffn, num_experts=1, top_k=1, **fields)


def smoe(d_model: int, d_expert: int, num_experts: int, top_k: int = 1, **fields: Any) -> MoELayer:
    """A sparse MoE: whole tokens, one pool (arXiv:1701.06538)."""
    return MoELayer(d_model=d_model, d_expert=d_expert, num_experts=num_experts, top_k=top_k, **fields)


def fine_grained(
    d_model: int, d_expert: int, num_experts: int, top_k: int = 1, *, granularity: int, **fields: Any
) -> MoELayer:
    """A sparse MoE whose experts are each split into `granularity` narrower ones (arXiv:2401.06066, 2402.07871).

    The first four are those of the MoE before the split: the width is divided by the granularity G,
    experts and top-k are multiplied by it.
    """
    for name, value in (("d_expert", d_expert), ("num_experts", num_experts), ("top_k", top_k)):
        check_field(name, value)
    if type(granularity) is not int or granularity < 1 or d_expert % granularity:
        raise InputError(
            f"granularity={shown(granularity)} with d_expert={d_expert}: accepted are divisors of d_expert"
        )
    return smoe(d_model, d_expert // granularity, num_experts * granularity, top_k * granularity, **fields)


def mh_moe(d_model: int, heads: int, d_expert: int, num_experts: int, top_k: int, **fields: Any) -> MoELayer:
    """A multi-head MoE, heads as in arXiv:2411.16205, eqs. 1-5."""
    return MoELayer(d_model=d_model, heads=heads, d_expert=d_expert, num_experts=num_experts, top_k=top_k, **fields)


def first_mh_moe(
    d_model: int,
    heads: int,
    num_experts: int,
    beta: Fraction,
    reading: Literal["own_appendix", "follow_up"],
    top_k: int = 1,
    **fields: Any,
) -> MoELayer:
    """The first multi-head MoE (arXiv:2404.15045), whose experts' width two papers give differently.

    `own_appendix`: 4 * beta * d_model, from its own App. D.1. With it the experts cost no more than
    those of an SMoE of width 4d, but hold a `heads`-th of their parameters.
    `follow_up`: 4 * beta * heads * d_model, as section 2.2 of arXiv:2411.16205 reads it. With it the
    parameters match and the experts cost `heads` times as much.
    """
    if reading not in ("own_appendix", "follow_up"):
        raise InputError(f"reading={reading!r}: accepted are own_appendix and follow_up")
    width = 4 * Fraction(beta) * d_model * (heads if reading == "follow_up" else 1)
    if width.denominator != 1:
        raise InputError(f"beta={beta} gives experts of width {width}: accepted are values that make it an integer")
    return mh_moe(d_model, heads, int(width), num_experts, top_k, **{"gated": False, **fields})


def latent_moe(d_model: int, d_latent: int, d_expert: int, num_experts: int, top_k: int, **fields: Any) -> MoELayer:
    """Experts in a narrower latent space, routed by the whole token (LatentMoE, arXiv:2601.18089)."""
    return MoELayer(
        d_model=d_model,
        d_latent=d_latent,
        router_input="token",
        d_expert=d_expert,
        num_experts=num_experts,
        top_k=top_k,
        **fields,
    )


def multi_head_latent_moe(
    d_model: int, heads: int, d_expert: int, num_experts: int, top_k: int, **fields: Any
) -> MoELayer:
    """Each head with its own experts and router (Multi-Head LatentMoE, arXiv:2602.04870)."""
    return mh_moe(d_model, heads, d_expert, num_experts, top_k, **{"expert_pool": "per_head", **fields})
