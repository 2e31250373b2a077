"""One expert: two matrices or three, forward and backward, on rows that are already together.

Legend: n rows of width H, F hidden units. w_in is [H, 2F] when gated, the gate's half first, else [H, F].
"""

from dataclasses import dataclass

from reference.activations import hidden_backward, hidden_forward
from reference.bitnet import Operand, operand_backward, operand_forward
from reference.config import MoEConfig
from reference.memory import empty
from reference.tally import Array, product
from reference.threads import scratch


@dataclass
class FfnCache:
    """What backward needs besides input and weights."""

    slopes: Array  # [2, n, F] when gated, else [1, n, F]: d hidden / d gate, d hidden / d up
    hidden: Array  # [n, F]
    hidden_in: Operand  # hidden as it enters the second product

    @classmethod
    def empty(cls, n: int, F: int, config: MoEConfig) -> "FfnCache":
        """Room for n rows, to be filled in by rows."""
        hidden = empty((n, F), config.dtype)
        return cls(empty((2 if config.gated else 1, n, F), config.dtype), hidden, Operand.of(hidden, config.bitnet))

    def __getitem__(self, rows: slice) -> "FfnCache":
        return FfnCache(self.slopes[:, rows], self.hidden[rows], self.hidden_in[rows])


def ffn_forward(
    op: str, x: Array, w_in: Array, w_out: Array, config: MoEConfig, cache: FfnCache, out: Array | None = None
) -> Array:
    """y [n, H] = (act(x w_gate) * x w_up) w_out, or act(x w_in) w_out (arXiv:2002.05202, eq. 6); fills in `cache`."""
    F = w_out.shape[0]
    gate = product(op, "forward", x, w_in[:, :F], out=cache.slopes[0])
    if config.gated:
        up = product(op, "forward", x, w_in[:, F:], out=scratch("up", gate.shape, x.dtype))
        hidden_forward(gate, up, cache.slopes[1], cache.hidden, config.activation)
    else:
        hidden_forward(gate, None, None, cache.hidden, config.activation)
    return product(op, "forward", operand_forward(cache.hidden, cache.hidden_in), w_out, out=out)


def ffn_backward(
    op: str,
    dy: Array,
    x: Array,
    w_in: Array,
    w_out: Array,
    cache: FfnCache,
    dx: Array,
    dw_in: Array | None = None,
    dw_out: Array | None = None,
) -> tuple[Array, Array]:
    """dw_in and dw_out, of the weights' shapes, into the given arrays where there are any, for x [n, H] and dy [n, H].

    dx [n, H] is written into its array.
    """
    n, F = cache.hidden.shape
    dw_out = product(op, "backward", cache.hidden_in.values.T, dy, out=dw_out)
    dhidden = product(op, "backward", dy, w_out.T, out=scratch("dhidden", (n, F), dy.dtype))
    operand_backward(dhidden, cache.hidden_in)
    dpre = scratch("dpre", (n, w_in.shape[1]), dy.dtype)
    hidden_backward(dhidden, cache.slopes, dpre)
    dw_in = product(op, "backward", x.T, dpre, out=dw_in)
    product(op, "backward", dpre, w_in.T, out=dx)
    return dw_in, dw_out
