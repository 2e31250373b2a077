"""The decoder around a layer that has no model of its own: layers and MoE pattern of arXiv:2411.16205, section 3.

Attention heads, vocabulary and positions are usual ones, which the paper does not print.
"""

from parity.design import MoELayer
from parity.text import integer

LAYERS = 12
ATTENTION_HEADS = 12
VOCABULARY = 32_000
POSITIONS = 2_048
MOE_EVERY = 2


def head_width(layer: MoELayer) -> int:
    """Width of one attention head: all together as wide as a token, or the next for which it is even."""
    return 2 * -(-layer.d_model // (2 * ATTENTION_HEADS))


def dense_width(layer: MoELayer) -> int:
    """Hidden width of the dense layers: 8/3 of the token's with three matrices, as the paper's 2,048, else 4."""
    return max(1, 8 * layer.d_model // 3) if layer.gated else 4 * layer.d_model


def described(layer: MoELayer) -> str:
    """The decoder in a sentence."""
    beside = f", dense layers of width {integer(dense_width(layer))}" if layer.num_experts > 1 else ""
    pattern = ", every second one MoE" if layer.num_experts > 1 else ""
    return (
        f"The rest is a decoder with the paper's {LAYERS} layers{pattern}{beside}; {ATTENTION_HEADS} attention heads "
        f"of width {integer(head_width(layer))} and a vocabulary of {integer(VOCABULARY)} are not in the paper."
    )
