"""Learning curves: training loss, and perplexity on each set, of every variant; told apart by line and marker."""

from typing import TYPE_CHECKING

from parity.errors import InputError
from parity.experiments.curves import Panel, panels
from parity.experiments.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = "osv^D*"
MOST_MARKED = 20
"""Points of a curve that each get a marker; one of more is drawn as a line alone."""


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

    plan, drawn = results.plan, panels(results)
    columns = min(2, len(drawn))
    rows = -(-len(drawn) // columns)
    figure = Figure(figsize=(5 * columns + 1.5, 3.4 * rows), layout="constrained")
    every = figure.subplots(rows, columns, squeeze=False).ravel()
    order = [variant.name for variant in plan.suite.variants]
    for axes, panel in zip(every, drawn, strict=False):
        _draw(axes, panel, order)
        axes.grid(color="0.9", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("step")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in every[len(drawn) :]:
        axes.remove()
    handles, labels = every[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize=8, frameon=False)
    seeds = f"means and ranges of {plan.seeds} seeds" if plan.seeds > 1 else "one seed"
    figure.suptitle(f"{plan.suite.name} at scale {plan.scale.name}, {seeds}", x=0.01, ha="left")
    return figure


def _draw(axes: "Axes", panel: Panel, order: list[str]) -> None:
    axes.set_title(panel.title, loc="left", fontsize=10)
    for name, curve in panel.curves.items():
        number = order.index(name)
        (line,) = axes.plot(
            curve.steps,
            curve.mean,
            linestyle=STYLES[number % len(STYLES)],
            marker=MARKERS[number % len(MARKERS)] if len(curve.steps) <= MOST_MARKED else None,
            markersize=4,
            linewidth=1.2,
            label=name,
        )
        if len(curve.values) > 1:
            axes.fill_between(curve.steps, curve.low, curve.high, alpha=0.12, color=line.get_color(), linewidth=0)
    if panel.logarithmic:
        axes.set_yscale("log")
        for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            set_formatter("{x:g}")
