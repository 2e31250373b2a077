"""How much memory a layer takes, before any of it is allocated."""

from math import prod

from reference.config import MoEConfig


def bytes_needed(config: MoEConfig, tokens: int) -> int:
    """Bytes of parameters, gradients and the activations kept between forward and backward, and of what passes.

    Room for a copy of everything besides: for a check of gradients, which holds a direction and a
    backup of one array at a time, and for what backward computes on the way.
    """
    itemsize = 8 if config.dtype == "float64" else 4
    params = sum(map(prod, config.shapes().values()))
    sub_tokens = tokens * config.heads
    inputs = 3 if config.gated else 2
    kept = (
        tokens * (2 * config.d_model + 3 * config.d_latent)
        + sub_tokens * config.top_k * (inputs * config.d_expert + config.d_sub_token)
        + sub_tokens * (config.num_experts + 2 * config.top_k)
        + tokens * config.num_shared_experts * inputs * config.d_shared
    )
    return 2 * itemsize * (2 * params + kept)
