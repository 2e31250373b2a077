"""The reference engine against what it cannot beat, and against PyTorch, on the paper's four layers.

Each figure is a ratio of times of one run: to the machine's sgemm peak (2048^3); to a bare replay of
exactly the products that the engine executed, on the same arrays, and nothing else; to the fastest of
three PyTorch layers, where PyTorch is installed.
"""

import argparse
import json
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from importlib.util import find_spec
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from reference import MoEConfig, Tally, backward, forward, init, tally
from reference.memory import release
from reference.moe import Cache
from reference.threads import for_each, single_threaded_blas

LAYERS = {
    "smoe": MoEConfig(d_model=768, num_experts=8, top_k=1, d_expert=2048),
    "fine-grained": MoEConfig(d_model=768, num_experts=16, top_k=2, d_expert=1024),
    "mh-moe-2": MoEConfig(d_model=768, heads=2, num_experts=41, top_k=2, d_expert=768),
    "mh-moe-3": MoEConfig(d_model=768, heads=3, num_experts=93, top_k=3, d_expert=512),
}
"""The paper's layers, at exact or nearest parity."""

PEAK_SIZE = 2048

Array = NDArray[np.floating]
Product = tuple[Array, Array, Array]
"""The two operands of a product, and where it goes."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", default="2048,8192", help="numbers of tokens (default %(default)s)")
    parser.add_argument(
        "--rounds", type=int, default=7, help="rounds, of which medians are taken (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    results = []
    for tokens in map(int, given.tokens.split(",")):
        base = None
        for name, config in LAYERS.items():
            result = measured(name, config, tokens, given.rounds)
            base = base or result["seconds"]["both"]
            result["seconds_over_smoe"] = result["seconds"]["both"] / base
            results.append(result)
            if not given.json:
                print(line(result), flush=True)
    if given.json:
        print(json.dumps(results, indent=2))


def measured(name: str, config: MoEConfig, tokens: int, rounds: int) -> dict[str, Any]:
    """All figures of one layer at one number of tokens."""
    rng = np.random.default_rng(0)
    params = init(config, rng)
    x, dy = rng.standard_normal((2, tokens, config.d_model), dtype=np.float32)
    counted, replayed, cache = recorded(params, x, dy, config)
    kept = 2 * nbytes(params) + nbytes(cache)  # parameters, as large gradients, and activations

    def both() -> None:
        _, made = forward(params, x, config)
        backward(params, dy, made, config)

    actions: dict[str, Callable[[], object]] = {
        "peak": sgemm_peak(),
        "replay in order": replay(replayed),
        "replay by size": replay(sorted(replayed, key=lambda p: -p[0].size * p[1].shape[1])),
        "forward": lambda: forward(params, x, config),
        "backward": lambda: backward(params, dy, cache, config),
        "both": both,
    }
    actions |= torch_actions(params, x, dy, config)
    taken = timed(actions, rounds)
    seconds = {name: median(times) for name, times in taken.items()}
    # Both yardsticks are taken at their best: the peak as the fastest of all runs, the replay in its faster order.
    seconds["peak"] = min(taken["peak"])
    seconds["replay"] = min(seconds["replay in order"], seconds["replay by size"])
    peak = 2 * PEAK_SIZE**3 / seconds["peak"]
    torch_seconds = {key: value for key, value in seconds.items() if key.startswith("torch")}
    return {
        "layer": name,
        "tokens": tokens,
        "seconds": seconds,
        "gflops_per_second": {
            "peak": peak / 1e9,
            "replay": counted.flops() / seconds["replay"] / 1e9,
            "forward": counted.flops(half="forward") / seconds["forward"] / 1e9,
            "backward": counted.flops(half="backward") / seconds["backward"] / 1e9,
            "both": counted.flops() / seconds["both"] / 1e9,
        },
        "of_replay": seconds["replay"] / seconds["both"],
        "of_peak": counted.flops() / seconds["both"] / peak,
        "times_fastest_torch": min(torch_seconds.values()) / seconds["both"] if torch_seconds else None,
        "peak_bytes_over_kept": peak_bytes(both, params, x) / kept,
    }


def timed(actions: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each action in each round, in turns, after one round that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds + 1):
        for name, action in actions.items():
            start = perf_counter()
            action()
            taken[name].append(perf_counter() - start)
    return {name: times[1:] for name, times in taken.items()}


def sgemm_peak() -> Callable[[], object]:
    """One large product, on all threads that BLAS takes by itself."""
    a, b = np.random.default_rng(0).standard_normal((2, PEAK_SIZE, PEAK_SIZE), dtype=np.float32)
    out = np.empty_like(a)
    return lambda: np.matmul(a, b, out=out)


def recorded(params: dict[str, Array], x: Array, dy: Array, config: MoEConfig) -> tuple[Tally, list[Product], Cache]:
    """The tally of a forward and backward, the arrays of each product, and the cache."""
    products: list[Product] = []
    matmul = np.matmul

    def recording(a: Array, b: Array, out: Array | None = None) -> Array:
        product: Array = matmul(a, b, out=out)
        products.append((a, b, product))
        return product

    with tally() as counted, patch("numpy.matmul", recording):
        _, cache = forward(params, x, config)
        backward(params, dy, cache, config)
    return counted, products, cache


def replay(products: list[Product]) -> Callable[[], object]:
    """The same products and nothing else, on the same arrays and threads."""

    def run() -> None:
        with single_threaded_blas:
            for_each(products, lambda product: np.matmul(product[0], product[1], out=product[2]))

    return run


def torch_actions(params: dict[str, Array], x: Array, dy: Array, config: MoEConfig) -> dict[str, Callable[[], object]]:
    """The PyTorch forms that run here."""
    if find_spec("torch") is None:
        return {}
    from benchmarks.torch_layers import FORMS, layer

    actions: dict[str, Callable[[], object]] = {}
    for form in FORMS:
        action = layer(form, params, x, dy, config)
        try:
            action()
        except (RuntimeError, AttributeError):  # this build of PyTorch has no such product
            continue
        actions[f"torch {form}"] = action
    return actions


def nbytes(thing: Any) -> int:
    """Bytes of the memory behind the arrays in a nest of lists, dictionaries and dataclasses, each counted once."""
    found: dict[int, int] = {}

    def visit(item: Any) -> None:
        if isinstance(item, np.ndarray):
            at = item.ctypes.data  # views of one memory are one
            found[at] = max(item.nbytes, found.get(at, 0))
        elif isinstance(item, dict):
            visit(list(item.values()))
        elif is_dataclass(item):
            visit([getattr(item, field.name) for field in fields(item)])
        elif isinstance(item, list):
            for value in item:
                visit(value)

    visit(thing)
    return sum(found.values())


def peak_bytes(action: Callable[[], object], params: dict[str, Array], x: Array) -> int:
    """The most memory that arrays took at once while `action` ran, the parameters included."""
    release()
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] + nbytes(params) + x.nbytes
    finally:
        tracemalloc.stop()


def line(result: Mapping[str, Any]) -> str:
    """One row of the table."""
    seconds, speed = result["seconds"], result["gflops_per_second"]
    torch_times = result["times_fastest_torch"]
    return (
        f"{result['layer']:12} {result['tokens']:6,} tokens  forward {seconds['forward']:.3f} s  "
        f"backward {seconds['backward']:.3f} s  both {seconds['both']:.3f} s  {speed['both']:6.1f} GFLOP/s  "
        f"{result['of_replay']:.2f} of replay  {result['of_peak']:.2f} of peak ({speed['peak']:.0f})  "
        f"{result['seconds_over_smoe']:.2f} x SMoE  memory {result['peak_bytes_over_kept']:.2f} x kept"
        + (f"  {torch_times:.2f} x fastest torch" if torch_times else "")
    )


if __name__ == "__main__":
    main()
