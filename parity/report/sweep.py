"""What `parity sweep` shows: the frontier and the groups, and as CSV or Parquet every design."""

import csv
import json
from collections.abc import Iterator, Sequence
from fractions import Fraction
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

from parity.errors import InputError
from parity.report.model import Cell, Report, Share, Table
from parity.report.solve import baseline_data, solution_data
from parity.solve import Solution
from parity.text import counted, integer, percent_at_least

if TYPE_CHECKING:
    from parity.sweep import SweepResult

MOST_ON_FRONTIER, MOST_GROUPS = 20, 100
"""Rows that a table has at most; the data have all."""
AT_ONCE = 1 << 14
"""Rows of CSV that are formatted at once."""

ALWAYS = ("heads", "top_k", "d_expert", "num_experts")
WHERE_THEY_DIFFER = ("expert_pool", "d_latent", "num_shared_experts", "d_shared")


def sweep_report(result: "SweepResult", baseline_name: str, closest: Solution | None = None) -> Report:
    """A sweep around the baseline of that name; `closest` is the nearest design where none is feasible."""
    scope = (
        f"within {percent_at_least(result.space.tolerance)}% of {baseline_name}; {result.space.rule.name} convention"
    )
    best = result.frontier[:MOST_ON_FRONTIER]
    groups = result.groups[:MOST_GROUPS]
    tables = (
        _table(f"Frontier of {counted(result.feasible, 'design')} {scope}", best),
        _table("The first of each frontier by heads and top-k", [group.frontier[0] for group in groups], result),
    )
    return Report(_data(result), tables if best else (), tuple(_notes(result, scope, closest)))


def _table(title: str, solutions: Sequence[Solution], groups_of: "SweepResult | None" = None) -> Table:
    """Designs with their errors; where they are the first of groups, with what the groups hold."""
    designs = [solution.design for solution in solutions]
    names = [
        *ALWAYS,
        *(name for name in WHERE_THEY_DIFFER if len({getattr(design, name) for design in designs}) > 1),
    ]
    rows: list[tuple[Cell, ...]] = []
    for place, (solution, design) in enumerate(zip(solutions, designs, strict=True)):
        counts = (groups_of.groups[place].feasible, len(groups_of.groups[place].frontier)) if groups_of else ()
        costs = (solution.cost.flops_per_token, solution.cost.params)
        errors = (Share(solution.flops_error), Share(solution.params_error))
        rows.append((*(getattr(design, name) for name in names), *costs, *errors, *counts))
    columns = (*names, "FLOPs/token", "parameters", "FLOPs error", "params error")
    words = frozenset({names.index("expert_pool")} if "expert_pool" in names else ())
    return Table(title, (*columns, *(("feasible", "on frontier") if groups_of else ())), tuple(rows), words=words)


def _notes(result: "SweepResult", scope: str, closest: Solution | None) -> Iterator[str]:
    if result.partial:
        yield "Partial: interrupted before the end, so designs are missing and better ones may be."
    if not result.feasible:
        yield f"{'So far no' if result.partial else 'No'} design is feasible {scope}."
        if closest is not None:
            larger = max(abs(closest.flops_error), abs(closest.params_error))
            x = closest.design
            yield (
                f"The closest inside the ranges has heads={x.heads}, top_k={x.top_k}, d_expert={x.d_expert}, "
                f"num_experts={x.num_experts}; --tolerance {percent_at_least(larger)} would admit it."
            )
        elif not result.partial:
            yield (
                "Nothing inside the ranges is a design, or close enough to tell: heads have to divide the latent "
                "width, and num_experts has to be top_k or more."
            )
        return
    if result.objectives != ("flops_error", "params_error"):
        yield f"Frontiers are over {', '.join(result.objectives)}: the less of each the better."
    for number, most, what in (
        (len(result.frontier), MOST_ON_FRONTIER, "designs on the frontier"),
        (len(result.groups), MOST_GROUPS, "groups"),
    ):
        if number > most:
            yield f"{integer(number - most)} more {what} are not shown; --format json has them."
    yield f"Examined {integer(result.examined)} pairs; --format csv or parquet lists every feasible design."


def _data(result: "SweepResult") -> dict[str, Any]:
    space = result.space
    return {
        "baseline": baseline_data(space.baseline, space.rule),
        "convention": space.rule.name,
        "tolerance": str(space.tolerance),
        "objectives": list(result.objectives),
        "partial": result.partial,
        "examined": result.examined,
        "feasible": result.feasible,
        "frontier": [solution_data(solution) for solution in result.frontier],
        "groups": [
            {
                "heads": group.heads,
                "top_k": group.top_k,
                "expert_pool": group.expert_pool,
                "feasible": group.feasible,
                "frontier": [solution_data(solution) for solution in group.frontier],
            }
            for group in result.groups
        ],
    }


def designs_as_csv(result: "SweepResult") -> Iterator[str]:
    """Every design that was kept, errors as exact fractions, a part of the text at a time."""
    columns = dict(result.columns or {})
    target = result.space.target
    exact = {
        "flops_error": _errors(columns["flops_per_token"], target.flops_per_token),
        "params_error": _errors(columns["params"], target.params),
    }
    yield ",".join(columns) + "\n"
    for start in range(0, result.feasible, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        out = StringIO()
        cells = (exact[n][part] if n in exact else column[part].tolist() for n, column in columns.items())
        csv.writer(out, lineterminator="\n").writerows(zip(*cells, strict=True))
        yield out.getvalue()


def _errors(costs: Any, target: int) -> Any:
    """(cost - target) / target, exactly, as text; few of them are different."""
    import numpy as np

    different, which = np.unique(costs, return_inverse=True)
    texts = np.array([str(Fraction(int(value) - target, target)) for value in different], dtype=np.object_)
    return texts[which]


def designs_as_parquet(result: "SweepResult") -> bytes:
    """Every design that was kept, errors in floating point; what was asked is in the file's metadata.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise InputError(
            "--format parquet needs pyarrow, which is absent: pip install 'moe-parity[app]' adds it"
        ) from None
    columns = {
        name: column.astype(str) if column.dtype == object else column
        for name, column in (result.columns or {}).items()
    }
    asked = {name: value for name, value in _data(result).items() if name not in ("frontier", "groups")}
    table = pyarrow.table(columns).replace_schema_metadata({"parity": json.dumps(asked)})
    out = BytesIO()
    parquet.write_table(table, out)
    return out.getvalue()
