"""Calls of layers of the whole family, small enough to be made hundreds of times, and comparisons of what they give."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from parity import MoELayer
from reference import MoEConfig, backward, forward, init
from tests.strategies import layers

Array = NDArray[Any]

STEP = 1e-5
"""Of central differences: at this step rounding and curvature both cost less than 1e-9 of a derivative."""

ROUNDING = 1e-10
"""What rounding costs a central difference at most, as a share of the sum of the absolute terms of the loss."""


@dataclass(frozen=True)
class Call:
    """One call of a layer. Its arrays follow from the seed, so a failure prints in one line and can be repeated."""

    config: MoEConfig
    tokens: int
    seed: int

    @cached_property
    def params(self) -> dict[str, Array]:
        return init(self.config, np.random.default_rng(self.seed))

    @cached_property
    def x(self) -> Array:
        return self.normal((self.tokens, self.config.d_model), 1)

    @cached_property
    def dy(self) -> Array:
        return self.normal((self.tokens, self.config.d_model), 2)

    @property
    def sub_tokens(self) -> int:
        return self.tokens * self.config.heads

    def normal(self, shape: tuple[int, ...], stream: int) -> Array:
        """Normal numbers of the layer's dtype, other ones for each stream."""
        return np.random.default_rng((self.seed, stream)).standard_normal(shape).astype(self.config.dtype)

    def run(self, chosen: Array | None = None) -> dict[str, Array]:
        """What the call gives: see `results`."""
        return results(self.params, self.x, self.dy, self.config, chosen)


def results(
    params: Mapping[str, Array], x: Array, dy: Array, config: MoEConfig, chosen: Array | None = None
) -> dict[str, Array]:
    """Outputs and all gradients, by name: y, dx and the names of the parameters."""
    y, cache = forward(params, x, config, chosen)
    dx, grads = backward(params, dy, cache, config)
    return {"y": y, "dx": dx, **grads}


def config_of(layer: MoELayer, **how: Any) -> MoEConfig:
    """The engine's configuration of a design, and how it is to be computed."""
    fields: dict[str, Any] = {**layer.to_dict(), **how}
    return MoEConfig(**fields)


SMALL = layers(most_experts=10, widest_expert=9)
ROUTED = SMALL.filter(lambda layer: layer.num_experts > 1)
SPARSE = SMALL.filter(lambda layer: layer.top_k > 1)
PLAIN = SMALL.map(
    lambda layer: replace(
        layer,
        d_latent=layer.d_model,
        heads=1,
        head_layer=False,
        merge_layer=False,
        router_input="sub_token",
        expert_pool="shared",
        num_shared_experts=0,
        d_shared=0,
    )
)
"""One head, no projections, no shared experts: SMoE, fine-grained or dense."""

TOKENS = st.sampled_from((0, 1)) | st.integers(2, 12)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def calls(
    draw: st.DrawFn,
    /,
    of: st.SearchStrategy[MoELayer] = SMALL,
    tokens: st.SearchStrategy[int] = TOKENS,
    **how: Any,
) -> Call:
    """A call of a layer in float64, whatever the activation and the gates; `how` fixes fields of the engine."""
    options: dict[str, Any] = {
        "renormalize": draw(st.booleans(), label="renormalize"),
        "activation": draw(st.sampled_from(("silu", "gelu", "relu")), label="activation"),
        "dtype": "float64",
    }
    config = config_of(draw(of, label="layer"), **options | how)
    return Call(config, draw(tokens, label="tokens"), draw(SEEDS, label="seed"))


def assert_close(actual: Array, expected: Array, relative: float, what: str = "", least: float = 0) -> None:
    """They differ by at most `relative` of the largest expected magnitude, or of `least` where that is larger."""
    assert actual.shape == expected.shape, what
    scale = max(np.abs(expected).max(initial=0), least)
    difference = np.abs(actual.astype(np.float64) - expected).max(initial=0)
    assert difference <= relative * scale, f"{what}: off by {difference} where the largest is {scale}"


def assert_all_close(actual: Mapping[str, Array], expected: Mapping[str, Array], relative: float) -> None:
    """The same names, and under each one close arrays."""
    assert actual.keys() == expected.keys()
    for name, array in actual.items():
        assert_close(array, expected[name], relative, name)


def assert_is_gradient(
    gradients: Mapping[str, Array], terms: Callable[[dict[str, Array]], Array], at: Mapping[str, Array], seed: int
) -> None:
    """Each gradient of the sum of `terms`, along one direction, is the central difference within 1e-6.

    A direction moves every number the way its gradient points and those without a gradient up. So nothing
    cancels in the derivative, and a wrong entry changes it.
    """
    rng = np.random.default_rng((seed, 3))
    loss = np.abs(terms(dict(at))).sum()
    for name, gradient in gradients.items():
        direction = rng.uniform(0.5, 1.5, gradient.shape) * np.where(gradient < 0, -1, 1)
        up, down = (terms({**at, name: at[name] + step * direction}) for step in (STEP, -STEP))
        difference = (up - down).sum() / (2 * STEP)
        derivative = (gradient * direction).sum()
        error = abs(difference - derivative)
        assert error <= max(1e-6 * abs(derivative), ROUNDING * loss), f"{name}: {derivative}, differences {difference}"


def hidden_signs(params: Mapping[str, Array], x: Array, config: MoEConfig) -> list[Array]:
    """On which side of ReLU's kink each hidden unit is, of every expert whether chosen or not."""
    latent = np.dot(x, params["head"]) if config.head_layer else x
    w_in = params["w_in"].reshape(-1, *params["w_in"].shape[-2:])[..., : config.d_expert]
    signs = [np.einsum("nH,eHF->neF", latent.reshape(-1, config.d_sub_token), w_in) > 0]
    if config.num_shared_experts:
        signs.append(np.einsum("tD,sDF->tsF", x, params["shared_in"][..., : config.d_shared]) > 0)
    return signs


@contextmanager
def small_pieces() -> Iterator[None]:
    """Few tokens make several blocks, few rows of an expert several pieces, and threads take turns often."""
    interval = sys.getswitchinterval()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("reference.moe.BLOCK", 5)
        patch.setattr("reference.experts.MOST_ROWS", 3)
        patch.setattr("reference.weights.LEAST_ROWS", 4)
        patch.setattr("reference.threads.BLOCK", 6)
        sys.setswitchinterval(1e-6)
        try:
            yield
        finally:
            sys.setswitchinterval(interval)
