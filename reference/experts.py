"""Routed experts: sub-tokens sorted by expert into contiguous rows, no padding, one task an expert or part of one.

Legend: N sub-tokens of width H, k choices each, R = N k rows; X experts in all pools, F hidden units.
Row r of the sorted order is choice `order[r]` of the N k choices, so its sub-token is order[r] // k.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference.activations import chunks
from reference.config import MoEConfig
from reference.ffn import FfnCache, ffn_backward, ffn_forward
from reference.memory import empty, empty_like
from reference.tally import Array
from reference.threads import for_each, scratch

MOST_ROWS = 4096
"""Rows of one expert that one task takes, unless that would make more than `MOST_PIECES` of them."""

MOST_PIECES = 8


class Piece(NamedTuple):
    """Rows of one expert, done by one task. `first` says that no earlier piece has rows of that expert."""

    expert: int
    start: int
    stop: int
    first: bool


@dataclass
class Dispatch:
    """Which rows go to which expert."""

    order: NDArray[np.intp]  # [R], choices sorted by expert
    place: NDArray[np.intp]  # [N, k], the row of each choice
    pieces: Sequence[Piece]  # largest first
    idle: NDArray[np.intp]  # experts without a row


def dispatch(expert_Nk: NDArray[np.intp], num_experts: int) -> Dispatch:
    """Sort the choices by expert; within an expert they stay in the order of the sub-tokens."""
    flat = expert_Nk.ravel()
    small = flat.astype(np.uint16) if num_experts <= 1 << 16 else flat  # 16 bits are sorted by radix
    order = np.argsort(small, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    counts = np.bincount(flat, minlength=num_experts)
    pieces = [
        Piece(expert, start, min(start + step, stop), start == stop - count)
        for expert, (count, stop) in enumerate(zip(counts.tolist(), np.cumsum(counts).tolist(), strict=True))
        for step in [max(MOST_ROWS, -(-count // MOST_PIECES))]
        for start in range(stop - count, stop, step)
    ]
    pieces.sort(key=lambda piece: piece.start - piece.stop)
    return Dispatch(order, place.reshape(expert_Nk.shape), pieces, np.flatnonzero(counts == 0))


def experts_forward(
    x_NH: Array, w_in: Array, w_out: Array, where: Dispatch, config: MoEConfig
) -> tuple[Array, FfnCache]:
    """y [R, H] in sorted order, each choice's expert applied to its sub-token; w_in [X, H, 2F], w_out [X, F, H]."""
    cache = FfnCache.empty(len(where.order), w_out.shape[1], config)
    y_RH = empty((len(where.order), x_NH.shape[1]), x_NH.dtype)

    def work(piece: Piece) -> None:
        rows = slice(piece.start, piece.stop)
        x = _gathered("x", x_NH, where, rows)
        ffn_forward("experts", x, w_in[piece.expert], w_out[piece.expert], config, cache[rows], out=y_RH[rows])

    for_each(where.pieces, work)
    return y_RH, cache


def experts_backward(
    dy_NH: Array,
    gates_Nk: Array | None,
    x_NH: Array,
    y_RH: Array,
    w_in: Array,
    w_out: Array,
    where: Dispatch,
    cache: FfnCache,
) -> tuple[Array, Array | None, Array, Array]:
    """dx [R, H] and dgates [R] in sorted order, dw_in, dw_out.

    dy [N, H] is the gradient of the sum over its choices of gate * y for each sub-token.
    """
    dx_RH, dw_in, dw_out = empty_like(y_RH), empty_like(w_in), empty_like(w_out)
    dw_in[where.idle], dw_out[where.idle] = 0, 0
    gates_R = None if gates_Nk is None else gates_Nk.ravel()[where.order]
    dgates_R = None if gates_R is None else np.empty_like(gates_R)
    later: dict[Piece, tuple[Array, Array]] = {}

    def work(piece: Piece) -> None:
        rows = slice(piece.start, piece.stop)
        x, dy = _gathered("x", x_NH, where, rows), _gathered("dy", dy_NH, where, rows)
        if gates_R is not None and dgates_R is not None:
            dgates_R[rows] = _row_products(dy, y_RH[rows])
            dy *= gates_R[rows, None]
        weights = w_in[piece.expert], w_out[piece.expert]
        into = (dw_in[piece.expert], dw_out[piece.expert]) if piece.first else (None, None)
        grads = ffn_backward("experts", dy, x, *weights, cache[rows], dx_RH[rows], *into)
        if not piece.first:
            later[piece] = grads

    for_each(where.pieces, work)
    for piece in sorted(later):  # in one order, so that the sums have the same bits every time
        dw_in[piece.expert] += later[piece][0]
        dw_out[piece.expert] += later[piece][1]
    return dx_RH, dgates_R, dw_in, dw_out


def combined(y_RH: Array, place_Nk: NDArray[np.intp], gates_Nk: Array | None = None) -> Array:
    """Sum over its choices, times their gates where given, for each sub-token: [N, H] from rows in sorted order."""

    def part(choice: int) -> Array:
        rows: Array = np.take(y_RH, place_Nk[:, choice], axis=0)
        if gates_Nk is not None:
            rows *= gates_Nk[:, choice, None]
        return rows

    total = part(0)
    for choice in range(1, place_Nk.shape[1]):
        total += part(choice)
    return total


def _row_products(a: Array, b: Array) -> Array:
    """Sum over columns of a * b, for each row."""
    out = np.empty(len(a), a.dtype)
    for rows in chunks(*a.shape):
        np.add.reduce(a[rows] * b[rows], axis=1, out=out[rows])
    return out


def _gathered(name: str, x_NH: Array, where: Dispatch, rows: slice) -> Array:
    """The sub-tokens of these rows, in this thread's memory of that name."""
    source = where.order[rows] // where.place.shape[1]
    # With mode="raise" NumPy would gather into a copy first.
    return np.take(x_NH, source, axis=0, out=scratch(name, (len(source), x_NH.shape[1]), x_NH.dtype), mode="clip")
