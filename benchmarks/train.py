"""A training step of the small decoder against the same one in PyTorch, eager on CPU, for every variant.

The scale is `small` of the experiments: width 192, 6 layers, 2,048 words, 4,096 tokens in sequences of 256. Expert
widths and numbers are those that `parity.solve` finds at parity with an SMoE of the paper's shape at that width. Each
figure is a ratio of times of one run in turns. PyTorch's is the fastest of its forms of the experts.
"""

import argparse
import json
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np

from benchmarks.engine import PEAK_SIZE, nbytes, peak_bytes, sgemm_peak, timed
from parity import MoELayer, solve
from reference import MoEConfig, tally
from reference.decoder import init
from reference.decoder_config import DecoderConfig
from reference.train import TrainConfig, Trainer

GOAL = 1.2
"""Times as fast as PyTorch, at least."""

WIDTH, LAYERS, HEADS, CONTEXT, VOCABULARY, TOKENS = 192, 6, 6, 256, 2048, 4096
SMOE = MoELayer(d_model=WIDTH, d_expert=2048 * WIDTH // 768, num_experts=8, top_k=1)
TRAIN = TrainConfig(steps=1000, warmup=100, peak_learning_rate=1e-3)
DESIGNS = {
    "dense": None,
    "smoe": SMOE,
    "fine-grained": solve(SMOE, heads=1, top_k=2).best.design,
    "mh-moe-2": solve(SMOE, heads=2, top_k=2).best.design,
    "mh-moe-3": solve(SMOE, heads=3, top_k=3).best.design,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds, of which medians are taken (default %(default)s)"
    )
    parser.add_argument("--variants", default=",".join(DESIGNS), help="of %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    results = []
    for bitnet in (False, True):
        for name in given.variants.split(","):
            results.append(measured(name, bitnet, given.rounds))
            if not given.json:
                print(line(results[-1]), flush=True)
    if given.json:
        print(json.dumps({"goal": GOAL, "tokens": TOKENS, "variants": results}, indent=2))


def measured(name: str, bitnet: bool, rounds: int) -> dict[str, Any]:
    """All figures of one variant."""
    config = decoder(DESIGNS[name], bitnet)
    params, tokens = init(config, 0), batch()
    trainer = Trainer(config, TRAIN, params)
    with tally() as counted:
        trainer.step(tokens)

    def step() -> None:
        trainer.step(tokens)

    taken = timed({"peak": sgemm_peak(), "engine": step, **torch_actions(params, config, tokens)}, rounds)
    seconds = {action: median(times) for action, times in taken.items()} | {"peak": min(taken["peak"])}
    of_torch = [value for action, value in seconds.items() if action.startswith("torch")]
    peak = 2 * PEAK_SIZE**3 / seconds["peak"]
    return {
        "variant": f"{name}-bitnet" if bitnet else name,
        "seconds": seconds,
        "tokens_per_second": TOKENS / seconds["engine"],
        "flops": counted.flops(),
        "of_peak": counted.flops() / seconds["engine"] / peak,
        "times_fastest_torch": min(of_torch) / seconds["engine"] if of_torch else None,
        "peak_bytes": peak_bytes(step, trainer.params, tokens) + nbytes(trainer.state()) - nbytes(trainer.params),
    }


def decoder(design: MoELayer | None, bitnet: bool) -> DecoderConfig:
    """The decoder around that MoE layer, or a dense one."""
    moe = None
    if design is not None:
        fields: dict[str, Any] = {**design.to_dict(), "bitnet": bitnet}
        moe = MoEConfig(**fields)
    return DecoderConfig(
        vocabulary=VOCABULARY,
        context=CONTEXT,
        d_model=WIDTH,
        num_layers=LAYERS,
        attention_heads=HEADS,
        d_ffn=SMOE.d_expert,
        moe=moe,
        bitnet=bitnet,
    )


def batch() -> np.ndarray:
    """The tokens of a step."""
    return np.random.default_rng(0).integers(0, VOCABULARY, (TOKENS // CONTEXT, CONTEXT + 1))


def torch_actions(
    params: dict[str, np.ndarray], config: DecoderConfig, tokens: np.ndarray
) -> dict[str, Callable[[], object]]:
    """A step in each PyTorch form that runs here; one where there are no experts."""
    if find_spec("torch") is None:
        return {}
    from benchmarks.torch_decoder import TorchDecoder
    from benchmarks.torch_layers import FORMS

    def action(form: str) -> Callable[[], object]:
        model = TorchDecoder(params, config, TRAIN, form)
        return lambda: model.step(tokens, TRAIN.peak_learning_rate)

    actions = {}
    for form in list(FORMS)[: None if config.moe else 1]:
        actions[f"torch {form}"] = action(form)
        try:
            actions[f"torch {form}"]()
        except (RuntimeError, AttributeError):  # this build of PyTorch has no such product
            del actions[f"torch {form}"]
    return actions


def line(result: dict[str, Any]) -> str:
    """One row of the table."""
    times = result["times_fastest_torch"]
    return (
        f"{result['variant']:20} {result['seconds']['engine']:.3f} s  {result['tokens_per_second']:8,.0f} tokens/s  "
        f"{result['of_peak']:.2f} of peak  {result['peak_bytes'] / 2**20:,.0f} MiB"
        + (f"  {times:.2f} x fastest torch" if times else "")
    )


if __name__ == "__main__":
    main()
