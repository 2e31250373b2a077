"""Reports of what layers cost: `parity cost`, `parity compare` and `parity models`."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from parity.builtin import Builtin
from parity.conventions import CONVENTIONS
from parity.cost import Cost, cost, expected_active_experts, training_flops
from parity.design import MoELayer
from parity.report.model import Cell, Report, Share, Table
from parity.text import decimal, integer

LONGEST_LABEL = 25
"""Characters of a design's name at the head of a column; longer ones stand below the table."""


def cost_report(name: str, layer: MoELayer, convention: str, tokens: int | None) -> Report:
    """The ledger of one layer, its totals, and what training on `tokens` tokens takes."""
    priced = cost(layer, convention)
    totals: dict[str, Any] = priced.totals()
    notes = [describe_active(layer)]
    if tokens is not None:
        totals["training_flops"] = training_flops(layer, tokens, convention)
        notes.append(f"Forward and backward over {integer(tokens)} tokens: {integer(totals['training_flops'])} FLOPs.")
    rows = [(row.op, row.flops_per_token, row.params, row.active_params) for row in priced.rows]
    table = Table(
        f"{name}: forward FLOPs per token and parameters, {convention} convention",
        ("op", "FLOPs per token", "parameters", "active parameters"),
        (*rows, ("total", priced.flops_per_token, priced.params, priced.active_params)),
        strong=frozenset({len(rows)}),
    )
    data = {
        "design": layer.to_dict(),
        "convention": convention,
        "ledger": [{"op": row.op, "flops_per_token": row.flops_per_token, "params": row.params} for row in priced.rows],
        "totals": totals,
        "active_experts": active_experts(layer),
    }
    return Report(data, (table,), tuple(notes))


def compare_report(designs: Sequence[tuple[str, MoELayer]]) -> Report:
    """Layers side by side, the first as the baseline: costs and errors under each convention."""
    columns = [_Compared(name, layer, designs[0][1]) for name, layer in designs]
    labels = [name if len(name) <= LONGEST_LABEL else f"design {place}" for place, (name, _) in enumerate(designs, 1)]
    rows = zip(_Compared.labels(), *(column.cells() for column in columns), strict=True)
    title = f"Costs per token, forward; errors against {labels[0]}"
    table = Table(title, ("", *labels), tuple(rows), repeated=2)
    legend = [f"{label}: {name}" for label, (name, _) in zip(labels, designs, strict=True) if label != name]
    data = {"baseline": designs[0][0], "designs": [column.data() for column in columns]}
    return Report(data, (table,), tuple(legend))


def ledger_table(designs: Sequence[tuple[str, MoELayer]], convention: str) -> Table:
    """The ops of several layers under one convention: forward FLOPs per token and parameters, design by design."""
    rows: list[tuple[Cell, ...]] = []
    for name, layer in designs:
        rows += [
            (name, row.op, row.flops_per_token, row.params, row.active_params) for row in cost(layer, convention).rows
        ]
    columns = ("design", "op", "FLOPs per token", "parameters", "active parameters")
    return Table(f"Op by op, {convention} convention", columns, tuple(rows), words=frozenset({0, 1}))


def models_report(builtin: Mapping[str, Builtin]) -> Report:
    """The built-in designs."""
    rows: list[tuple[Cell, ...]] = []
    data = []
    for name, entry in builtin.items():
        priced, design = cost(entry.design), entry.design
        numbers = (design.heads, design.num_experts, design.top_k, design.d_expert)
        rows.append((name, *numbers, priced.flops_per_token, priced.params))
        data.append({"name": name, "design": design.to_dict(), "cost": priced.totals(), "source": entry.source})
    columns = ("name", "heads", "experts", "top-k", "d_expert", "FLOPs per token", "parameters")
    table = Table("Built-in designs; costs under the paper convention", columns, tuple(rows))
    return Report({"convention": "paper", "models": data}, (table,))


def active_experts(layer: MoELayer) -> dict[str, Any]:
    """How many distinct experts a token reaches: at most, and on average under uniform routing."""
    return {
        "at_most": layer.reachable_experts,
        "expected_under_uniform_routing": decimal(expected_active_experts(layer)),
    }


def describe_active(layer: MoELayer) -> str:
    """The same in a sentence."""
    expected = decimal(expected_active_experts(layer), 6)
    decisions = layer.heads * layer.top_k
    return (
        f"A token makes {integer(decisions)} routing {'decision' if decisions == 1 else 'decisions'} and reaches at "
        f"most {integer(layer.reachable_experts)} of {integer(layer.pools * layer.num_experts)} experts, "
        f"{expected} on average under uniform routing."
    )


class _Compared:
    """One column of a comparison."""

    def __init__(self, name: str, layer: MoELayer, baseline: MoELayer) -> None:
        self.name, self.layer = name, layer
        self.costs: dict[str, tuple[Cost, Fraction, Fraction]] = {}
        for convention in CONVENTIONS:
            own, base = cost(layer, convention), cost(baseline, convention)
            self.costs[convention] = (
                own,
                Fraction(own.flops_per_token, base.flops_per_token) - 1,
                Fraction(own.params, base.params) - 1,
            )

    @staticmethod
    def labels() -> list[str]:
        quantities = ("FLOPs per token", "  error", "parameters", "  error", "active parameters")
        return [
            *("heads", "experts", "top-k", "d_expert", "routing decisions", "experts reached, at most", "  on average"),
            *(q if q.startswith(" ") else f"{q}, {convention}" for convention in CONVENTIONS for q in quantities),
        ]

    def cells(self) -> list[Cell]:
        layer = self.layer
        cells: list[Cell] = [
            *(layer.heads, layer.num_experts, layer.top_k, layer.d_expert, layer.heads * layer.top_k),
            layer.reachable_experts,
            decimal(expected_active_experts(layer), 6),
        ]
        for own, flops_error, params_error in self.costs.values():
            cells += [own.flops_per_token, Share(flops_error), own.params, Share(params_error), own.active_params]
        return cells

    def data(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "design": self.layer.to_dict(),
            "routing_decisions_per_token": self.layer.heads * self.layer.top_k,
            "active_experts": active_experts(self.layer),
            "conventions": {
                name: {**own.totals(), "error": {"flops": str(flops_error), "params": str(params_error)}}
                for name, (own, flops_error, params_error) in self.costs.items()
            },
        }
