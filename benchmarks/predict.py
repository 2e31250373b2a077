"""Predicted against measured seconds of the paper's four layers in the reference engine, forward and backward.

The prediction knows nothing of the layers but their ledger: this machine is measured, products by size, copies
and arithmetic, in the same run. The goal is a ratio within a factor of 1.3.
"""

from statistics import median

import numpy as np

from benchmarks.engine import LAYERS
from benchmarks.measure import arguments, median_seconds, show
from parity import MoELayer
from parity.design import FIELDS
from parity.machine import engine_seconds
from parity.machine.measure import measure
from reference import MoEConfig, backward, forward, init

GOAL = 1.3
TOKENS = (2048, 8192)


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, runs=5)
    machines = [measure()]  # and again after each number of tokens; a prediction is the median of theirs
    measured: dict[tuple[str, int], float] = {}
    for tokens in TOKENS:
        for name, config in LAYERS.items():  # one by one, as in training: the engine uses its memory again
            measured[name, tokens] = median_seconds({name: Layer(config, tokens)}, given.runs)[name]
        machines.append(measure())
    results, ratios, rows = [], [], []
    for (name, tokens), taken in measured.items():
        layer = MoELayer(**{field: getattr(LAYERS[name], field) for field in FIELDS})
        predicted = median(engine_seconds(layer, tokens, machine) for machine in machines)
        ratio = predicted / taken
        results.append({"layer": name, "tokens": tokens, "measured": taken, "predicted": predicted, "ratio": ratio})
        ratios.append(ratio)
        what = f"{name:12} {tokens:6,} tokens"
        rows += [(f"{what}, measured", taken), (f"{what}, predicted", predicted)]
    worst = max(max(ratio, 1 / ratio) for ratio in ratios)
    verdict = (
        f"predicted over measured: {', '.join(f'{ratio:.2f}' for ratio in ratios)}; "
        f"the worst is off by a factor of {worst:.2f}, the goal is {GOAL}"
    )
    show({"layers": results, "worst_factor": worst, "goal": GOAL}, rows, verdict, as_json=given.json)


class Layer:
    """One layer on one batch; called, it runs forward and backward."""

    def __init__(self, config: MoEConfig, tokens: int) -> None:
        rng = np.random.default_rng(0)
        self.config, self.params = config, init(config, rng)
        self.x, self.dy = rng.standard_normal((2, tokens, config.d_model), dtype=np.float32)

    def __call__(self) -> None:
        """Run."""
        _, cache = forward(self.params, self.x, self.config)
        backward(self.params, self.dy, cache, self.config)


if __name__ == "__main__":
    main()
