"""What most targets lack: sub-tokens, and projections around the experts."""

from collections.abc import Iterator

from parity.design import MoELayer
from parity.errors import InputError


def check_whole_tokens(layer: MoELayer, target: str) -> None:
    """Refuse a layer whose experts see parts of tokens, or that has one projection and not the other.

    Raises:
        InputError: it is one of these.
    """
    for given, why in _lacking(layer):
        raise refused(given, f"{target} {why}")


def _lacking(layer: MoELayer) -> Iterator[tuple[str, str]]:
    if layer.heads > 1:
        yield f"heads={layer.heads}", "sends whole tokens to experts and cannot split them into sub-tokens"
    if layer.head_layer != layer.merge_layer:
        given = f"head_layer={str(layer.head_layer).lower()} with merge_layer={str(layer.merge_layer).lower()}"
        yield given, "has both projections around the experts or neither"
    if layer.head_layer and layer.num_experts > 1 and layer.router_input == "sub_token":
        yield "router_input=sub_token behind a head layer", "has a router that sees the token before it is projected"


def refused(
    given: str, why: str, accepted: str = "another value, or --to torch, which expresses every design"
) -> InputError:
    """The error of a target that cannot express the design."""
    return InputError(f"{given}: {why}; accepted is {accepted}")
