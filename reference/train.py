"""Training a decoder, step by step; a run that is restored goes on bit for bit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reference.check import checked_params
from reference.decoder import loss_and_gradients
from reference.decoder_config import DecoderConfig
from reference.errors import EngineError
from reference.optim import AdamW, Schedule, global_norm
from reference.tally import Array

INFINITE = float("inf")

SMALL = 1e-6
"""Added to the norm that gradients are divided by, as in PyTorch."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How a decoder is trained: AdamW on gradients clipped by their global norm, linear warm-up, half a cosine.

    The learning rate is `peak_learning_rate` at step `warmup` and `final_fraction` of it at step `steps`.

    Raises:
        EngineError: a field is of the wrong type or out of range.
    """

    steps: int
    warmup: int
    peak_learning_rate: float
    final_fraction: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip_norm: float = 1.0

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("warmup", 0)):
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise EngineError(f"{name}={value!r}: accepted are integers of at least {least}")
        for name in ("peak_learning_rate", "eps", "clip_norm"):
            if not (_number(value := getattr(self, name)) and 0 < value < INFINITE):
                raise EngineError(f"{name}={value!r}: accepted are finite numbers above 0")
        if not (_number(self.final_fraction) and 0 <= self.final_fraction <= 1):
            raise EngineError(f"final_fraction={self.final_fraction!r}: accepted are numbers from 0 to 1")
        if not (_number(self.weight_decay) and 0 <= self.weight_decay < INFINITE):
            raise EngineError(f"weight_decay={self.weight_decay!r}: accepted are finite numbers of at least 0")
        pair = isinstance(self.betas, tuple) and len(self.betas) == 2
        if not (pair and all(_number(beta) and 0 <= beta < 1 for beta in self.betas)):
            raise EngineError(f"betas={self.betas!r}: accepted are two numbers of at least 0 and below 1")

    def learning_rate(self, step: int) -> float:
        """The learning rate of this step, of which the first is 1."""
        return Schedule(self.steps, self.warmup, self.peak_learning_rate, self.final_fraction)(step)


@dataclass(frozen=True)
class StepRecord:
    """What a step measured before it changed the parameters."""

    loss: float
    """Cross-entropy plus the weighted load-balancing losses."""
    cross_entropy: float
    """Mean nats of a token."""
    balance: float
    """Sum of the load-balancing losses of all MoE layers."""
    grad_norm: float
    """Of all gradients together, before clipping."""
    learning_rate: float


class Trainer:
    """A decoder in training: `params` is a copy of what it began with, changed in place by every step.

    Raises:
        EngineError: a parameter is missing, unknown, or of the wrong shape or dtype.
    """

    def __init__(self, config: DecoderConfig, train: TrainConfig, params: Mapping[str, Array]) -> None:
        self.config, self.train = config, train
        self.params = {name: array.copy() for name, array in checked_params(params, config).items()}
        self._optimizer = AdamW(self.params, train.betas, train.eps, train.weight_decay)

    @classmethod
    def restored(cls, config: DecoderConfig, train: TrainConfig, state: Mapping[str, NDArray[Any]]) -> "Trainer":
        """The trainer whose `state` this was.

        Raises:
            EngineError: an array is missing or of the wrong shape or dtype.
        """
        trainer = cls(config, train, _part(state, "params"))
        trainer._optimizer.restore(_part(state, "optimizer"))
        return trainer

    @property
    def steps_done(self) -> int:
        """How many steps there have been."""
        return self._optimizer.steps

    def step(self, tokens: NDArray[np.integer]) -> StepRecord:
        """Change the parameters once, by the gradients of these tokens [B, N + 1].

        Raises:
            EngineError: see `loss_and_gradients`.
        """
        found = loss_and_gradients(self.params, tokens, self.config)
        learning_rate = self.train.learning_rate(self.steps_done + 1)
        norm = global_norm(found.grads)
        scale = min(1.0, self.train.clip_norm / (norm + SMALL))
        self._optimizer.step(self.params, found.grads, learning_rate, scale)
        return StepRecord(found.loss, found.cross_entropy, found.balance, norm, learning_rate)

    def state(self) -> dict[str, NDArray[Any]]:
        """Every array that a step changes, by a flat name: write them down before the next step."""
        params = {f"params.{name}": array for name, array in self.params.items()}
        return params | {f"optimizer.{name}": array for name, array in self._optimizer.state().items()}


def _number(value: object) -> bool:
    return type(value) in (int, float)


def _part(state: Mapping[str, NDArray[Any]], of: str) -> dict[str, NDArray[Any]]:
    prefix = f"{of}."
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}
