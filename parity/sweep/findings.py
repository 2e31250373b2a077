"""Collects the designs that a sweep comes by: counts, fronts, and on request all of them."""

import numpy as np

from parity.design import FIELDS, MoELayer
from parity.errors import InputError
from parity.sweep.evaluator import Costs, Integers, errors, evaluate
from parity.sweep.front import Designs, candidates, undominated
from parity.sweep.objectives import QUANTITIES, Evaluated
from parity.sweep.pairs import Block
from parity.sweep.result import Frontier, Group, Origin, SweepResult
from parity.sweep.shapes import Family
from parity.sweep.space import Space

MOST_KEPT = 20_000_000
"""The most designs that are kept, in about 2 GB."""
PENDING = 1 << 17
"""How many candidates for the fronts pile up, at least, before they are compared."""
SWEPT = ("heads", "top_k", "d_latent", "num_shared_experts", "d_shared", "d_expert", "num_experts")
COSTS = Costs._fields
COLUMNS = (*SWEPT, *COSTS, "group", "family", "place")


class Findings:
    """What a sweep has found so far."""

    def __init__(self, space: Space, objectives: tuple[str, ...], keep: bool) -> None:
        self.examined = self.feasible = 0
        self._space, self._objectives, self._keep = space, objectives, keep
        self._templates: list[MoELayer] = []
        self._groups: dict[tuple[int, int, str], int] = {}
        self._in_group = np.zeros(0, np.int64)
        self._fronts: list[Designs] = []
        self._kept: list[dict[str, Integers]] = []

    def begin(self, family: Family) -> Integers:
        """Take up a family; the number of the group that each of its shapes belongs to."""
        self._templates.append(family.template)
        each = np.stack([family.shapes["heads"], family.shapes["top_k"]])
        different, which = np.unique(each, axis=1, return_inverse=True)
        keys = [(heads, top_k, family.template.expert_pool) for heads, top_k in different.T.tolist()]
        numbers = np.array([self._groups.setdefault(key, len(self._groups)) for key in keys])
        self._in_group = np.pad(self._in_group, (0, len(self._groups) - len(self._in_group)))
        return np.asarray(numbers[which.reshape(-1)])

    def add(self, family: Family, group: Integers, block: Block) -> None:
        """Evaluate pairs of the family last taken up, and add those that are feasible."""
        rule, target, limits = self._space.rule, self._space.target, self._space.limits
        columns = _columns(family, block)
        costs = evaluate(family.template, columns, rule)
        self.examined += len(block.shape)
        fits = (limits.least_flops <= costs.flops_per_token) & (costs.flops_per_token <= limits.most_flops)
        fits &= (limits.least_params <= costs.params) & (costs.params <= limits.most_params)
        evaluated = Evaluated(family.template, columns, costs, target)
        length = len(block.shape)
        whole = {name: np.broadcast_to(column, length) for name, column in columns.items()}
        whole |= dict(zip(COSTS, costs, strict=True))
        whole |= {"group": group[block.shape], "family": np.full(length, len(self._templates) - 1)}
        objectives = tuple(QUANTITIES[name].of(evaluated) for name in self._objectives)
        designs = Designs(objectives, whole)
        if not fits.all():
            designs = designs.take(fits)
        self._collect(designs)

    def _collect(self, designs: Designs) -> None:
        number = len(designs)
        if not number:
            return
        of_group = designs.columns["group"]
        designs.columns["place"] = np.arange(self.feasible, self.feasible + number)
        if self._keep:
            if self.feasible + number > MOST_KEPT:
                raise InputError(
                    f"more than {MOST_KEPT:,} designs are feasible, too many to list: accepted are narrower ranges, "
                    "a smaller tolerance, or counts and frontiers alone"
                )
            self._kept.append(dict(designs.columns))
        self.feasible += number
        self._in_group += np.bincount(of_group, minlength=len(self._in_group))
        self._fronts.append(designs.take(candidates(of_group, designs.objectives)))
        settled, *pending = map(len, self._fronts)
        if sum(pending) > max(settled, PENDING):
            self._fronts = [self._settled()]

    def _settled(self) -> Designs:
        """The designs on the front of their own group."""
        together = Designs.joined(self._fronts)
        return together.take(undominated(together.objectives, together.columns["group"]))

    def result(self, partial: bool) -> SweepResult:
        """All of it."""
        space = self._space
        origin = Origin(self._templates, space.rule, space.target)
        best = self._settled() if self._fronts else Designs((), {name: np.zeros(0, np.int64) for name in COLUMNS})
        best = best.take(np.argsort(best.columns["group"], kind="stable"))
        numbers = sorted(self._groups.items())
        ends = [np.searchsorted(best.columns["group"], [n, n + 1]) for _, n in numbers]
        groups = tuple(
            Group(*key, int(self._in_group[n]), Frontier(best.take(slice(*end)), origin))
            for (key, n), end in zip(numbers, ends, strict=True)
            if self._in_group[n]
        )
        overall = best.take(undominated(best.objectives)) if groups else best
        return SweepResult(
            space=space,
            objectives=self._objectives,
            examined=self.examined,
            feasible=self.feasible,
            frontier=Frontier(overall, origin),
            groups=groups,
            partial=partial,
            columns=self._columns(best, overall) if self._keep else None,
        )

    def _columns(self, best: Designs, overall: Designs) -> dict[str, Integers]:
        """Every design that was kept, with all its fields."""
        kept = {name: np.concatenate([np.zeros(0, np.int64), *(part[name] for part in self._kept)]) for name in COLUMNS}
        family = kept["family"]
        of_families = {name: np.array([getattr(template, name) for template in self._templates]) for name in FIELDS}
        columns = {name: kept[name] if name in kept else of_families[name][family] for name in FIELDS}
        columns |= {name: kept[name] for name in COSTS}
        costs = Costs(*(kept[name] for name in COSTS))
        columns["flops_error"], columns["params_error"] = errors(costs, self._space.target)
        for name, front in (("on_frontier", overall), ("on_group_frontier", best)):
            columns[name] = np.zeros(len(family), bool)
            columns[name][front.columns["place"]] = True
        return columns


def _columns(family: Family, block: Block) -> dict[str, Integers | int]:
    """The fields of pairs: one integer where all the family's shapes agree."""
    columns: dict[str, Integers | int] = {"d_expert": block.d_expert, "num_experts": block.num_experts}
    if family.one_expert:
        columns["num_experts"] = 1
    for name, column in family.shapes.items():
        columns[name] = column[block.shape] if (column != column[0]).any() else int(column[0])
    return columns
