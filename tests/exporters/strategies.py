"""Requests to export: layers of the whole family, and those that a target can express."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from parity import MoELayer
from parity.exporters import Computation, Request
from reference import MoEConfig
from tests.strategies import divisors, layers

COMPUTATIONS = st.builds(
    Computation, renormalize=st.booleans(), activation=st.none() | st.sampled_from(("silu", "gelu", "relu"))
)


@st.composite
def any_requests(draw: st.DrawFn) -> Request:
    """A layer of the whole family, biases of the projections included, however it computes."""
    layer = draw(layers(most_experts=10, widest_expert=9), label="layer")
    return Request(replace(layer, projection_bias=draw(st.booleans())), draw(COMPUTATIONS, label="how"))


def reference_config(request: Request, dtype: Any = "float64") -> MoEConfig:
    """The engine's configuration of the same layer."""
    fields: dict[str, Any] = request.layer.to_dict()
    return MoEConfig(**fields, renormalize=request.how.renormalize, activation=request.activation, dtype=dtype)


@st.composite
def plain_layers(draw: st.DrawFn, *, shared: bool = False, gated: bool = True) -> MoELayer:
    """Layers without heads and projections; shared experts, if any, as wide as some routed ones together."""
    d_expert, experts = draw(st.integers(1, 24)), draw(st.integers(2, 12))
    several = draw(st.integers(1, 3)) if shared else 0
    number = draw(st.sampled_from(divisors(several))) if shared else 0
    return MoELayer(
        d_model=draw(st.integers(1, 64)),
        d_expert=d_expert,
        num_experts=experts,
        top_k=draw(st.integers(1, experts)),
        gated=gated,
        num_shared_experts=number,
        d_shared=several // number * d_expert if number else 0,
    )


@st.composite
def latent_layers(draw: st.DrawFn) -> MoELayer:
    """Layers of two matrices in a latent space that the router does not see."""
    layer = draw(plain_layers(shared=True, gated=False))
    latent = draw(st.integers(1, 64))
    return replace(layer, d_latent=latent, head_layer=True, merge_layer=True, router_input="token")


DENSE = st.builds(
    MoELayer,
    d_model=st.integers(1, 64),
    d_expert=st.integers(1, 64),
    num_experts=st.just(1),
    top_k=st.just(1),
    gated=st.booleans(),
)


def expressible_in_hf() -> st.SearchStrategy[Request]:
    """Layers that a family of transformers has, however they compute."""
    kinds = (plain_layers(), plain_layers(shared=True), plain_layers(shared=True, gated=False), latent_layers(), DENSE)
    return st.builds(Request, st.one_of(*kinds), COMPUTATIONS)


def expressible_in_megatron() -> st.SearchStrategy[Request]:
    """Layers that Megatron has and builds without Transformer Engine, with the activations that its flags know."""
    layer = plain_layers() | plain_layers(shared=True) | plain_layers(shared=True, gated=False)
    return st.builds(Request, layer, st.builds(Computation, renormalize=st.booleans()))


def expressible_in_olmo_core() -> st.SearchStrategy[Request]:
    """Layers that OLMo-core has: experts of three matrices, perhaps in a narrower latent space."""
    latent = st.builds(
        lambda layer, latent, biases: replace(
            layer,
            d_model=layer.d_model + latent,
            d_latent=latent,
            head_layer=True,
            merge_layer=True,
            router_input="token",
            projection_bias=biases,
        ),
        plain_layers() | plain_layers(shared=True),
        st.integers(1, 24),
        st.booleans(),
    )
    layer = plain_layers() | plain_layers(shared=True) | latent
    return st.builds(Request, layer, st.builds(Computation, renormalize=st.booleans()))
