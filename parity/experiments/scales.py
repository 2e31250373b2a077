"""How large an experiment is: the decoder around the MoE layers, and how long it trains."""

from collections.abc import Mapping
from dataclasses import dataclass

from parity.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Widths in features, `context` and `tokens_per_step` in tokens; steps, seeds and checkpoints are defaults."""

    name: str
    d_model: int
    num_layers: int
    attention_heads: int
    vocabulary: int
    context: int
    tokens_per_step: int
    steps: int
    seeds: int
    checkpoint_every: int
    peak_learning_rate: float
    as_published: bool = False
    """Whether designs are the paper's own instead of solved for this width."""

    @property
    def sequences(self) -> int:
        """Sequences of a step."""
        return self.tokens_per_step // self.context

    @property
    def d_ffn(self) -> int:
        """Width of the dense FFN and of an SMoE expert: of the paper's 2,048 the share that the model's width has."""
        return 2048 * self.d_model // 768


SCALES: Mapping[str, Scale] = {
    scale.name: scale
    for scale in (
        Scale(
            name="tiny",
            d_model=96,
            num_layers=4,
            attention_heads=3,
            vocabulary=2048,
            context=128,
            tokens_per_step=4096,
            steps=1000,
            seeds=3,
            checkpoint_every=100,
            peak_learning_rate=8e-3,
        ),
        Scale(
            name="small",
            d_model=192,
            num_layers=6,
            attention_heads=6,
            vocabulary=2048,
            context=256,
            tokens_per_step=4096,
            steps=4000,
            seeds=3,
            checkpoint_every=100,
            peak_learning_rate=1e-3,
        ),
        # arXiv:2411.16205, sec. 3, prints layers, width, steps and tokens of a step (500,000, here whole sequences);
        # heads of attention, vocabulary, context and learning rate are usual ones, which it does not print.
        Scale(
            name="paper",
            d_model=768,
            num_layers=12,
            attention_heads=12,
            vocabulary=32_000,
            context=2048,
            tokens_per_step=244 * 2048,
            steps=100_000,
            seeds=3,
            checkpoint_every=100,
            peak_learning_rate=6e-4,
            as_published=True,
        ),
    )
}
"""The scales by name."""


def scale_named(name: str) -> Scale:
    """The scale of that name.

    Raises:
        InputError: there is none.
    """
    if name not in SCALES:
        raise InputError(f"scale={name!r}: accepted are {', '.join(SCALES)}")
    return SCALES[name]
