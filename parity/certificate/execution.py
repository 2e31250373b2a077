"""The design, executed: at which scale, within what bounds, and what was counted.

The bounds hold for a certificate from anyone, so that checking it takes seconds and less than 500 MB. NumPy is
imported only here, through `parity.verify`.
"""

from dataclasses import dataclass
from typing import Any

from parity.certificate.claim import Claim
from parity.cost import cost
from parity.design import MoELayer, shown
from parity.errors import InputError
from parity.text import integer

MOST_BYTES = 340_000_000
MOST_FLOPS = 4_000_000_000
"""Forward, of the whole batch."""
MOST_EXPERTS = 8192
"""Routed experts of all pools and shared ones: each is a product by itself, which takes time however small."""

MOST_GRADIENT_BYTES = 64_000_000
"""What a check of gradients may take, which executes the layer a dozen times; it is only made, never checked."""


@dataclass(frozen=True)
class Size:
    """What executing a layer takes."""

    bytes: int
    flops: int
    experts: int

    @classmethod
    def of(cls, layer: MoELayer, tokens: int) -> "Size":
        """Found without allocating anything."""
        from parity.verify import bytes_to_execute

        flops = tokens * cost(layer, "matmul").flops_per_token
        return cls(bytes_to_execute(layer, tokens), flops, layer.pools * layer.num_experts + layer.num_shared_experts)

    def fits(self, most_bytes: int = MOST_BYTES) -> bool:
        """Whether it is within the bounds."""
        return self.bytes <= most_bytes and self.flops <= MOST_FLOPS and self.experts <= MOST_EXPERTS

    def __str__(self) -> str:
        megabytes = -(-self.bytes // 10**6)
        return f"{integer(megabytes)} MB, {integer(self.flops)} FLOPs and {integer(self.experts)} experts"


MOST = Size(MOST_BYTES, MOST_FLOPS, MOST_EXPERTS)


def scale_that_fits(layer: MoELayer, tokens: int, most_bytes: int = MOST_BYTES) -> int | None:
    """The least factor to scale `layer` down by so that it can be executed; None if there is none."""
    from parity.verify import scales

    if layer.pools * layer.num_experts + layer.num_shared_experts > MOST_EXPERTS:
        return None
    fitting = (factor for factor, scaled in scales(layer) if Size.of(scaled, tokens).fits(most_bytes))
    return next(fitting, None)


def executed(claim: Claim, seed: int = 0) -> dict[str, Any] | None:
    """What was predicted and what was executed; None where the claim is that the design is not executed.

    Exact counts of shapes, whatever the seed and wherever tokens are routed.

    Raises:
        InputError: the claim's scale does not divide, it is too large there, or not executed though it could be.
    """
    if claim.scale_down is None:
        _check_never_fits(claim)
        return None
    from parity.verify import execute, scaled_down

    layer = scaled_down(claim.design, claim.scale_down)
    size = Size.of(layer, claim.tokens)
    if not size.fits():
        fitting = scale_that_fits(claim.design, claim.tokens)
        relief = "fewer tokens" if fitting is None else f"scale_down={fitting} or fewer tokens"
        raise InputError(
            f"tokens={claim.tokens} at scale_down={claim.scale_down} take {size}: accepted are up to {MOST}; {relief}"
        )
    done = execute(layer, claim.tokens, seed)
    return {
        "layer": layer.to_dict(),
        "params": {"predicted": done.params_predicted, "allocated": done.params_allocated},
        "ops": [
            {"op": op.op, "forward": dict(vars(op.forward)), "backward": dict(vars(op.backward))} for op in done.ops
        ],
        "equal": done.equal,
    }


def _check_never_fits(claim: Claim) -> None:
    fitting = scale_that_fits(claim.design, claim.tokens)
    if fitting is not None:
        raise InputError(f"scale_down={shown(None)}: the design can be executed; accepted is scale_down={fitting}")


def gradient_error(claim: Claim, seed: int) -> tuple[int, float] | None:
    """The largest relative error of a directional derivative in float64, and at which scale; None if none fits."""
    from parity.verify import scaled_down, verify

    factor = scale_that_fits(claim.design, claim.tokens, MOST_GRADIENT_BYTES)
    if factor is None:
        return None
    return factor, verify(scaled_down(claim.design, factor), claim.tokens, seed).gradient_error
