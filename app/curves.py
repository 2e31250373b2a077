"""Charts of trained variants, as Vega-Lite specifications, each with its description in words."""

from collections.abc import Iterator
from typing import Any

from app.charts import BELOW, Spec
from parity.experiments.curves import Panel
from parity.report.model import Report
from parity.text import integer

COLORS = ("#D55E00", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#CC79A7")
"""Those of Okabe and Ito, which also differ without colour vision."""
DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2], [4, 4], [10, 3])


def learning(panel: Panel) -> Spec:
    """Curves of variants: means over seeds, and the range of seeds as a band."""
    names = list(panel.curves)
    rows = [
        {"variant": name, "step": int(step), "mean": float(mean), "low": float(low), "high": float(high)}
        for name, curve in panel.curves.items()
        for step, mean, low, high in zip(curve.steps, curve.mean, curve.low, curve.high, strict=True)
    ]
    legend = BELOW | {"columns": 3, "symbolOpacity": 1, "symbolType": "stroke"}
    color = {"field": "variant", "scale": {"domain": names, "range": COLORS[: len(names)]}, "title": None}
    scale = {"zero": False, "nice": False, "type": "log" if panel.logarithmic else "linear"}
    return {
        "data": {"values": rows},
        "title": panel.title,
        "height": 360,
        "encoding": {"x": {"field": "step", "type": "quantitative"}, "color": {**color, "legend": legend}},
        "layer": [
            {
                "mark": {"type": "area", "opacity": 0.12},
                "encoding": {"y": {"field": "low", "type": "quantitative", "scale": scale}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "line", "strokeWidth": 1.6},
                "encoding": {
                    "y": {"field": "mean", "type": "quantitative", "scale": scale, "title": None},
                    "strokeDash": {"field": "variant", "scale": {"domain": names, "range": DASHES[: len(names)]}},
                    "tooltip": [{"field": name} for name in ("variant", "step", "mean", "low", "high")],
                },
            },
        ],
    }


def describe_learning(panel: Panel) -> str:
    """The same in words: where each variant ends."""
    ends = "; ".join(
        f"{name} {curve.mean[-1]:.4g} at step {integer(int(curve.steps[-1]))}" for name, curve in panel.curves.items()
    )
    return f"{panel.title}, means over seeds at the end: {ends or 'nothing yet'}."


def differences(report: Report, name: str) -> Spec:
    """Perplexity on a set less that of the baseline, with its 95 % interval, from the report of an experiment."""
    rows = list(_differences(report, name))
    y = {"field": "variant", "sort": [row["variant"] for row in rows], "title": None, "axis": {"labelLimit": 230}}
    zero = {"x": {"field": "zero", "type": "quantitative"}}
    interval = {"x": {"field": "low", "type": "quantitative", "title": None}, "x2": {"field": "high"}, "y": y}
    tooltip = [{"field": each} for each in ("variant", "mean", "low", "high", "seeds")]
    return {
        "data": {"values": rows},
        "title": f"{name}: perplexity less that of {report.data['baseline']}",
        "height": 90 + 30 * len(rows),
        "layer": [
            {
                "data": {"values": [{"zero": 0}]},
                "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#888888"},
                "encoding": zero,
            },
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": interval},
            {
                "mark": {"type": "point", "filled": True, "size": 80},
                "encoding": {"x": {"field": "mean", "type": "quantitative"}, "y": y, "tooltip": tooltip},
            },
        ],
    }


def describe_differences(report: Report, name: str) -> str:
    """The same in words."""
    said = "; ".join(
        f"{row['variant']} {row['mean']:+.2f}, "
        + ("one seed" if row["low"] is None else f"95 % interval {row['low']:+.2f} to {row['high']:+.2f}")
        for row in _differences(report, name)
    )
    return f"Perplexity on {name} less that of {report.data['baseline']}: {said or 'nothing yet'}."


def _differences(report: Report, name: str) -> Iterator[dict[str, Any]]:
    for row in report.data["rows"]:
        found = row["difference_to_baseline"].get(name)
        if found is not None and row["variant"] != report.data["baseline"]:
            yield {"variant": row["variant"], **{each: found[each] for each in ("mean", "low", "high", "seeds")}}
