"""Reports of whole models: `parity cost` of one, and the list of those that are built in."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from parity.models.builtin import BuiltinModel
from parity.models.cost import ModelCost, cost_of_model
from parity.models.description import Model, Part
from parity.report.model import Cell, Report, Table, exactly
from parity.text import counted, decimal, integer, number


def model_report(name: str, model: Model, tokens: int | None = None, sequence_length: int | None = None) -> Report:
    """The ledger of a whole model under the matmul convention, its totals, and what training takes."""
    priced = cost_of_model(model, sequence_length)
    totals = {key: exactly(value) for key, value in priced.totals().items()}
    notes = [*_describe(model, priced, sequence_length), *model.notes]
    if tokens is not None:
        flops = priced.training_flops(tokens)
        totals["training_flops"] = exactly(flops)
        notes.append(f"Forward and backward over {integer(tokens)} tokens: {number(Fraction(flops))} FLOPs.")
    rows = [(row.op, row.flops_per_token, row.params, row.active_params) for row in priced.rows]
    table = Table(
        f"{name}: forward FLOPs per token and parameters, matmul convention",
        ("op", "FLOPs per token", "parameters", "active parameters"),
        (*rows, ("total", priced.flops_per_token, priced.params, priced.active_params)),
        strong=frozenset({len(rows)}),
    )
    layers = model.layers
    data = {
        "design": next(iter(layers)).to_dict() if len(layers) == 1 else None,
        "convention": "matmul",
        "model": {"family": model.family, "num_layers": model.num_layers, "moe_layers": model.moe_layers},
        "ledger": [
            {"op": row.op, "flops_per_token": exactly(row.flops_per_token), "params": row.params} for row in priced.rows
        ],
        "totals": totals,
    }
    return Report(data, (table,), tuple(notes))


def beside_note(parts: tuple[Part, ...]) -> list[str]:
    """What a model's MoE layer has and its design, of which costs are shown, has not; nothing if there is nothing."""
    if not parts:
        return []
    names = ", ".join(part.name for part in parts)
    held = integer(sum(part.params for part in parts))
    return [f"Not counted: {names}. The model has them beside this layer, {held} parameters; a design has none."]


def models_table(models: Mapping[str, BuiltinModel]) -> Table:
    """The built-in models, their parameters and what their vendors print."""
    rows: list[tuple[Cell, ...]] = []
    for name, builtin in models.items():
        totals = cost_of_model(builtin.model).totals()
        active = [_billions(int(totals[key])) for key in _ACTIVE]
        rows.append(
            (name, _billions(int(totals["params"])), builtin.published_total, *active, builtin.published_active)
        )
    columns = ("name", "total", "printed", "active", "head only", "neither", "printed")
    title = "Built-in models: parameters in billions, and what the vendor prints"
    return Table(title, columns, tuple(rows))


def models_data(models: Mapping[str, BuiltinModel]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "name": name,
            "family": builtin.model.family,
            "moe_layers": builtin.model.moe_layers,
            "totals": cost_of_model(builtin.model).totals(),
            "published": {"total": builtin.published_total, "active": builtin.published_active},
            "remark": builtin.remark,
            "source": builtin.source,
        }
        for name, builtin in models.items()
    ]


_ACTIVE = ("active_params", "active_params_no_input_embedding", "active_params_no_embeddings")


def _billions(params: int) -> str:
    return decimal(Fraction(params, 10**9), 4)


def _describe(model: Model, priced: ModelCost, sequence_length: int | None) -> list[str]:
    moe = f"{integer(model.moe_layers)} of them MoE" if model.moe_layers else "all dense"
    notes = [
        f"{model.family}: {counted(model.num_layers, 'layer')}, {moe}.",
        f"Active parameters: {integer(priced.active_params)} with embedding and head, "
        f"{integer(priced.active_params_no_input_embedding)} without the input embedding, "
        f"{integer(priced.active_params_no_embeddings)} without either.",
    ]
    if sequence_length is None:
        notes.append("Attention's score products depend on context: --sequence-length counts them.")
    else:
        notes.append(f"Scores are averaged over a sequence of {counted(sequence_length, 'token')}.")
    return notes
