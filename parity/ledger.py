"""The formulas, written once: the products each op executes per token and the parameters it holds.

Plain arithmetic without division, so that integers give exact integers, fractions exact rationals,
NumPy arrays a sweep and SymPy symbols an expression. What exists and how wide it is has been decided
before, in `Dimensions`.

Legend: d = d_model, l = d_latent, h = heads, w = l / h = d_sub_token, E = num_experts, k = top_k,
m = d_expert, s shared experts of width m_s. A gated expert has two input matrices, an ungated one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parity.design import MoELayer

Number = Any
"""An int, a Fraction, a NumPy array or a SymPy expression."""


@dataclass(frozen=True)
class Dimensions:
    """A layer as its formulas see it: widths and counts of any kind of number, and what exists."""

    d_model: Number
    d_latent: Number
    d_sub_token: Number
    heads: Number
    num_experts: Number
    top_k: Number
    d_expert: Number
    input_matrices: int
    num_shared_experts: Number
    d_shared: Number
    d_router: Number
    """Width of what the router sees."""
    pools: Number
    """Pools of experts, each with a router: one, or one a head."""
    reachable_experts: Number
    """The most experts that one token can reach, over all pools."""
    has_head: bool
    has_router: bool
    has_merge: bool
    has_shared: bool
    has_bias: bool
    """Whether head and merge layers have biases."""


def dimensions(layer: MoELayer) -> Dimensions:
    """The dimensions of a validated layer."""
    return resolved(layer.to_dict(), layer.d_sub_token, layer.reachable_experts)


def resolved(fields: Mapping[str, Any], d_sub_token: Number, reachable_experts: Number) -> Dimensions:
    """The dimensions of a layer whose fields, all of them given, are numbers of any kind.

    A number of heads, experts or shared experts that is a symbol means more than one.
    """
    return Dimensions(
        d_model=fields["d_model"],
        d_latent=fields["d_latent"],
        d_sub_token=d_sub_token,
        heads=fields["heads"],
        num_experts=fields["num_experts"],
        top_k=fields["top_k"],
        d_expert=fields["d_expert"],
        input_matrices=2 if fields["gated"] else 1,
        num_shared_experts=fields["num_shared_experts"],
        d_shared=fields["d_shared"],
        d_router=fields["d_model"] if fields["router_input"] == "token" else d_sub_token,
        pools=fields["heads"] if fields["expert_pool"] == "per_head" else 1,
        reachable_experts=reachable_experts,
        has_head=fields["head_layer"],
        has_router=fields["num_experts"] != 1,
        has_merge=fields["merge_layer"],
        has_shared=fields["num_shared_experts"] != 0,
        has_bias=fields["projection_bias"],
    )


@dataclass(frozen=True)
class Product:
    """`count` matrix products a token, each of an m x k matrix by a k x n one, with or without a bias added."""

    count: Number
    m: Number
    n: Number
    k: Number
    biased: bool = False


@dataclass(frozen=True)
class Op:
    """One op of the layer, per token: its products, the parameters it holds and those a token reaches."""

    name: str
    products: tuple[Product, ...]
    params: Number
    active_params: Number


def ops(x: Dimensions) -> list[Op]:
    """The ops of the layer in the order of execution; absent ones are left out.

    Source: arXiv:2411.16205, eqs. 1-7; arXiv:2002.05202, eq. 6 (gated); arXiv:2601.18089 (latent, router on the token);
    arXiv:2602.04870 (per-head pools).
    """
    ledger = []
    if x.has_head:
        ledger.append(_projection("head", x.d_model, x.d_latent, x.has_bias))
    if x.has_router:
        scores = Product(x.heads, 1, x.num_experts, x.d_router)
        ledger.append(_always_active("router", (scores,), x.pools * x.d_router * x.num_experts))
    expert_params = x.d_sub_token * x.input_matrices * x.d_expert + x.d_expert * x.d_sub_token
    expert_products = _ffn(x.heads * x.top_k, x.d_sub_token, x.input_matrices, x.d_expert)
    ledger.append(
        Op(
            "experts",
            expert_products,
            params=x.pools * x.num_experts * expert_params,
            active_params=x.reachable_experts * expert_params,
        )
    )
    if x.has_merge:
        ledger.append(_projection("merge", x.d_latent, x.d_model, x.has_bias))
    if x.has_shared:
        shared_params = x.d_model * x.input_matrices * x.d_shared + x.d_shared * x.d_model
        shared_products = _ffn(x.num_shared_experts, x.d_model, x.input_matrices, x.d_shared)
        ledger.append(_always_active("shared", shared_products, x.num_shared_experts * shared_params))
    return ledger


def _ffn(count: Number, width: Number, input_matrices: int, hidden: Number) -> tuple[Product, Product]:
    return Product(count, 1, input_matrices * hidden, width), Product(count, 1, width, hidden)


def _projection(name: str, inputs: Number, outputs: Number, has_bias: bool) -> Op:
    params = inputs * outputs + outputs if has_bias else inputs * outputs
    return _always_active(name, (Product(1, 1, outputs, inputs, has_bias),), params)


def _always_active(name: str, products: tuple[Product, ...], params: Number) -> Op:
    return Op(name, products, params, active_params=params)
