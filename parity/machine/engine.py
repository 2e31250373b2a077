"""Seconds that the reference engine takes, from what it passes over and what the machine was measured to do.

Nothing here is fitted to a layer: products are priced by their size, everything else by the bytes it
streams and the numbers it passes over. Of the engine it knows what reference/moe.py, experts.py,
activations.py, router.py and weights.py say they do: the order of steps, and into which blocks rows are cut.
"""

from dataclasses import dataclass

from parity.design import MoELayer
from parity.hidden.memory import copies
from parity.hidden.rows import rows_of
from parity.hidden.setting import Setting
from parity.ledger import Dimensions, Op, dimensions, ops
from parity.machine.figures import Machine

BLOCK = 1024
"""Tokens that one task takes."""

LEAST_ROWS, MOST_PIECES = 2048, 4
"""Rows of a piece of a weight's gradient at least, and the number of pieces at most."""

NUMBER = 4
"""Bytes of a number in float32."""


@dataclass
class Work:
    """What there is to do besides products: bytes streamed, passes over numbers in cache, exponentials."""

    streamed: float = 0
    passed: float = 0
    exponentials: float = 0

    def add(self, numbers: float, *, streams: float = 0, passes: float = 0, exponentials: float = 0) -> None:
        """So many numbers, each read or written `streams` times and passed over `passes` times."""
        self.streamed += NUMBER * numbers * streams
        self.passed += numbers * passes
        self.exponentials += numbers * exponentials

    def seconds(self, machine: Machine) -> float:
        """Streaming and arithmetic one after the other."""
        return (
            self.streamed * machine.per_byte
            + self.passed * machine.per_number
            + self.exponentials * machine.per_exponential
        )


def engine_seconds(layer: MoELayer, tokens: int, machine: Machine) -> float:
    """Forward and backward of `tokens` tokens in float32, routing balanced, every row computed and none padded."""
    x = dimensions(layer)
    products = sum(_product_seconds(op, x, layer, tokens, machine) for op in ops(x))
    return products + _work(x, tokens).seconds(machine)


def _product_seconds(op: Op, x: Dimensions, layer: MoELayer, tokens: int, machine: Machine) -> float:
    """An op's products, forward and both of backward, cut into the rows of its tasks."""
    count, sets = int(op.products[0].count), copies(op)
    if op.name == "experts":
        groups = rows_of(layer, Setting(tokens=tokens, precision="float32", tile=1)).groups
        tasks = [(float(group.experts), float(group.rows)) for group in groups if group.rows]
        gradient_tasks = tasks
    else:
        rows = tokens * count / sets  # of each set of weights
        block, piece = BLOCK * count / sets, max(LEAST_ROWS, rows / MOST_PIECES)
        tasks = [(sets * max(1.0, rows / block), min(rows, block))]
        gradient_tasks = [(sets * max(1.0, rows / piece), min(rows, piece))]
    seconds = 0.0
    for place, product in enumerate(op.products):
        # Gate and up are multiplied one by one in forward and together in backward.
        halves = x.input_matrices if len(op.products) > 1 and place == 0 else 1
        n, k = int(product.n), int(product.k)
        for number, rows in tasks:
            seconds += number * halves * machine.product_seconds(rows, n // halves, k)
            seconds += number * machine.product_seconds(rows, k, n)
        for number, rows in gradient_tasks:
            seconds += number * machine.product_seconds(k, n, rows)
    return seconds


def _work(x: Dimensions, tokens: int) -> Work:
    """Everything but products, step by step as the engine takes them."""
    work = Work()
    sub_tokens, rows = tokens * x.heads, tokens * x.heads * x.top_k
    sides = x.input_matrices  # gate and up, or one
    if x.has_router:
        logits = sub_tokens * x.num_experts
        # Largest, difference, sum, quotient; the copy kept; a search for each choice among up to 8, in a copy.
        work.add(logits, passes=5 + min(x.top_k, 8) + (x.top_k > 1), exponentials=1)
        # The gradient is zeros with the chosen put in, copied; of one choice's gate, that of a softmax besides.
        work.add(logits, passes=2 if x.top_k > 1 else 6)
    # Experts, forward: sub-tokens gathered; the activation and what it is multiplied with.
    work.add(rows * x.d_sub_token, streams=2)
    _hidden(work, rows * x.d_expert, sides)
    # Backward: sub-tokens and gradients gathered; gradients of the gates; gradients times the gates.
    work.add(rows * x.d_sub_token, streams=4)
    if x.has_router:
        work.add(rows * x.d_sub_token, streams=2, passes=2 + 1)
    # Outputs, and then gradients of the inputs, gathered and added up for each sub-token.
    work.add(rows * x.d_sub_token, streams=2 * 2, passes=(1 if x.has_router else 0) + 2)
    work.add(tokens * x.d_latent, streams=2 * 2)
    # The gradient of a token begins as zeros, and what comes through head or sub-tokens is added.
    work.add(tokens * x.d_model, streams=1 + 2)
    if x.has_bias:
        # Added to what head and merge give; their gradients are sums over tokens.
        work.add(tokens * (x.d_latent * x.has_head + x.d_model * x.has_merge), streams=2 + 1, passes=2)
    if x.has_shared:
        shared = tokens * x.num_shared_experts
        _hidden(work, shared * x.d_shared, sides)
        work.add(shared * x.d_model, streams=2 * 2, passes=2)
    return work


def _hidden(work: Work, units: float, sides: int) -> None:
    """Hidden units, forward and backward: SwiGLU, or one side and a ReLU."""
    if sides == 2:
        # Gate and up read; activation, hidden unit and slope written. Eight passes for value and slope of SiLU,
        # one of them the exponential, and two products with `up`.
        work.add(units, streams=5, passes=7 + 2, exponentials=1)
    else:
        work.add(units, streams=3, passes=2 + 1)
    # Backward: each side's slope and the gradient read, the product written.
    work.add(units, streams=sides * 3, passes=sides)
