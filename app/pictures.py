"""The charts as pictures to download, drawn by matplotlib."""

from collections.abc import Mapping, Sequence
from io import BytesIO

from matplotlib.figure import Figure

from app.charts import COLORS, OPS
from parity.cost import Cost
from parity.paper import PaperTable, published

HATCHES = ("//", "xx", "", "\\\\", "..")


def costs(of: Mapping[str, Cost], quantities: Sequence[tuple[str, str]]) -> Figure:
    """Where costs go, op by op: a panel for each quantity, a bar for each design."""
    figure = Figure(figsize=(4 * len(quantities), 1.3 + 0.4 * len(of)), layout="constrained")
    all_axes = figure.subplots(1, len(quantities), squeeze=False)[0]
    for axes, (quantity, title) in zip(all_axes, quantities, strict=True):
        starts = dict.fromkeys(of, 0.0)
        for op, color, hatch in zip(OPS, COLORS, HATCHES, strict=True):
            amounts = {
                n: float(getattr(row, quantity)) for n, priced in of.items() for row in priced.rows if row.op == op
            }
            places = [list(of).index(name) for name in amounts]
            begins = [starts[name] for name in amounts]
            axes.barh(
                places, list(amounts.values()), left=begins, color=color, hatch=hatch, edgecolor="white", label=op
            )
            starts |= {name: starts[name] + amount for name, amount in amounts.items()}
        axes.set_yticks(range(len(of)), list(of) if axes is all_axes[0] else [""] * len(of))
        axes.set_title(title, fontsize=9)
        axes.invert_yaxis()
        axes.tick_params(labelsize=8)
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(OPS), fontsize=8, frameon=False)
    return figure


def perplexities(table: PaperTable) -> Figure:
    """A published table: a panel for each set, a dot for each row."""
    datasets, variants = published().datasets, list(dict.fromkeys(row.variant for row in table.rows))
    figure = Figure(figsize=(10, 1.4 + 0.3 * len(variants)), layout="constrained")
    for place, (axes, dataset) in enumerate(zip(figure.subplots(1, len(datasets)), datasets, strict=True)):
        for marker, steps in zip("os^", sorted({row.steps for row in table.rows}), strict=False):
            rows = [row for row in table.rows if row.steps == steps]
            at = [variants.index(row.variant) for row in rows]
            axes.plot([row.perplexity[place] for row in rows], at, marker, label=f"{steps:,} steps")
        axes.set_yticks(range(len(variants)), variants if place == 0 else [""] * len(variants))
        axes.set_title(dataset, fontsize=9)
        axes.invert_yaxis()
        axes.grid(color="0.9")
        axes.tick_params(labelsize=8)
    figure.legend(*figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    return figure


def encoded(figure: Figure, kind: str) -> bytes:
    """The figure as `png` or `svg`."""
    out = BytesIO()
    figure.savefig(out, format=kind, dpi=150)
    return out.getvalue()
