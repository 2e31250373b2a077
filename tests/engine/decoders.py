"""Decoders of every kind that the paper compares, small enough to be run hundreds of times."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from reference import MoEConfig
from reference.decoder import init
from reference.decoder_config import DecoderConfig

MOE: dict[str, dict[str, Any] | None] = {
    "dense": None,
    "smoe": {"num_experts": 4, "top_k": 1, "d_expert": 16},
    "smoe-projected": {"num_experts": 4, "top_k": 1, "d_expert": 12, "head_layer": True, "merge_layer": True},
    "smoe-shared": {"num_experts": 4, "top_k": 1, "d_expert": 16, "num_shared_experts": 1, "d_shared": 8},
    "fine-grained": {"num_experts": 8, "top_k": 2, "d_expert": 8},
    "mh-moe-2": {"heads": 2, "num_experts": 6, "top_k": 2, "d_expert": 8},
    "mh-moe-2-bare": {
        "heads": 2,
        "num_experts": 6,
        "top_k": 2,
        "d_expert": 8,
        "head_layer": False,
        "merge_layer": False,
    },
    "mh-moe-2-head": {"heads": 2, "num_experts": 6, "top_k": 2, "d_expert": 8, "merge_layer": False},
    "mh-moe-2-merge": {"heads": 2, "num_experts": 6, "top_k": 2, "d_expert": 8, "head_layer": False},
    "mh-moe-2-biased": {"heads": 2, "num_experts": 6, "top_k": 2, "d_expert": 8, "projection_bias": True},
    "mh-moe-2-shared": {
        "heads": 2,
        "num_experts": 6,
        "top_k": 2,
        "d_expert": 8,
        "num_shared_experts": 1,
        "d_shared": 8,
    },
    "mh-moe-3": {"heads": 3, "num_experts": 9, "top_k": 3, "d_expert": 6},
}
"""The MoE layer of each."""

DECODERS = sorted(MOE)


def decoder(
    name: str,
    *,
    width: int = 24,
    context: int = 11,
    vocabulary: int = 37,
    bitnet: bool = False,
    dtype: Literal["float32", "float64"] = "float64",
) -> DecoderConfig:
    """A decoder of four layers."""
    moe = MOE[name]
    return DecoderConfig(
        vocabulary=vocabulary,
        context=context,
        d_model=width,
        num_layers=4,
        attention_heads=2,
        d_ffn=16,
        moe=None if moe is None else MoEConfig(d_model=width, bitnet=bitnet, dtype=dtype, **moe),
        bitnet=bitnet,
        dtype=dtype,
    )


def batch(config: DecoderConfig, seed: int, sequences: int = 5) -> NDArray[np.int64]:
    """Sequences of random tokens, each as long as the context allows."""
    return np.random.default_rng((seed, 4)).integers(0, config.vocabulary, (sequences, config.context + 1))


def text(config: DecoderConfig, seed: int, sequences: int = 5) -> NDArray[np.int64]:
    """Sequences in which mostly the same token follows a token."""
    rng = np.random.default_rng((seed, 5))
    tokens = batch(config, seed, sequences)
    for at in range(config.context):
        follows = rng.random(sequences) < 0.9
        tokens[follows, at + 1] = (5 * tokens[follows, at] + 3) % config.vocabulary
    return tokens


def params_of(config: DecoderConfig, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Parameters as after some training: gains are not 1, biases not 0."""
    params, rng = init(config, seed), np.random.default_rng((seed, 6))
    for array in params.values():
        if array.ndim == 1:
            array += 0.3 * rng.standard_normal(array.shape).astype(array.dtype)
    return params
