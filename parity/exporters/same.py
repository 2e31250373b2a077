"""Designs that are one and the same layer, told apart only by fields that make no difference."""

from dataclasses import replace

from parity.design import MoELayer


def same(layer: MoELayer) -> MoELayer:
    """The layer with one value for fields that change neither what it computes nor what it holds.

    Shared experts add up, so several are one of their widths together. With one head a pool of its own is the shared
    pool. A router without a head layer before it sees the token, and where there is one expert there is no router.
    """
    width = layer.num_shared_experts * layer.d_shared
    sees_the_token = layer.heads == 1 and not layer.head_layer
    return replace(
        layer,
        num_shared_experts=1 if width else 0,
        d_shared=width,
        expert_pool="shared" if layer.heads == 1 else layer.expert_pool,
        router_input="sub_token" if sees_the_token or layer.num_experts == 1 else layer.router_input,
        projection_bias=layer.projection_bias and (layer.head_layer or layer.merge_layer),
    )
