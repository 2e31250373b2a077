"""Pareto fronts over arrays: the designs that no other dominates.

A design dominates another if it is no worse in every objective and better in one; ties all stay.
Objectives are columns to be made small. They compare exactly: integers as they are, ratios as
integers in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity.sweep.evaluator import Integers

Mask = NDArray[np.bool_]


class Ratio(NamedTuple):
    """A column of exact ratios, at least 0, of integers."""

    numerator: Integers
    denominator: Integers


Objective = Integers | Ratio


@dataclass(frozen=True)
class Designs:
    """Some designs: their objectives, and columns of whatever else belongs to them."""

    objectives: tuple[Objective, ...]
    columns: dict[str, Integers]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    @classmethod
    def joined(cls, parts: Sequence["Designs"]) -> "Designs":
        """All these designs."""
        return cls(
            tuple(_joined(columns) for columns in zip(*(part.objectives for part in parts), strict=True)),
            {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns},
        )

    def take(self, chosen: Any) -> "Designs":
        """Some of the designs."""
        objectives = (Ratio(o[0][chosen], o[1][chosen]) if isinstance(o, Ratio) else o[chosen] for o in self.objectives)
        return Designs(tuple(objectives), {name: column[chosen] for name, column in self.columns.items()})


def _joined(columns: Sequence[Objective]) -> Objective:
    ratios = [column for column in columns if isinstance(column, Ratio)]
    if ratios:
        return Ratio(*(np.concatenate(part) for part in zip(*ratios, strict=True)))
    return np.concatenate(columns)


def undominated(objectives: Sequence[Objective], group: Integers | None = None) -> Mask:
    """Which designs no other dominates, or no other of its own group."""
    keys = [ranks(objective) for objective in objectives]
    if group is not None or len(keys) == 1:
        keys = _apart(keys, np.zeros(len(keys[0]), np.int64) if group is None else group)
    order = np.lexsort(keys[::-1])
    mask = np.zeros(len(order), bool)
    in_order = [key[order] for key in keys]
    mask[order] = _of_two(*in_order) if len(keys) == 2 else _of_any(np.stack(in_order, axis=1))
    return mask


def _apart(keys: list[NDArray[np.int64]], group: Integers) -> list[NDArray[np.int64]]:
    """At least two keys, changed so that of two groups each is better in one: neither dominates the other."""
    first, second, *more = (np.unique(key, return_inverse=True)[1] for key in (*keys, *([keys[0]] * (len(keys) == 1))))
    groups = np.unique(group, return_inverse=True)[1]
    return [groups * len(groups) + first, second - groups * len(groups), *more]


def _of_two(first: Integers, second: Integers) -> Mask:
    """For designs sorted by the first objective and then by the second."""
    begins = np.searchsorted(first, first)  # of the designs as good in the first objective
    least_so_far = np.minimum.accumulate(second)
    better_in_first = begins > 0
    beaten = better_in_first & (least_so_far[begins - 1] <= second)
    return np.asarray((second == second[begins]) & ~beaten)


def _of_any(keys: NDArray[np.int64]) -> Mask:
    """For designs, a row each, in an order in which none dominates an earlier one."""
    left, at = np.arange(len(keys)), 0
    while at < len(left):
        rest = keys[left]
        stays = (rest < rest[at]).any(axis=1) | (rest == rest[at]).all(axis=1)
        at = int(np.count_nonzero(stays[: at + 1]))
        left = left[stays]
    mask = np.zeros(len(keys), bool)
    mask[left] = True
    return mask


def ranks(objective: Objective) -> NDArray[np.int64]:
    """The objective as int64 in the same order."""
    column = _as_integers(objective) if isinstance(objective, Ratio) else objective
    if column.dtype == np.int64:
        return column
    return np.unique(column, return_inverse=True)[1].astype(np.int64)


def _as_integers(ratio: Ratio) -> Integers:
    """Two different ratios differ by at least one over the product of their denominators, so this tells them apart."""
    bits = 2 * max((int(value).bit_length() for value in ratio.denominator), default=0)
    return np.asarray((ratio.numerator.astype(np.object_) << bits) // ratio.denominator)


def candidates(group: Integers, objectives: Sequence[Objective]) -> Mask:
    """Which designs one good design of their own group does not dominate: all of its front, and few others.

    The designs of a group lie together.
    """
    near = [np.asarray(o[0] / o[1] if isinstance(o, Ratio) else o, float) for o in objectives]
    score: Any = sum(column / max(column.max(initial=0), 1e-300) for column in near)
    starts = np.flatnonzero(np.concatenate([[True], group[1:] != group[:-1]]))
    lengths = np.diff(np.append(starts, len(group)))
    best = np.flatnonzero(score == np.repeat(np.minimum.reduceat(score, starts), lengths))
    pivot = np.repeat(best[np.searchsorted(best, starts)], lengths)
    no_better, worse = np.ones(len(group), bool), np.zeros(len(group), bool)
    for objective, column in zip(objectives, near, strict=True):
        if isinstance(objective, Ratio):  # rounded, so only what is clearly greater counts
            greater = column > column[pivot] * (1 + 1e-12)
            no_better &= greater
        else:
            greater = objective > objective[pivot]
            no_better &= objective >= objective[pivot]
        worse |= greater
    return ~(no_better & worse)
