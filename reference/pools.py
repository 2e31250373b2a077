"""One pool of experts or one for each head: which router sees what, and how experts are numbered.

Legend: T tokens of width D, latent L = heads times H, N = T heads sub-tokens, E experts in a pool, k choices,
X experts of all pools.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reference.config import MoEConfig
from reference.router import Routing
from reference.tally import Array


def seen_by_routers(x: Array, sub: Array, logits: Array, config: MoEConfig) -> list[tuple[Array, Array]]:
    """What each router sees of x [T, D] or sub [T, L], and its rows of logits [N, E]: views, to be written to.

    One pair of [N, H] (or [T, D]) and [N, E]; with own pools one of [T, H] and [T, E] for each head.
    """
    H = config.d_sub_token
    if config.router_input == "token":
        return [(x, logits)]
    if config.expert_pool == "shared":
        return [(sub.reshape(-1, H), logits)]
    return [(sub[:, head * H : (head + 1) * H], logits[head :: config.heads]) for head in range(config.heads)]


def routers(router: Array, x: Array, sub: Array, logits: Array, config: MoEConfig) -> list[tuple[Array, Array, Array]]:
    """The same with each router's weights, [H, E] or [D, E], in the middle."""
    weights = router if config.expert_pool == "per_head" else [router]
    seen_and_logits = seen_by_routers(x, sub, logits, config)
    return [(seen, weight, its) for weight, (seen, its) in zip(weights, seen_and_logits, strict=True)]


def experts_chosen(routing: Routing | None, tokens: int, config: MoEConfig) -> NDArray[np.intp]:
    """[N, k], numbering the experts of all pools one after another."""
    N = tokens * config.heads
    pool = np.arange(N)[:, None] % config.heads * config.num_experts if config.expert_pool == "per_head" else 0
    chosen = np.zeros((N, 1), np.intp) if routing is None else routing.chosen
    return chosen + pool


def pooled(params: Mapping[str, Array], config: MoEConfig) -> tuple[Array, Array]:
    """w_in [X, H, 2F] and w_out [X, F, H] of the experts of all pools."""
    experts, w_in, w_out = config.pools * config.num_experts, params["w_in"], params["w_out"]
    return w_in.reshape(experts, *w_in.shape[-2:]), w_out.reshape(experts, *w_out.shape[-2:])


def sub_tokens(tokens: slice, config: MoEConfig) -> slice:
    """The rows of the sub-tokens of these tokens."""
    return slice(tokens.start * config.heads, tokens.stop * config.heads)
