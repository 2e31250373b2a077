"""A small decoder: embeddings, layers of attention and FFN, and the loss of the next token, forward and backward.

Every second FFN is the MoE layer of the configuration (arXiv:2411.16205, sec. 3). Layers are pre-norm and the output is
tied to the embeddings (arXiv:1608.05859), of which the paper says nothing.

Legend: B sequences of N + 1 tokens, T = B N inputs of width D, V words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from reference.bitnet import multiplied
from reference.check import checked_params, checked_sequences
from reference.cross_entropy import cross_entropy_backward, cross_entropy_forward
from reference.decoder_config import DecoderConfig
from reference.embedding import embedding_backward, embedding_forward
from reference.feedforward import (
    DenseCache,
    SparseCache,
    balance_forward,
    dense_backward,
    dense_forward,
    sparse_backward,
    sparse_forward,
)
from reference.mixer import MixerCache, mixer_backward, mixer_forward
from reference.norm import norm_backward, norm_forward
from reference.tally import Array
from reference.threads import for_each, single_threaded_blas, threads

Params = Mapping[str, Array]
Weights = tuple[Params, Params]
"""Of a layer's attention and of its FFN, as they are multiplied."""
Caches = tuple[MixerCache, DenseCache | SparseCache]

LOGITS_DEVIATION = 0.2
"""Standard deviation of an untrained decoder's logits, which puts its loss half the square above log(V)."""


ENDS_OF_BRANCHES = ("out", "w_out", "shared_out")


@dataclass(frozen=True)
class StepResult:
    """The losses of a batch, and the gradients of the last of them."""

    cross_entropy: float
    """Mean nats of a token."""
    balance: float
    """Sum of the load-balancing losses of all MoE layers."""
    loss: float
    """Cross-entropy plus `balance_coefficient` times `balance`."""
    grads: dict[str, Array]
    """By the names of the parameters."""


def init(config: DecoderConfig, seed: int) -> dict[str, Array]:
    """Parameters, each drawn from a generator of its own that its name, its shape and the seed determine.

    So decoders of any kind have the same numbers wherever names and shapes agree. Gains are 1, biases 0. Matrices
    are normal with standard deviation 1 / sqrt(fan-in), which keeps the size of what they multiply whatever the
    width of an expert; those that end a branch (`out`, `w_out`, `shared_out`) have 1 / sqrt(2 num_layers) of it, so
    that the sum of all branches does not grow with depth (Radford et al. 2019, GPT-2, sec. 2.3). That of the
    embedding is 0.2 / sqrt(D): logits of standard deviation 0.2, so a loss near log(V).
    """
    return {name: _drawn(name, shape, config, seed) for name, shape in config.shapes().items()}


def loss_and_gradients(params: Params, tokens: NDArray[np.integer], config: DecoderConfig) -> StepResult:
    """Losses and gradients of tokens [B, N + 1]: each but the last of a sequence predicts the one that follows.

    Raises:
        EngineError: an array is missing or of the wrong shape or dtype, or a token is not in the vocabulary.
    """
    params, tokens = checked_params(params, config), checked_sequences(tokens, config)
    length, inputs, targets = tokens.shape[1] - 1, tokens[:, :-1].ravel(), tokens[:, 1:].ravel()
    with single_threaded_blas:
        x, caches = embedding_forward(params["embedding"], inputs), []
        for layer, weights in enumerate(_weights(params, config)):
            x, cache = _layer_forward(layer, weights, x, length, config)
            caches.append(cache)
        normed, scale = norm_forward(x, params["norm"])
        losses, last = cross_entropy_forward(normed, params["embedding"], targets)
        cross_entropy = float(losses.mean())
        balance = sum(balance_forward(ffn) for _, ffn in caches if isinstance(ffn, SparseCache))

        dnormed, dembedding = cross_entropy_backward(1 / len(losses), last)
        dx = np.zeros_like(x)
        grads = {"embedding": dembedding, "norm": norm_backward(dnormed, x, params["norm"], scale, dx)}
        for layer in reversed(range(config.num_layers)):
            dx, own = _layer_backward(layer, dx, caches.pop(), config)
            grads |= own
        embedding_backward(dx, inputs, dembedding)
    loss = cross_entropy + config.balance_coefficient * balance
    return StepResult(cross_entropy, balance, loss, {name: grads[name] for name in params})


def negative_log_likelihoods(params: Params, tokens: NDArray[np.integer], config: DecoderConfig) -> NDArray[np.float64]:
    """Nats of each token [B, N] but the first of each sequence, for tokens [B, N + 1].

    A sequence is computed on its own, so what it gives is the same to the bit in any batch and with any number of
    threads.

    Raises:
        EngineError: as `loss_and_gradients`.
    """
    params, tokens = checked_params(params, config), checked_sequences(tokens, config)
    losses = np.empty((len(tokens), tokens.shape[1] - 1))

    def work(sequence: int) -> None:
        x = embedding_forward(params["embedding"], tokens[sequence, :-1])
        with threads(1):
            for layer, own in enumerate(weights):
                x, _ = _layer_forward(layer, own, x, len(x), config)
            normed, _ = norm_forward(x, params["norm"])
            losses[sequence], _ = cross_entropy_forward(normed, params["embedding"], tokens[sequence, 1:])

    with single_threaded_blas:
        weights = _weights(params, config)
        for_each(range(len(tokens)), work)
    return losses


def _layer_forward(layer: int, weights: Weights, x: Array, length: int, config: DecoderConfig) -> tuple[Array, Caches]:
    of_attention, of_ffn = weights
    moe = config.moe_of(layer)
    x, attention = mixer_forward(of_attention, x, length, config)
    if moe is None:
        x, dense = dense_forward(of_ffn, x, config.dense)
        return x, (attention, dense)
    x, sparse = sparse_forward(of_ffn, x, moe)
    return x, (attention, sparse)


def _layer_backward(layer: int, dx: Array, caches: Caches, config: DecoderConfig) -> tuple[Array, dict[str, Array]]:
    attention, ffn = caches
    if isinstance(ffn, SparseCache):
        dx, of_ffn = sparse_backward(dx, ffn, config.balance_coefficient)
    else:
        dx, of_ffn = dense_backward(dx, ffn)
    dx, of_attention = mixer_backward(dx, attention)
    grads = {f"{_name(layer, 'attention')}.{name}": grad for name, grad in of_attention.items()}
    return dx, grads | {f"{_name(layer, _ffn(layer, config))}.{name}": grad for name, grad in of_ffn.items()}


def _weights(params: Params, config: DecoderConfig) -> list[Weights]:
    """Of each layer."""

    def own(layer: int, part: str, gated: bool) -> Params:
        prefix = f"{_name(layer, part)}."
        weights = {name.removeprefix(prefix): array for name, array in params.items() if name.startswith(prefix)}
        return multiplied(weights, config.bitnet, gated)

    return [
        (own(layer, "attention", False), own(layer, _ffn(layer, config), (config.moe_of(layer) or config.dense).gated))
        for layer in range(config.num_layers)
    ]


def _ffn(layer: int, config: DecoderConfig) -> str:
    return "dense" if config.moe_of(layer) is None else "moe"


def _name(layer: int, part: str) -> str:
    return f"layers.{layer}.{part}"


def _drawn(name: str, shape: tuple[int, ...], config: DecoderConfig, seed: int) -> Array:
    dtype, last = np.dtype(config.dtype), name.rpartition(".")[2]
    if len(shape) == 1:
        return np.full(shape, 1 if last == "norm" else 0, dtype)
    fan_in, factor = (shape[-2], 1.0) if name != "embedding" else (shape[-1], LOGITS_DEVIATION)
    if last in ENDS_OF_BRANCHES:
        factor = (2 * config.num_layers) ** -0.5
    rng = np.random.default_rng([seed, len(shape), *shape, *name.encode()])
    array = rng.standard_normal(shape, dtype=dtype.type)
    array *= factor / sqrt(fan_in)
    return array
