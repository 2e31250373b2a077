"""Measuring a machine: products of several sizes, copies, and arithmetic in cache, on all cores at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING, Any

from parity.machine.figures import Machine, cores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

RUNS = 7
"""Runs of each action, of which the fastest counts: other programs make them slower, and nothing makes them faster."""

SIZES = (
    (64, 256, 256),
    (128, 1024, 512),
    (256, 512, 256),
    (256, 256, 1024),
    (512, 256, 256),
    (1024, 128, 256),
    (1024, 512, 512),
    (1024, 768, 768),
    (768, 1536, 1024),
    (1024, 2048, 768),
    (768, 768, 2048),
)
"""Sizes m, n, k of products, small ones and large ones of every shape."""

FLOPS_AT_ONCE = 10**10
"""FLOPs of the products of one size in one run, unless those are a few large ones or many small ones."""

NUMBERS_AT_ONCE = 1 << 15
"""Numbers that arithmetic goes over at once: what stays in a core's cache."""

STREAMED_BYTES = 1 << 25
"""Bytes that each core copies: more than its cache."""


def measure() -> Machine:
    """The figures of this machine; takes a few seconds of all its cores."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"), ThreadPoolExecutor(cores()) as pool:

        def seconds(work: Callable[[int], object]) -> float:
            """Of `work` on every core at once."""
            taken = []
            for _ in range(RUNS):
                start = perf_counter()
                list(pool.map(work, range(cores())))
                taken.append(perf_counter() - start)
            return min(taken)

        products = [_seconds_of_a_product(np, seconds, *size) for size in SIZES]
        per_flop, per_operand, per_result = _fitted(np, products)
        return Machine(per_flop, per_operand, per_result, *_elementwise(np, seconds))


Timer = Callable[[Callable[[int], object]], float]


def _seconds_of_a_product(np: Any, seconds: Timer, m: int, n: int, k: int) -> float:
    """Of one product of many, each on operands of its own, as experts have them."""
    number = max(2, min(48, FLOPS_AT_ONCE // (2 * m * n * k) // cores()))
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((m + n, k), dtype=np.float32)
    sets = [
        [(shared[:m].copy(), shared[m:].T.copy(), np.zeros((m, n), np.float32)) for _ in range(number)]
        for _ in range(cores())
    ]

    def work(core: int) -> None:
        for a, b, out in sets[core]:
            np.matmul(a, b, out=out)

    return seconds(work) / (number * cores())


def _fitted(np: Any, measured: list[float]) -> list[float]:
    """Seconds by FLOP, operand's and result's number that come closest to the measured, none of them negative."""
    terms = np.array([(2 * m * n * k, (m + n) * k, m * n) for m, n, k in SIZES], dtype=float)
    relative = terms / np.array(measured)[:, None]
    used = [0, 1, 2]
    while True:
        found = np.linalg.lstsq(relative[:, used], np.ones(len(measured)), rcond=None)[0]
        if (found >= 0).all():
            break
        used.pop(int(found.argmin()))  # noise: so small that it measured as less than nothing
    fitted = [0.0, 0.0, 0.0]
    for term, value in zip(used, found, strict=True):
        fitted[term] = float(value)
    return fitted


def _elementwise(np: Any, seconds: Timer) -> tuple[float, float, float]:
    """Seconds by byte copied, by number of a product in cache, by exponential in cache."""
    large = np.ones((2, cores(), STREAMED_BYTES // 4), np.float32)
    small = np.ones((2, cores(), NUMBERS_AT_ONCE), np.float32)
    passes = 100

    def in_cache(operation: Callable[[Any, Any], object]) -> float:
        def work(core: int) -> None:
            for _ in range(passes):
                operation(small[0, core], small[1, core])

        return seconds(work) / (passes * NUMBERS_AT_ONCE * cores())

    copied = seconds(lambda core: np.copyto(large[0, core], large[1, core])) / (2 * STREAMED_BYTES * cores())
    multiplied = in_cache(lambda a, b: np.multiply(a, b, out=a))
    return copied, multiplied, in_cache(lambda a, b: np.exp(b, out=a))
