"""Checks at the edge: every array that comes in, once."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from reference.config import MoEConfig
from reference.decoder_config import DecoderConfig
from reference.errors import EngineError
from reference.tally import Array


def checked_params(params: Mapping[str, Array], config: MoEConfig | DecoderConfig) -> dict[str, Array]:
    """The parameters as contiguous arrays.

    Raises:
        EngineError: one is missing, unknown, of another shape or another dtype.
    """
    shapes = config.shapes()
    if not isinstance(params, Mapping):
        raise EngineError(f"parameters are a {type(params).__name__}: accepted is a dictionary of {', '.join(shapes)}")
    missing, unknown = [n for n in shapes if n not in params], [n for n in params if n not in shapes]
    if missing or unknown:
        raise EngineError(
            f"parameters {', '.join(params) or 'none'}: {_listed('missing', missing)}{_listed('unknown', unknown)}"
            f"accepted are exactly {', '.join(shapes)}"
        )
    return {name: _checked(name, params[name], shape, config) for name, shape in shapes.items()}


def checked_tokens(x: Array, config: MoEConfig) -> Array:
    """x [tokens, d_model] as a contiguous array of finite numbers.

    Raises:
        EngineError: it has another shape or dtype, or holds NaN or infinity.
    """
    x = _checked("x", x, (_tokens(x), config.d_model), config)
    finite = np.isfinite(x)
    if not finite.all():
        token, feature = np.argwhere(~finite)[0]
        raise EngineError(f"x[{token}, {feature}]={x[token, feature]}: accepted are finite numbers")
    return x


def checked_gradient(dy: Array, x: Array, config: MoEConfig) -> Array:
    """dy as a contiguous array of the shape of the x that forward saw.

    Raises:
        EngineError: it has another shape or dtype.
    """
    return _checked("dy", dy, x.shape, config)


def checked_sequences(tokens: object, config: DecoderConfig) -> NDArray[np.intp]:
    """Sequences of tokens [B, N + 1], of which each but the last is an input and each but the first a target.

    Raises:
        EngineError: it is of another shape or dtype, or holds what is no token.
    """
    accepted = f"accepted are integers below {config.vocabulary}, [sequences, 2 to {config.context + 1}]"
    if not isinstance(tokens, np.ndarray) or not np.issubdtype(tokens.dtype, np.integer):
        raise EngineError(f"tokens are {_kind(tokens)}: {accepted}")
    if tokens.ndim != 2 or not len(tokens) or not 2 <= tokens.shape[1] <= config.context + 1:
        raise EngineError(f"tokens have shape {_shown(tokens.shape)}: {accepted}")
    unknown = tokens[(tokens < 0) | (tokens >= config.vocabulary)]
    if unknown.size:
        raise EngineError(f"tokens have a {unknown[0]}: {accepted}")
    return np.ascontiguousarray(tokens, dtype=np.intp)


def checked_choice(chosen: object, tokens: int, config: MoEConfig) -> NDArray[np.intp]:
    """A choice of experts [N, k] that is to be held fixed.

    Raises:
        EngineError: there is nothing to choose, or it is not k different experts for each sub-token.
    """
    shape = (tokens * config.heads, config.top_k)
    accepted = f"accepted are {config.top_k} different integers below {config.num_experts} a row, {_shown(shape)}"
    if not config.routed:
        raise EngineError("chosen is given for a layer with one expert: accepted is None")
    if not isinstance(chosen, np.ndarray) or not np.issubdtype(chosen.dtype, np.integer):
        raise EngineError(f"chosen is {_kind(chosen)}: {accepted}")
    if chosen.shape != shape:
        raise EngineError(f"chosen has shape {_shown(chosen.shape)}: {accepted}")
    absent = chosen[(chosen < 0) | (chosen >= config.num_experts)]
    if absent.size:
        raise EngineError(f"chosen names expert {absent[0]}: {accepted}")
    twice = (np.diff(np.sort(chosen, axis=1)) == 0).any(axis=1)
    if twice.any():
        raise EngineError(f"chosen has the row {chosen[twice][0].tolist()}: {accepted}")
    return np.ascontiguousarray(chosen, dtype=np.intp)


def checked_logits_gradient(dlogits: Array, tokens: int, config: MoEConfig) -> Array:
    """A gradient of the router's logits [N, E].

    Raises:
        EngineError: there is no router, or it has another shape or dtype.
    """
    if not config.routed:
        raise EngineError("dlogits is given for a layer with one expert, which has no router: accepted is None")
    return _checked("dlogits", dlogits, (tokens * config.heads, config.num_experts), config)


def check_cache(cache: object, kind: type, config: MoEConfig) -> None:
    """Refuse what is not a cache, and a cache that another configuration made.

    Raises:
        EngineError: it is one of these.
    """
    if not isinstance(cache, kind):
        raise EngineError(f"the cache is {_kind(cache)}: accepted is what forward returned")
    made_for = getattr(cache, "config", None)
    if made_for != config:
        raise EngineError(f"the cache is from {made_for}: accepted is one that forward returned for {config}")


def _checked(name: str, array: Array, shape: tuple[int, ...], config: MoEConfig | DecoderConfig) -> Array:
    if not isinstance(array, np.ndarray):
        raise EngineError(f"{name} is {_kind(array)}: accepted are arrays of shape {_shown(shape)}")
    if array.shape != shape:
        raise EngineError(f"{name} has shape {_shown(array.shape)}: accepted is {_shown(shape)}")
    if array.dtype != config.dtype:
        raise EngineError(f"{name} has dtype {array.dtype}: accepted is {config.dtype}, as in the configuration")
    return np.ascontiguousarray(array)


def _kind(thing: object) -> str:
    return f"an array of {thing.dtype}" if isinstance(thing, np.ndarray) else f"a {type(thing).__name__}"


def _tokens(x: Array) -> int:
    return int(x.shape[0]) if isinstance(x, np.ndarray) and x.ndim else 0


def _shown(shape: tuple[int, ...]) -> str:
    return str(list(shape))


def _listed(word: str, names: list[str]) -> str:
    return f"{word} {', '.join(names)}; " if names else ""
