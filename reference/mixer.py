"""The attention sublayer: norm, projections, causal attention and the residual, one task a sequence.

Legend: B sequences of N positions, T = B N tokens of width D, h heads.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from reference.attention import attention_backward, attention_forward, query_blocks, turn
from reference.bitnet import Operand, operand_backward, operand_forward
from reference.decoder_config import DecoderConfig
from reference.memory import empty, empty_like
from reference.norm import rms_norm_backward, rms_norm_forward
from reference.tally import Array, product
from reference.threads import for_each, scratch
from reference.weights import WeightGradient, weight_gradients


@dataclass
class MixerCache:
    """What backward needs of a forward."""

    x: Array  # [T, D]
    scale: Array  # [T]
    inputs: Operand  # [T, D], normalised x as it enters the projections
    qkv: Array  # [T, 3 D], turned
    exponentials: list[Array]  # for each block of queries [B, h, b, n]
    shares: Array  # [B, h, N]
    mixed: Array  # [T, D]
    outputs: Operand  # the same as it enters the last projection
    weights: Mapping[str, Array]


def mixer_forward(
    weights: Mapping[str, Array], x: Array, length: int, config: DecoderConfig
) -> tuple[Array, MixerCache]:
    """y = x + attention(norm(x)) [T, D] of sequences of `length` positions.

    Weights are the gain `norm` [D], `qkv` [D, 3 D] and `out` [D, D] as they are multiplied.
    """
    T, D, heads, bitnet = *x.shape, config.attention_heads, config.bitnet
    normed, mixed, y = empty_like(x), empty_like(x), empty_like(x)
    exponentials = [
        empty((T // length, heads, block.stop - block.start, block.stop), x.dtype) for block in query_blocks(length)
    ]
    cache = MixerCache(
        x=x,
        scale=np.empty(T, x.dtype),
        inputs=Operand.of(normed, bitnet),
        qkv=empty((T, 3 * D), x.dtype),
        exponentials=exponentials,
        shares=np.empty((T // length, heads, length), x.dtype),
        mixed=mixed,
        outputs=Operand.of(mixed, bitnet),
        weights=weights,
    )

    def work(sequence: int) -> None:
        rows = slice(sequence * length, (sequence + 1) * length)
        qkv = cache.qkv[rows]
        rms_norm_forward(x[rows], weights["norm"], normed[rows], cache.scale[rows])
        product("mixer", "forward", operand_forward(normed[rows], cache.inputs[rows]), weights["qkv"], out=qkv)
        turn(qkv, heads)
        own = [block[sequence] for block in exponentials]
        attention_forward(qkv, own, cache.shares[sequence], mixed[rows])
        product("mixer", "forward", operand_forward(mixed[rows], cache.outputs[rows]), weights["out"], out=y[rows])
        y[rows] += x[rows]

    for_each(range(T // length), work)
    return y, cache


def mixer_backward(dy: Array, cache: MixerCache) -> tuple[Array, dict[str, Array]]:
    """dx [T, D], and the gradients of `norm`, `qkv` and `out`."""
    T, D = dy.shape
    _, heads, length = cache.shares.shape
    weights, dqkv, dx = cache.weights, empty_like(cache.qkv), empty_like(dy)
    dgain = np.empty((T // length, D), dy.dtype)

    def work(sequence: int) -> None:
        rows = slice(sequence * length, (sequence + 1) * length)
        dmixed = scratch("dmixed_rows", (length, D), dy.dtype)
        product("mixer", "backward", dy[rows], weights["out"].T, out=dmixed)
        operand_backward(dmixed, cache.outputs[rows])
        own = [block[sequence] for block in cache.exponentials]
        attention_backward(dmixed, cache.qkv[rows], own, cache.shares[sequence], cache.mixed[rows], dqkv[rows])
        turn(dqkv[rows], heads, back=True)
        dnormed = product("mixer", "backward", dqkv[rows], weights["qkv"].T, out=dmixed)
        operand_backward(dnormed, cache.inputs[rows])
        dx[rows] = dy[rows]
        dgain[sequence] = rms_norm_backward(dnormed, cache.x[rows], weights["norm"], cache.scale[rows], dx[rows])

    for_each(range(T // length), work)
    jobs = [
        WeightGradient("mixer", "qkv", (), cache.inputs.values, dqkv),
        WeightGradient("mixer", "out", (), cache.outputs.values, dy),
    ]
    grads = weight_gradients(jobs, {"qkv": (D, 3 * D), "out": (D, D)}, dy.dtype)
    return dx, {"norm": dgain.sum(axis=0), **grads}
