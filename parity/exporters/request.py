"""What is exported: a layer, how it computes, and the model around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from parity.design import MoELayer

Activation = Literal["silu", "gelu", "relu"]
ACTIVATIONS: tuple[Activation, ...] = get_args(Activation)


@dataclass(frozen=True)
class Computation:
    """What a design leaves open: it changes what a layer computes and none of its costs."""

    renormalize: bool = True
    """Whether the chosen gates are divided by their sum; with top_k = 1 they never are."""
    activation: Activation | None = None
    """None is what the reference takes: SiLU if gated, ReLU if not."""


@dataclass(frozen=True)
class Request:
    """A layer to export, and what else the target needs."""

    layer: MoELayer
    how: Computation = field(default_factory=Computation)
    host: Mapping[str, Any] | None = None
    """For `hf`: the config of the model whose MoE layers are replaced; None is the paper's decoder."""
    model: Mapping[str, Any] | None = None
    """The config of the model that the layer is from, which then has no decoder of the paper's around it."""
    ep: int = 1
    """Ranks that the experts are divided among."""

    @property
    def activation(self) -> Activation:
        """The activation asked for, or that of the reference."""
        return self.how.activation or ("silu" if self.layer.gated else "relu")

    @property
    def renormalize(self) -> bool:
        """Whether gates are divided by their sum at all."""
        return self.how.renormalize and self.layer.top_k > 1

    @property
    def shared_width(self) -> int:
        """Hidden width of all shared experts together."""
        return self.layer.num_shared_experts * self.layer.d_shared


@dataclass(frozen=True)
class Export:
    """The files of an export, and what a reader has to know of them."""

    target: str
    checked_against: str
    files: Mapping[str, bytes]
    notes: tuple[str, ...]
    family: str | None = None
    """Of `hf`: the `model_type` chosen."""
