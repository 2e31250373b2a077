"""The frontier as a chart, whose parts are told apart by shape, so that it reads in print and without colour."""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parity.builtin import BUILTIN
from parity.design import LEAST, MoELayer
from parity.errors import InputError
from parity.solve import Solution
from parity.sweep.evaluator import Columns, evaluate
from parity.sweep.front import Ratio
from parity.sweep.objectives import BOTH_ERRORS, QUANTITIES, Evaluated
from parity.text import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from parity.sweep.result import Frontier, SweepResult

SHAPES = "osv^D<>p*hXP"
"""Markers for numbers of heads, in turn."""
FARTHEST = 0.1
"""A design of the paper whose costs are further from the baseline than this share of it is of another comparison."""


def figure(result: "SweepResult") -> "Figure":
    """The frontier over two objectives, the frontiers of the groups, the baseline, the best and the paper's designs.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("a chart needs matplotlib, which is absent: pip install 'moe-parity[app]' adds it") from None
    from matplotlib.ticker import EngFormatter

    drawn = Figure(figsize=(10, 5.5), layout="constrained")
    axes = drawn.add_subplot()
    names = (*result.objectives, *(name for name in BOTH_ERRORS if name not in result.objectives))[:2]
    _draw_groups(axes, result, names)
    front = _of_frontiers(result, names, [result.frontier])
    front = front[:, np.lexsort(front[::-1])]
    axes.plot(*front, "-", color="black", linewidth=1, drawstyle="steps-post", zorder=3)
    axes.plot(*front, "o", color="black", markersize=11, fillstyle="none", label="frontier of all", zorder=3)
    _draw_named(axes, result, names)
    for axis, name in zip((axes.xaxis, axes.yaxis), names, strict=True):
        axis.set_label_text(QUANTITIES[name].meaning)
        axis.set_major_formatter("{x:g}%" if _in_percent(name) else EngFormatter())
    axes.margins(0.08)
    axes.set_title(_title(result), loc="left", fontsize=11)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    drawn.legend(loc="outside right upper", fontsize=8, frameon=False)
    return drawn


def _draw_groups(axes: "Axes", result: "SweepResult", names: Sequence[str]) -> None:
    """The frontier of each heads, top-k and pool: one marker for each number of heads, darker with fewer."""
    from matplotlib import colormaps

    by_heads: dict[int, list[Frontier]] = {}
    for group in result.groups:
        by_heads.setdefault(group.heads, []).append(group.frontier)
    for number, (heads, fronts) in enumerate(by_heads.items()):
        axes.plot(
            *_of_frontiers(result, names, fronts),
            SHAPES[number % len(SHAPES)],
            color=colormaps["viridis"](0.9 * number / max(1, len(by_heads) - 1)),
            markersize=5,
            linestyle="none",
            label=f"frontiers with {counted(heads, 'head')}" if number < len(SHAPES) else None,
        )


def _draw_named(axes: "Axes", result: "SweepResult", names: Sequence[str]) -> None:
    """A letter at each design that people know, and what it stands for in the legend."""
    at: dict[tuple[float, float], list[str]] = {}  # places on paper, by which nothing is ranked
    for label, design in _named(result):
        columns = {"num_experts": np.array([design.num_experts])}
        x, y = _values(result, names, design, columns)[:, 0]
        at.setdefault((float(x), float(y)), []).append(label)
    for letter, (place, labels) in zip(ascii_uppercase, at.items(), strict=False):
        axes.plot(
            *place,
            marker=f"${letter}$",
            color="black",
            markersize=8,
            linestyle="none",
            label="\n".join(labels),
            zorder=5,
        )
        axes.plot(*place, "o", color="white", markeredgecolor="black", markersize=14, linestyle="none", zorder=4)


def _named(result: "SweepResult") -> Iterator[tuple[str, MoELayer]]:
    """The baseline, the best, and the paper's designs that come near the baseline's costs."""
    baseline = result.space.baseline
    if isinstance(baseline, MoELayer):
        yield "baseline", baseline
    for best in result.frontier[:1]:
        x = best.design
        experts = f"{counted(x.num_experts, 'expert')} of width {x.d_expert:,}"
        yield f"best: {counted(x.heads, 'head')}, top-{x.top_k},\n{experts}", x
    for name, builtin in BUILTIN.items():
        if name.startswith("paper-") and builtin.design != baseline:
            found = Solution.of(builtin.design, result.space.rule, result.space.target)
            if max(abs(found.flops_error), abs(found.params_error)) <= FARTHEST:
                yield name, builtin.design


def _of_frontiers(result: "SweepResult", names: Sequence[str], frontiers: "Sequence[Frontier]") -> NDArray[np.float64]:
    """[2, n]: two quantities of all the designs on some frontiers."""
    parts = [np.empty((2, 0))]
    for frontier in frontiers:
        columns = frontier.front.columns
        for family in np.unique(columns["family"]):
            fields = {n: c[columns["family"] == family] for n, c in columns.items() if n in LEAST}
            parts.append(_values(result, names, frontier.templates[family], fields))
    return np.concatenate(parts, axis=1)


def _values(result: "SweepResult", names: Sequence[str], template: MoELayer, columns: Columns) -> NDArray[np.float64]:
    costs = evaluate(template, columns, result.space.rule)
    designs = Evaluated(template, columns, costs, result.space.target)
    rows = []
    for name in names:
        value = QUANTITIES[name].of(designs)
        column = value.numerator / value.denominator if isinstance(value, Ratio) else value
        rows.append(np.asarray(column, float) * _scale(name, result))
    return np.stack(rows)


def _scale(name: str, result: "SweepResult") -> float:
    target = {"flops_error": result.space.target.flops_per_token, "params_error": result.space.target.params}
    return 100 / target.get(name, 1) if _in_percent(name) else 1


def _in_percent(name: str) -> bool:
    return name in (*BOTH_ERRORS, "router_share")


def _title(result: "SweepResult") -> str:
    partial = " (interrupted)" if result.partial else ""
    return f"{result.feasible:,} feasible designs, {result.space.rule.name} convention{partial}"
