"""The report of `parity compare`: costs under every convention, and what they do not show."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from parity.conventions import CONVENTIONS
from parity.cost import Cost, cost, expected_active_experts
from parity.design import MoELayer
from parity.hardware import Accelerator, accelerators
from parity.hidden import Setting
from parity.machine import Machine
from parity.models.description import Model
from parity.report.hidden import Hidden, exact
from parity.report.layer import active_experts
from parity.report.model import Cell, Report, Share, Table
from parity.report.summary import summaries
from parity.report.time import Times
from parity.report.whole_model import beside_note
from parity.text import counted, decimal

LONGEST_LABEL = 25
"""Characters of a design's name at the head of a column; longer ones stand below the table."""


def compare_report(
    designs: Sequence[tuple[str, MoELayer]],
    setting: Setting | None = None,
    machine: Machine | None = None,
    shown: Sequence[Accelerator] | None = None,
    models: Mapping[str, Model] | None = None,
) -> Report:
    """Layers side by side, the first as the baseline.

    Costs and errors under each convention; hidden costs in `setting`, by default `Setting()`; predicted
    times on the accelerators `shown`, by default all, and on `machine` if it has been measured.
    `models` are those that layers of these names are from.

    Raises:
        InputError: a layer cannot be run in that setting.
    """
    setting = setting or Setting()
    for name, layer in designs:
        setting.check(name, layer)
    on = tuple(accelerators().values() if shown is None else shown)
    labels = [name if len(name) <= LONGEST_LABEL else f"design {place}" for place, (name, _) in enumerate(designs, 1)]
    compared = [_Compared(name, layer, designs[0][1]) for name, layer in designs]
    hidden = [Hidden(layer, setting) for _, layer in designs]
    times = [Times(layer, setting, on, machine) for _, layer in designs]
    layers = [layer for _, layer in designs]
    sentences = summaries(labels, layers, setting, on)
    columns = ("", *labels)
    tables = (
        _table(f"Costs per token, forward; errors against {labels[0]}", columns, _Compared.labels(), compared),
        _table(f"What equal FLOPs do not make equal: {_words(setting)}", columns, Hidden.labels(setting), hidden),
        _table(
            "Predicted time, forward and backward, ms per batch: a lower bound by the data sheet",
            columns,
            Times.labels(on, machine),
            times,
        ),
    )
    legend = [f"{label}: {name}" for label, (name, _) in zip(labels, designs, strict=True) if label != name]
    data = {
        "baseline": designs[0][0],
        "setting": {
            **asdict(setting),
            "capacity_factor": None if setting.capacity_factor is None else exact(setting.capacity_factor),
        },
        "summary": sentences,
        "designs": [
            {**column.data(), **costs.data(), "predicted_time": time.data()}
            for column, costs, time in zip(compared, hidden, times, strict=True)
        ],
    }
    besides = [f"{name}: {note}" for name, model in (models or {}).items() for note in beside_note(model.beside)]
    said = (*sentences, *legend, *_layers_of(models or {}), *besides)
    notes = (*said, *Hidden.notes(setting), *Times.notes(labels, times, machine))
    return Report(data, tables, notes)


def _table(
    title: str, columns: tuple[str, ...], labels: Sequence[str], of: "Sequence[_Compared | Hidden | Times]"
) -> Table:
    rows = zip(labels, *(column.cells() for column in of), strict=True)
    return Table(title, columns, tuple(rows), repeated=2)


def _layers_of(models: Mapping[str, Model]) -> list[str]:
    """How many such layers each model has, lest a layer be taken for all of it."""
    return [
        f"{name}: one of {counted(model.moe_layers, 'MoE layer')}."
        if model.moe_layers
        else f"{name}: one of {counted(model.num_layers, 'feed-forward block')}."
        for name, model in models.items()
    ]


def _words(setting: Setting) -> str:
    """The setting as the title says it."""
    spread = f" over {counted(setting.ep, 'device')}" if setting.ep > 1 else ""
    capacity = "" if setting.capacity_factor is None else f", capacity factor {decimal(setting.capacity_factor)}"
    return f"{counted(setting.tokens, 'token')}{spread}, {setting.precision}{capacity}"


class _Compared:
    """One column of costs."""

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
