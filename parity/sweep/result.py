"""What a sweep found: counts, frontiers, and on request every design."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from parity.conventions import Convention
from parity.design import LEAST, MoELayer
from parity.lattice import Target
from parity.solve import Solution
from parity.sweep.evaluator import Integers, less
from parity.sweep.front import Designs, ranks
from parity.sweep.space import Space

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Origin:
    """What the designs of a front are made of and held against."""

    templates: Sequence[MoELayer]
    convention: Convention
    target: Target


class Frontier(Sequence[Solution]):
    """Designs of which none dominates another, in order of preference; each is made when it is looked at."""

    def __init__(self, front: Designs, origin: Origin) -> None:
        columns = front.columns
        flops, params = origin.target.flops_per_token, origin.target.params
        errors = (abs(less(columns["flops_per_token"], flops)), abs(less(columns["params"], params)))
        by = (*front.objectives, *errors, *(columns[name] for name in ("num_experts", "d_expert", "heads", "top_k")))
        self.templates = origin.templates
        self.front = front.take(np.lexsort([ranks(column) for column in reversed(by)]))
        self._origin = origin

    def __len__(self) -> int:
        return len(self.front)

    @overload
    def __getitem__(self, index: int) -> Solution: ...
    @overload
    def __getitem__(self, index: slice) -> list[Solution]: ...
    def __getitem__(self, index: int | slice) -> Solution | list[Solution]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        columns = self.front.columns
        fields: dict[str, Any] = {name: int(columns[name][index]) for name in LEAST if name in columns}
        design = replace(self._origin.templates[int(columns["family"][index])], **fields)
        return Solution.of(design, self._origin.convention, self._origin.target)


@dataclass(frozen=True)
class Group:
    """The feasible designs with the same heads, top-k and kind of pool."""

    heads: int
    top_k: int
    expert_pool: str
    feasible: int
    frontier: Frontier


@dataclass(frozen=True)
class SweepResult:
    """The answer of a sweep. In a notebook it draws itself."""

    space: Space
    """What was asked: the baseline, the ranges, the constraints."""
    objectives: tuple[str, ...]
    examined: int
    """Pairs whose costs were evaluated."""
    feasible: int
    """Those of them that are feasible."""
    frontier: Frontier
    """The designs that no other dominates."""
    groups: tuple[Group, ...]
    """By heads, top-k and pool; those without a feasible design are left out."""
    partial: bool
    """Whether it was interrupted, so that designs may be missing."""
    columns: Mapping[str, Integers] | None
    """Every feasible design, a column a field, if the designs were kept.

    Beside the fields: `flops_per_token`, `params`, `active_params`; `flops_error` and `params_error`,
    in floating point; `on_frontier` and `on_group_frontier`.
    """

    def figure(self) -> "Figure":
        """The frontier as a chart.

        Raises:
            InputError: matplotlib is not installed.
        """
        from parity.sweep.plot import figure

        return figure(self)

    def _repr_svg_(self) -> str:
        out = BytesIO()
        self.figure().savefig(out, format="svg")
        return out.getvalue().decode()
