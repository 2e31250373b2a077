"""Reports of what layers cost: `parity cost` and `parity models`."""

from collections.abc import Mapping, Sequence
from typing import Any

from parity.builtin import Builtin
from parity.cost import cost, expected_active_experts, training_flops
from parity.design import MoELayer
from parity.models.builtin import BuiltinModel
from parity.models.description import Part
from parity.report.model import Cell, Report, Table
from parity.report.whole_model import beside_note, models_data, models_table
from parity.text import decimal, integer


def cost_report(
    name: str, layer: MoELayer, convention: str, tokens: int | None, beside: tuple[Part, ...] = ()
) -> Report:
    """The ledger of one layer, its totals, and what training on `tokens` tokens takes."""
    priced = cost(layer, convention)
    totals: dict[str, Any] = priced.totals()
    notes = [describe_active(layer), *beside_note(beside)]
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


def ledger_table(designs: Sequence[tuple[str, MoELayer]], convention: str) -> Table:
    """The ops of several layers under one convention: forward FLOPs per token and parameters, design by design."""
    rows: list[tuple[Cell, ...]] = []
    for name, layer in designs:
        rows += [
            (name, row.op, row.flops_per_token, row.params, row.active_params) for row in cost(layer, convention).rows
        ]
    columns = ("design", "op", "FLOPs per token", "parameters", "active parameters")
    return Table(f"Op by op, {convention} convention", columns, tuple(rows), words=frozenset({0, 1}))


def models_report(builtin: Mapping[str, Builtin], models: Mapping[str, BuiltinModel]) -> Report:
    """The built-in designs and models."""
    rows: list[tuple[Cell, ...]] = []
    data = []
    for name, entry in builtin.items():
        priced, design = cost(entry.design), entry.design
        numbers = (design.heads, design.num_experts, design.top_k, design.d_expert)
        rows.append((name, *numbers, priced.flops_per_token, priced.params))
        data.append({"name": name, "design": design.to_dict(), "cost": priced.totals(), "source": entry.source})
    columns = ("name", "heads", "experts", "top-k", "d_expert", "FLOPs per token", "parameters")
    table = Table("Built-in designs; costs under the paper convention", columns, tuple(rows))
    notes = [
        "Active parameters are those that a token can reach, embedding and head included; with the head only; with "
        "neither. A printed figure is one of the three, rounded or cut off.",
        *(f"{name}: {model.remark}." for name, model in models.items() if model.remark),
    ]
    return Report(
        {"convention": "paper", "models": [*data, *models_data(models)]}, (table, models_table(models)), tuple(notes)
    )


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
