"""Predicted against executed: the cost model held against the reference engine that runs the layer.

This module sees both halves. The predictions come from `parity.cost`, what was executed from the
engine's tally and the arrays it allocated; neither is derived from the other.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import gcd
from typing import Literal

import numpy as np

from parity.cost import cost
from parity.design import MoELayer
from parity.errors import InputError
from parity.text import integer
from reference import MoEConfig, Tally, backward, forward, init, tally
from reference.gradcheck import Evaluated, gradient_errors
from reference.memory import bytes_needed, release
from reference.tally import Array
from reference.threads import threads

GRADIENT_TOLERANCE = 1e-6
"""The largest relative error of a directional derivative, in float64, that verifies."""


@dataclass(frozen=True)
class Half:
    """FLOPs of one op in one half, for the whole batch."""

    predicted: int
    executed: int


@dataclass(frozen=True)
class Op:
    """One op, forward and backward."""

    op: str
    forward: Half
    backward: Half


@dataclass(frozen=True)
class Execution:
    """What was predicted and what was executed; exact, and the same for any parameters and tokens."""

    layer: MoELayer
    tokens: int
    ops: tuple[Op, ...]
    params_predicted: int
    params_allocated: int

    @property
    def equal(self) -> bool:
        """Whether every count is what was predicted."""
        halves = [half for op in self.ops for half in (op.forward, op.backward)]
        return (
            all(half.predicted == half.executed for half in halves) and self.params_predicted == self.params_allocated
        )


@dataclass(frozen=True)
class Verification(Execution):
    """The same, and how wrong the gradients are."""

    gradient_error: float
    """The largest relative error of a derivative along a random direction, in float64."""

    @property
    def verified(self) -> bool:
        """Whether every count is equal and the gradients are right."""
        return self.equal and self.gradient_error <= GRADIENT_TOLERANCE


def execute(layer: MoELayer, tokens: int, seed: int = 0) -> Execution:
    """Run `layer` in float32, forward and backward, without a look at its gradients.

    The caller has made sure that `bytes_to_execute` are available.
    """
    config, rng = _config(layer, "float32"), np.random.default_rng(seed)
    params, x = init(config, rng), rng.standard_normal((tokens, layer.d_model), np.float32)
    try:
        with tally() as counted, threads(1):  # each thread keeps memory of its own
            _, cache = forward(params, x, config)
            backward(params, x, cache, config)
        return Execution(*_counts(layer, tokens, counted, params))
    finally:
        release()  # memory kept for a layer of another size would add to that of the next


def bytes_to_execute(layer: MoELayer, tokens: int) -> int:
    """An upper bound of the memory that `execute` takes, found without allocating any.

    `bytes_needed` has room for a copy of everything. Without a check of gradients the parameters need none,
    but scores and dispatch pass through more than one.
    """
    config = _config(layer, "float32")
    doubled = bytes_needed(config, 0)
    return doubled // 2 + 2 * (bytes_needed(config, tokens) - doubled)


def verify(
    layer: MoELayer, tokens: int = 64, seed: int = 0, progress: Callable[[str, float], None] = lambda *_: None
) -> Verification:
    """Run `layer` on random tokens, forward and backward, and hold the cost model against it.

    `progress` is called with what is being done and the share of the gradients that are checked.

    Raises:
        InputError: the layer does not fit in memory, which is found before anything is allocated.
    """
    config = _config(layer)
    _check_fits(layer, tokens)
    rng = np.random.default_rng(seed)
    progress("initializing", 0.0)
    params, x = init(config, rng), rng.standard_normal((tokens, layer.d_model))
    dy = rng.standard_normal(x.shape)
    progress("running forward and backward", 0.0)
    with tally() as counted:
        _, cache = forward(params, x, config)
        dx, grads = backward(params, dy, cache, config)
    chosen = None if cache.routing is None else cache.routing.chosen

    def loss() -> Evaluated:
        y, at = forward(params, x, config, chosen=chosen)
        return Evaluated(float((y * dy).sum()), at.sides())

    arrays, gradients = {"x": x, **params}, {"x": dx, **grads}
    errors: dict[str, float] = {}
    for place, name in enumerate(arrays):
        progress(f"checking the gradient of {name}", place / len(arrays))
        errors |= gradient_errors(loss, {name: arrays[name]}, gradients, rng)
    return Verification(*_counts(layer, tokens, counted, params), gradient_error=max(errors.values()))


def scaled_down(layer: MoELayer, factor: int) -> MoELayer:
    """The same design at 1/`factor` of its widths.

    Raises:
        InputError: a width is not a multiple of `factor`, or heads no longer divide.
    """
    widths = {name: getattr(layer, name) for name in ("d_model", "d_latent", "d_expert", "d_shared")}
    for name, value in widths.items():
        if value % factor:
            common = gcd(*widths.values())
            raise InputError(f"scale_down={factor} does not divide {name}={value}: accepted are divisors of {common}")
    try:
        return replace(
            layer,
            d_model=layer.d_model // factor,
            d_latent=layer.d_latent // factor,
            d_expert=layer.d_expert // factor,
            d_shared=layer.d_shared // factor,
        )
    except InputError as error:
        raise InputError(f"scale_down={factor}: {error}") from None


def scales(layer: MoELayer) -> Iterator[tuple[int, MoELayer]]:
    """The factors that `layer` can be scaled down by, from 1 to 4096, and what it then is."""
    yield 1, layer
    for factor in range(2, min(layer.d_expert, layer.d_sub_token, 4096) + 1):
        try:
            yield factor, scaled_down(layer, factor)
        except InputError:
            continue


def factor_that_fits(layer: MoELayer, tokens: int, available: int) -> int | None:
    """The least factor to scale `layer` down by so that it takes at most so many bytes; None if there is none."""
    if bytes_needed(_config(layer), tokens) <= available:
        return 1
    return next(_fitting(layer, tokens, available), None)


def _config(layer: MoELayer, dtype: Literal["float32", "float64"] = "float64") -> MoEConfig:
    return MoEConfig(**layer.to_dict(), dtype=dtype)  # type: ignore[arg-type]  # the fields have the same names


def _counts(
    layer: MoELayer, tokens: int, counted: Tally, params: Mapping[str, Array]
) -> tuple[MoELayer, int, tuple[Op, ...], int, int]:
    allocated = sum(array.size for array in params.values())
    return layer, tokens, tuple(_ops(layer, tokens, counted)), cost(layer, "matmul").params, allocated


def _ops(layer: MoELayer, tokens: int, counted: Tally) -> Iterator[Op]:
    """Each op that is predicted, and any other that was executed; a product's backward is two products."""
    predicted = {row.op: tokens * row.flops_per_token for row in cost(layer, "matmul").rows}
    for op in dict.fromkeys([*predicted, *counted.ops()]):
        flops = predicted.get(op, 0)
        yield Op(op, Half(flops, counted.flops(op, "forward")), Half(2 * flops, counted.flops(op, "backward")))


def _check_fits(layer: MoELayer, tokens: int) -> None:
    available = _available_bytes()
    needed = bytes_needed(_config(layer), tokens)
    if available is None or needed <= available:
        return
    fitting = next(_fitting(layer, tokens, available), None)
    relief = ["fewer --tokens"] if bytes_needed(_config(layer), 1) <= available else []
    relief.append("a smaller layer" if fitting is None else f"--scale-down {fitting}")
    raise InputError(
        f"{integer(cost(layer, 'matmul').params)} parameters and {integer(tokens)} tokens need {_gigabytes(needed)} in "
        f"float64 and {_gigabytes(available)} are available: accepted are {' or '.join(relief)}"
    )


def _fitting(layer: MoELayer, tokens: int, available: int) -> Iterator[int]:
    """Factors that scale the layer down until it fits, the least first."""
    return (
        factor for factor, scaled in scales(layer) if factor > 1 and bytes_needed(_config(scaled), tokens) <= available
    )


def _available_bytes() -> int | None:
    """Memory that can be had without swapping, where the system says so."""
    try:
        with open("/proc/meminfo") as file:
            fields = dict(line.split(":", 1) for line in file)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        names = ("SC_PHYS_PAGES", "SC_PAGE_SIZE")
        return os.sysconf(names[0]) * os.sysconf(names[1]) if set(names) <= set(os.sysconf_names) else None


def _gigabytes(count: int) -> str:
    return f"{-(-count // 10**7) / 100:,.2f} GB"
