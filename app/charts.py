"""Charts for the page, as Vega-Lite specifications, each with its description in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from parity.cost import Cost
from parity.paper import PaperTable
from parity.solve import Solution
from parity.sweep import SweepResult
from parity.text import counted, integer, percent

Spec = dict[str, Any]

OPS = ("head", "router", "experts", "merge", "shared")
COLORS = ("#E69F00", "#CC79A7", "#0072B2", "#009E73", "#56B4E9")
"""Those of Okabe and Ito, which also differ without colour vision."""
QUANTITIES = (("flops_per_token", "FLOPs per token"), ("params", "Parameters"), ("active_params", "Active parameters"))
"""Of a cost, and how they are called."""
BELOW = {"orient": "bottom", "columns": 4}
MOST_POINTS = 5_000
"""Designs that a chart of a frontier draws at most."""


def cost_bars(costs: Mapping[str, Cost], quantity: str, title: str) -> Spec:
    """Where a cost goes, op by op: one stacked bar a design."""
    rows = [
        {"design": name, "op": row.op, "amount": float(value), "shown": integer(value), "order": OPS.index(row.op)}
        for name, priced in costs.items()
        for row in priced.rows
        for value in [getattr(row, quantity)]
    ]
    ops = [op for op in OPS if any(row["op"] == op for row in rows)]
    colors = {"domain": ops, "range": [COLORS[OPS.index(op)] for op in ops]}
    return {
        "data": {"values": rows},
        "title": title,
        "height": 160 + 34 * len(costs),
        "mark": "bar",
        "encoding": {
            "x": {"field": "amount", "type": "quantitative", "title": None, "axis": {"format": "~s", "tickCount": 4}},
            "y": {"field": "design", "title": None, "sort": list(costs), "axis": {"labelLimit": 140}},
            "color": {"field": "op", "title": None, "scale": colors, "legend": BELOW | {"columns": 3}},
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [{"field": "design"}, {"field": "op"}, {"field": "shown", "title": title}],
        },
    }


def describe_costs(costs: Mapping[str, Cost], quantity: str, title: str) -> str:
    """The same in words."""
    designs = (
        f"{name}: " + ", ".join(f"{row.op} {integer(getattr(row, quantity))}" for row in priced.rows)
        for name, priced in costs.items()
    )
    return f"{title} by op. {'; '.join(designs)}."


def frontier_points(result: SweepResult) -> list[tuple[Solution, bool]]:
    """What the chart of a sweep draws: the groups' frontiers, and whether each is on that of all, which come first."""
    on_frontier = {solution.design for solution in result.frontier[:MOST_POINTS]}
    points: list[tuple[Solution, bool]] = []
    for group in result.groups:
        of_group = group.frontier[: MOST_POINTS - len(points)]
        points += [(solution, solution.design in on_frontier) for solution in of_group]
    return sorted(points, key=lambda point: not point[1])


def frontier(points: Sequence[tuple[Solution, bool]]) -> Spec:
    """Designs by their two errors, to hover over and to pick from; `picked` selects the place of one in `points`."""
    rows = [
        {
            "place": place,
            "flops": abs(float(solution.flops_error)),
            "params": abs(float(solution.params_error)),
            "heads": solution.design.heads,
            "top-k": solution.design.top_k,
            "d_expert": integer(solution.design.d_expert),
            "num_experts": integer(solution.design.num_experts),
            "pool": solution.design.expert_pool,
            "FLOPs error": percent(solution.flops_error),
            "parameter error": percent(solution.params_error),
            "on the frontier": "yes" if on_frontier else "no",
        }
        for place, (solution, on_frontier) in enumerate(points)
    ]
    shown = [name for name in rows[0] if name not in ("place", "flops", "params")]
    shapes = {"domain": ["yes", "no"], "range": ["diamond", "circle"]}
    larger = {"condition": {"param": "picked", "empty": False, "value": 200}, "value": 70}
    return {
        "data": {"values": rows},
        "height": 420,
        "params": [{"name": "picked", "select": {"type": "point", "fields": ["place"], "toggle": False}}],
        "mark": {"type": "point", "filled": True},
        "encoding": {
            "x": {"field": "flops", "type": "quantitative", "title": "|FLOPs error|", "axis": {"format": ".2~%"}},
            "y": {"field": "params", "type": "quantitative", "title": "|parameter error|", "axis": {"format": ".2~%"}},
            "color": {"field": "heads", "type": "ordinal", "scale": {"scheme": "viridis"}, "legend": BELOW},
            "shape": {"field": "on the frontier", "scale": shapes, "legend": BELOW},
            "size": larger,
            "tooltip": [{"field": name} for name in shown],
        },
    }


def describe_frontier(result: SweepResult) -> str:
    """The same in words."""
    first = "; ".join(
        f"{counted(s.design.heads, 'head')}, top-{s.design.top_k}, {counted(s.design.num_experts, 'expert')} of width "
        f"{integer(s.design.d_expert)}, errors {percent(s.flops_error)} and {percent(s.params_error)}"
        for s in result.frontier[:5]
    )
    return (
        f"Frontiers of {integer(result.feasible)} designs by |FLOPs error| and |parameter error|. The first: {first}."
    )


def perplexities(table: PaperTable, place: int, dataset: str) -> Spec:
    """The perplexities of one set in a published table: a dot for each variant."""
    rows = [
        {"variant": row.variant, "steps": integer(row.steps), "perplexity": row.perplexity[place]} for row in table.rows
    ]
    variants = list(dict.fromkeys(row.variant for row in table.rows))
    return {
        "data": {"values": rows},
        "title": dataset,
        "height": 150 + 26 * len(variants),
        "mark": {"type": "point", "filled": True, "size": 90},
        "encoding": {
            "x": {"field": "perplexity", "type": "quantitative", "scale": {"zero": False}},
            "y": {"field": "variant", "title": None, "sort": variants, "axis": {"labelLimit": 230}},
            "color": {"field": "steps", "scale": {"range": COLORS[2::2]}, "legend": BELOW},
            "shape": {"field": "steps"},
            "tooltip": [{"field": "variant"}, {"field": "steps"}, {"field": "perplexity"}],
        },
    }


def describe_perplexities(table: PaperTable, place: int, dataset: str) -> str:
    """The same in words."""
    values = "; ".join(f"{row.variant} after {integer(row.steps)} steps {row.perplexity[place]}" for row in table.rows)
    return f"Perplexity on {dataset}, {table.name}: {values}."
