"""Learning curves: training loss, and perplexity on each set, of every variant; told apart by line and marker."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parity.errors import InputError
from parity.experiments.results import Losses, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = "osv^D*"
POINTS = 100
"""Points of a curve of training losses, each a mean over the steps before it."""


def learning_curves(results: Results) -> "Figure":
    """A panel with the training loss and one for each set, means over seeds and the range of seeds as a band.

    Raises:
        InputError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise InputError("a chart needs matplotlib, which is absent: pip install 'moe-parity[app]' adds it") from None
    from matplotlib.ticker import MaxNLocator

    plan = results.plan
    columns = min(2, 1 + len(results.sets))
    rows = -(-(1 + len(results.sets)) // columns)
    drawn = Figure(figsize=(5 * columns + 1.5, 3.4 * rows), layout="constrained")
    panels = drawn.subplots(rows, columns, squeeze=False).ravel()
    _draw_training(panels[0], results)
    for panel, name in zip(panels[1:], results.sets, strict=False):
        _draw_set(panel, results, name)
    for panel in panels:
        panel.grid(color="0.9", linewidth=0.6)
        panel.set_axisbelow(True)
        panel.set_xlabel("step")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel in panels[1 + len(results.sets) :]:
        panel.remove()
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    seeds = f"means and ranges of {plan.seeds} seeds" if plan.seeds > 1 else "one seed"
    drawn.suptitle(f"{plan.suite.name} at scale {plan.scale.name}, {seeds}", x=0.01, ha="left")
    return drawn


def _draw_training(axes: "Axes", results: Results) -> None:
    axes.set_title("training loss, nats per token", loc="left", fontsize=10)
    for number, variant in enumerate(results.plan.suite.variants):
        found = [r.training for (name, _), r in results.runs.items() if name == variant.name and len(r.training)]
        if not found:
            continue
        length = min(map(len, found))
        block = -(-length // POINTS)
        whole = length // block * block
        curves = np.array([losses[:whole].reshape(-1, block).mean(axis=1) for losses in found])
        _draw(axes, number, np.arange(block, whole + 1, block), curves, variant.name, marker=False)


def _draw_set(axes: "Axes", results: Results, name: str) -> None:
    axes.set_title(f"{name}: validation perplexity", loc="left", fontsize=10)
    for number, variant in enumerate(results.plan.suite.variants):
        found = [r.curve for (other, _), r in results.runs.items() if other == variant.name and r.curve]
        if not found:
            continue
        length = min(map(len, found))
        steps = np.array([step for step, _ in found[0][:length]])
        curves = np.exp(np.array([[losses[name] for _, losses in curve[:length]] for curve in found]))
        _draw(axes, number, steps, curves, variant.name, marker=True)
    axes.set_yscale("log")
    for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        set_formatter("{x:g}")


def _draw(axes: "Axes", number: int, steps: NDArray[Any], curves: Losses, label: str, *, marker: bool) -> None:
    (line,) = axes.plot(
        steps,
        curves.mean(axis=0),
        linestyle=STYLES[number % len(STYLES)],
        marker=MARKERS[number % len(MARKERS)] if marker else None,
        markersize=4,
        linewidth=1.2,
        label=label,
    )
    if len(curves) > 1:
        axes.fill_between(
            steps, curves.min(axis=0), curves.max(axis=0), alpha=0.12, color=line.get_color(), linewidth=0
        )
