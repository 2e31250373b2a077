"""Causal attention with rotary positions, of one sequence at a time, forward and backward.

Queries go in blocks, and a block is multiplied with the keys up to its last query only, so of the masked half no
more is computed than the triangle within each block.

Legend: N positions, h heads of width W, b queries of a block, n keys up to its end. A projected row holds queries,
keys and values side by side, each h W wide. Exponentials stay undivided; `shares` has one over their sums.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray

from reference.tally import Array, product
from reference.threads import scratch

QUERIES = 64
"""Queries of a block."""

BASE = 10000.0
"""Of the wavelengths of rotary positions."""


def query_blocks(length: int) -> Iterator[slice]:
    """The blocks of a sequence of so many positions."""
    for start in range(0, length, QUERIES):
        yield slice(start, min(start + QUERIES, length))


@cache
def rotation(length: int, width: int, dtype: str) -> NDArray[np.complexfloating]:
    """Factors of queries and keys [N, 2, 1, W / 2], each read as complex numbers of features 2i and 2i + 1.

    They are turned by position * BASE^(-2i / W) (arXiv:2104.09864, eq. 34); queries are divided by sqrt(W) in passing.
    """
    angle = np.arange(length)[:, None] * BASE ** (-np.arange(0, width, 2) / width)
    turned = np.exp(1j * angle)[:, None, None, :]
    both = np.concatenate([turned / np.sqrt(width), turned], axis=1)
    return both.astype(np.complex64 if dtype == "float32" else np.complex128)


@cache
def mask(size: int, dtype: str) -> Array:
    """[size, size], what is added to scores of a block with its own keys: nothing, or minus infinity for later ones."""
    return np.triu(np.full((size, size), -np.inf, dtype), 1)


def turn(qkv: Array, heads: int, *, back: bool = False) -> None:
    """Turn queries and keys of qkv [N, 3 h W] in place, or with `back` their gradients."""
    N, width = len(qkv), qkv.shape[1] // 3
    by = rotation(N, width // heads, qkv.dtype.name)
    pairs = qkv[:, : 2 * width].view(by.dtype).reshape(N, 2, heads, -1)
    pairs *= by.conj() if back else by


def attention_forward(qkv: Array, exponentials: list[Array], shares: Array, y: Array) -> None:
    """y [N, h W] = softmax(q k^T, of earlier keys only) v, head by head, for turned qkv [N, 3 h W].

    Fills in the exponentials [h, b, n] of each block and the shares [h, N]. Source: arXiv:1706.03762, eq. 1.
    """
    heads = len(shares)
    (q, k, v), (out,) = _heads(qkv, 3, heads), _heads(y, 1, heads)
    for block, weights in zip(query_blocks(len(qkv)), exponentials, strict=True):
        product("scores", "forward", q[:, block], k[:, : block.stop].mT, out=weights)
        weights[:, :, block] += mask(weights.shape[1], qkv.dtype.name)
        weights -= np.maximum.reduce(weights, axis=2, keepdims=True)
        np.exp(weights, out=weights)
        share = shares[:, block]
        np.add.reduce(weights, axis=2, out=share)
        np.divide(1, share, out=share)
        mixed = product("scores", "forward", weights, v[:, : block.stop])
        np.multiply(mixed, share[:, :, None], out=out[:, block])


def attention_backward(dy: Array, qkv: Array, exponentials: list[Array], shares: Array, y: Array, dqkv: Array) -> None:
    """dqkv [N, 3 h W], of what was turned."""
    heads = len(shares)
    (q, k, v), (dq, dk, dv) = _heads(qkv, 3, heads), _heads(dqkv, 3, heads)
    (out,), (dout,) = _heads(y, 1, heads), _heads(dy, 1, heads)
    dmixed = np.multiply(dout, shares[:, :, None], out=scratch("dmixed", dout.shape, dy.dtype))
    along = np.add.reduce(dmixed * out, axis=2)
    for block, weights in reversed(list(zip(query_blocks(len(qkv)), exponentials, strict=True))):
        keys, first = slice(0, block.stop), block.stop == len(qkv)
        dv_block = product("scores", "backward", weights.mT, dmixed[:, block])
        dscores = scratch("dscores", weights.shape, dy.dtype)
        product("scores", "backward", dmixed[:, block], v[:, keys].mT, out=dscores)
        dscores -= along[:, block, None]
        dscores *= weights
        product("scores", "backward", dscores, k[:, keys], out=dq[:, block])
        dk_block = product("scores", "backward", dscores.mT, q[:, block])
        if first:  # its keys are all there are
            dk[...], dv[...] = dk_block, dv_block
        else:
            dk[:, keys] += dk_block
            dv[:, keys] += dv_block


def _heads(rows: Array, parts: int, heads: int) -> Array:
    """[parts, h, N, W], a view of rows [N, parts h W]."""
    return rows.reshape(len(rows), parts, heads, -1).transpose(1, 2, 0, 3)
