"""AdamW with decoupled weight decay, clipping by the global norm, and the learning rate of each step.

Every pass goes through the arrays in chunks that stay in cache and that do not depend on the number of threads.
"""

from collections.abc import Mapping
from math import cos, pi, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference.errors import EngineError
from reference.tally import Array
from reference.threads import for_each, scratch

CHUNK = 1 << 15
"""Elements of a chunk."""

CHUNKS = 16
"""Chunks that one task takes."""


class Schedule(NamedTuple):
    """A linear rise from 0 to `peak` over `warmup` steps, then half a cosine down to `final_fraction` of it."""

    steps: int
    warmup: int
    peak: float
    final_fraction: float

    def __call__(self, step: int) -> float:
        """The learning rate of this step, of which the first is 1."""
        if step < self.warmup:
            return self.peak * step / self.warmup
        done = min(1.0, (step - self.warmup) / max(1, self.steps - self.warmup))
        return self.peak * (self.final_fraction + (1 - self.final_fraction) * (1 + cos(pi * done)) / 2)


class AdamW:
    """Adam with bias correction and decoupled weight decay (arXiv:1711.05101, algorithm 2).

    The decay is times the learning rate, as in PyTorch, where the paper has the schedule only.

    Matrices decay, gains and biases (arrays of one dimension) do not.
    """

    def __init__(
        self, params: Mapping[str, Array], betas: tuple[float, float], eps: float, weight_decay: float
    ) -> None:
        self.betas, self.eps, self.weight_decay = betas, eps, weight_decay
        self._steps = np.zeros(1, np.int64)
        self._first = {name: np.zeros_like(array) for name, array in params.items()}
        self._second = {name: np.zeros_like(array) for name, array in params.items()}

    @property
    def steps(self) -> int:
        """Steps done."""
        return int(self._steps[0])

    def state(self) -> dict[str, NDArray[Any]]:
        """Every array that changes, itself: the number of steps, the moments of each parameter."""
        first = {f"first.{name}": array for name, array in self._first.items()}
        second = {f"second.{name}": array for name, array in self._second.items()}
        return {"steps": self._steps, **first, **second}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on from these arrays, which are copied.

        Raises:
            EngineError: one is missing, or of the wrong shape or dtype.
        """
        for name, array in self.state().items():
            if name not in state or _kind(state[name]) != _kind(array):
                found = _kind(state[name]) if name in state else "missing"
                raise EngineError(f"{name} of the optimizer is {found}: accepted is {_kind(array)}")
            array[...] = state[name]

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array], learning_rate: float, scale: float) -> None:
        """Change the parameters in place, along the gradients times `scale`."""
        self._steps += 1
        beta1, beta2 = self.betas
        rate, root = learning_rate / (1 - beta1**self.steps), sqrt(1 - beta2**self.steps)

        def work(at: tuple[str, slice]) -> None:
            name, elements = at
            decay = learning_rate * self.weight_decay if params[name].ndim > 1 else 0.0
            arrays = (params[name], grads[name], self._first[name], self._second[name])
            for p, gradient, first, second in zip(*(_chunks(array, elements) for array in arrays), strict=True):
                g, spare = scratch("gradient", (2, len(p)), p.dtype)
                np.multiply(gradient, scale, out=g)
                np.multiply(g, 1 - beta1, out=spare)
                first *= beta1
                first += spare
                g *= g
                g *= 1 - beta2
                second *= beta2
                second += g
                np.sqrt(second, out=g)
                g /= root
                g += self.eps
                np.divide(first, g, out=g)
                g *= rate
                p *= 1 - decay
                p -= g

        for_each(_tasks(params), work)


def global_norm(grads: Mapping[str, Array]) -> float:
    """The Euclidean norm of all gradients together, added up in float64."""
    tasks = _tasks(grads)
    squares = np.empty(len(tasks))

    def work(task: int) -> None:
        name, elements = tasks[task]
        chunks = _chunks(grads[name], elements)
        squares[task] = sum(float(np.square(g, out=scratch("square", g.shape, g.dtype)).sum()) for g in chunks)

    for_each(range(len(tasks)), work)
    return sqrt(squares.sum())


def _kind(array: NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _tasks(arrays: Mapping[str, Array]) -> list[tuple[str, slice]]:
    """Elements of one array each."""
    step = CHUNKS * CHUNK
    return [
        (name, slice(start, min(start + step, array.size)))
        for name, array in arrays.items()
        for start in range(0, array.size, step)
    ]


def _chunks(array: Array, elements: slice) -> list[Array]:
    flat = array.reshape(-1)
    return [flat[at : min(at + CHUNK, elements.stop)] for at in range(elements.start, elements.stop, CHUNK)]
