"""Checks at the edge: every array that comes in, once."""

from collections.abc import Mapping

import numpy as np

from reference.config import MoEConfig
from reference.errors import EngineError
from reference.tally import Array


def checked_params(params: Mapping[str, Array], config: MoEConfig) -> dict[str, Array]:
    """The parameters as contiguous arrays.

    Raises:
        EngineError: one is missing, unknown, of another shape or another dtype.
    """
    shapes = config.shapes()
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
    if not np.isfinite(x.sum()) and not (finite := np.isfinite(x)).all():  # the sum alone may overflow
        token, feature = np.argwhere(~finite)[0]
        raise EngineError(f"x[{token}, {feature}]={x[token, feature]}: accepted are finite numbers")
    return x


def checked_gradient(dy: Array, x: Array, config: MoEConfig) -> Array:
    """dy as a contiguous array of the shape of the x that forward saw.

    Raises:
        EngineError: it has another shape or dtype.
    """
    return _checked("dy", dy, x.shape, config)


def check_cache(config: MoEConfig, of_cache: MoEConfig) -> None:
    """Refuse a cache that another configuration made.

    Raises:
        EngineError: it was.
    """
    if config != of_cache:
        raise EngineError(f"the cache is from {of_cache}: accepted is one that forward returned for {config}")


def _checked(name: str, array: Array, shape: tuple[int, ...], config: MoEConfig) -> Array:
    if not isinstance(array, np.ndarray):
        raise EngineError(f"{name} is a {type(array).__name__}: accepted are arrays of shape {_shown(shape)}")
    if array.shape != shape:
        raise EngineError(f"{name} has shape {_shown(array.shape)}: accepted is {_shown(shape)}")
    if array.dtype != config.dtype:
        raise EngineError(f"{name} has dtype {array.dtype}: accepted is {config.dtype}, as in the configuration")
    return np.ascontiguousarray(array)


def _tokens(x: Array) -> int:
    return int(x.shape[0]) if isinstance(x, np.ndarray) and x.ndim else 0


def _shown(shape: tuple[int, ...]) -> str:
    return str(list(shape))


def _listed(word: str, names: list[str]) -> str:
    return f"{word} {', '.join(names)}; " if names else ""
