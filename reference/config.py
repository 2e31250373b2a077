"""One layer as the engine builds it."""

from dataclasses import dataclass
from typing import Any, Literal

from reference.errors import EngineError

_DERIVED: Any = None  # filled in on construction

_LEAST = {
    "d_model": 1,
    "d_latent": 1,
    "heads": 1,
    "num_experts": 1,
    "top_k": 1,
    "d_expert": 1,
    "num_shared_experts": 0,
    "d_shared": 0,
}
_CHOICES: dict[str, tuple[object, ...]] = {
    "gated": (True, False),
    "head_layer": (True, False),
    "merge_layer": (True, False),
    "projection_bias": (True, False),
    "renormalize": (True, False),
    "router_input": ("sub_token", "token"),
    "expert_pool": ("shared", "per_head"),
    "activation": ("silu", "gelu", "relu"),
    "bitnet": (True, False),
    "dtype": ("float32", "float64"),
}


@dataclass(frozen=True, kw_only=True)
class MoEConfig:
    """The numbers of a layer, and how it computes.

    Widths are numbers of features. A token of `d_model` is projected to `d_latent`, split into `heads`
    sub-tokens, each routed to `top_k` of `num_experts` experts of hidden width `d_expert`, and merged
    (arXiv:2411.16205, eqs. 1-5). With `renormalize` the chosen gates are divided by their sum when
    top_k > 1. With one expert there is no router. With `bitnet` every product but the router's is quantised
    (`reference.bitnet`).

    Raises:
        EngineError: a field is of the wrong type or out of range, or two do not go together.
    """

    d_model: int
    d_expert: int
    num_experts: int
    top_k: int
    heads: int = 1
    d_latent: int = _DERIVED  # d_model
    gated: bool = True
    num_shared_experts: int = 0
    d_shared: int = 0
    head_layer: bool = _DERIVED  # whether heads > 1 or d_latent != d_model
    merge_layer: bool = _DERIVED  # likewise
    router_input: Literal["sub_token", "token"] = "sub_token"
    expert_pool: Literal["shared", "per_head"] = "shared"
    projection_bias: bool = False  # of head and merge layers
    renormalize: bool = True
    activation: Literal["silu", "gelu", "relu"] = _DERIVED  # silu when gated, relu when not
    bitnet: bool = False
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        self._derive(d_latent=self.d_model)
        projected = self.heads != 1 or self.d_latent != self.d_model
        self._derive(head_layer=projected, merge_layer=projected, activation="silu" if self.gated else "relu")
        for name, value in vars(self).items():
            if name in _LEAST and (type(value) is not int or value < _LEAST[name]):
                raise EngineError(f"{name}={value!r}: accepted are integers of at least {_LEAST[name]}")
            if name in _CHOICES and not any(type(value) is type(c) and value == c for c in _CHOICES[name]):
                raise EngineError(f"{name}={value!r}: accepted are {', '.join(map(str, _CHOICES[name]))}")
        self._check_together()

    def _derive(self, **defaults: object) -> None:
        for name, value in defaults.items():
            if getattr(self, name) is _DERIVED:
                object.__setattr__(self, name, value)

    def _check_together(self) -> None:
        if self.d_latent % self.heads:
            raise EngineError(f"heads={self.heads} does not divide d_latent={self.d_latent}: accepted are its divisors")
        if self.top_k > self.num_experts:
            raise EngineError(f"top_k={self.top_k} exceeds num_experts={self.num_experts}: accepted is at most as many")
        if self.d_latent != self.d_model and not (self.head_layer and self.merge_layer):
            raise EngineError(f"d_latent={self.d_latent} with d_model={self.d_model}: both projections are needed")
        if self.router_input == "token" and self.heads > 1:
            raise EngineError(f"router_input=token with heads={self.heads}: accepted is heads=1")
        if self.num_shared_experts and not self.d_shared:
            raise EngineError(f"d_shared=0 with num_shared_experts={self.num_shared_experts}: accepted are at least 1")

    @property
    def d_sub_token(self) -> int:
        """Width of a sub-token, d_latent / heads."""
        return self.d_latent // self.heads

    @property
    def pools(self) -> int:
        """Pools of experts: one, or one a head."""
        return self.heads if self.expert_pool == "per_head" else 1

    @property
    def routed(self) -> bool:
        """Whether there is anything to route."""
        return self.num_experts > 1

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter array; absent parts have no key.

        With D, L and H the widths of token, latent and sub-token, E experts of width F and S that of shared experts:
        head [D, L], head_bias [L], router [H, E] or [D, E] by what it sees, w_in [E, H, 2F] with the gate's half first
        or ungated [E, H, F], w_out [E, F, H], merge [L, D], merge_bias [D], shared_in [shared experts, D, 2S or S],
        shared_out [shared experts, S, D]. With a pool for each head, router, w_in and w_out have heads as first axis.
        """
        D, L, H, E, F = self.d_model, self.d_latent, self.d_sub_token, self.num_experts, self.d_expert
        inputs = 2 if self.gated else 1
        pool = (self.heads,) if self.expert_pool == "per_head" else ()
        shapes: dict[str, tuple[int, ...]] = {}
        if self.head_layer:
            shapes["head"] = (D, L)
            if self.projection_bias:
                shapes["head_bias"] = (L,)
        if self.routed:
            shapes["router"] = (*pool, D if self.router_input == "token" else H, E)
        shapes["w_in"] = (*pool, E, H, inputs * F)
        shapes["w_out"] = (*pool, E, F, H)
        if self.merge_layer:
            shapes["merge"] = (L, D)
            if self.projection_bias:
                shapes["merge_bias"] = (D,)
        if self.num_shared_experts:
            shapes["shared_in"] = (self.num_shared_experts, D, inputs * self.d_shared)
            shapes["shared_out"] = (self.num_shared_experts, self.d_shared, D)
        return shapes
