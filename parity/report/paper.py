"""The published tables, with what the designs of their rows cost."""

from parity.builtin import BUILTIN
from parity.cost import cost
from parity.paper import PaperTable, published
from parity.report.model import Cell, Report, Table


def table_report(table: PaperTable) -> Report:
    """One table: perplexities as printed, and the costs of the MoE layer under the paper convention."""
    paper = published()
    rows: list[tuple[Cell, ...]] = []
    for row in table.rows:
        priced = cost(BUILTIN[row.design].design) if row.design else None
        costs = (priced.flops_per_token, priced.params) if priced else (None, None)
        rows.append((row.variant, row.steps, *(f"{value:.2f}" for value in row.perplexity), *costs))
    columns = ("variant", "steps", *paper.datasets, "FLOPs per token", "parameters")
    title = f"{table.name} of {paper.source}, {table.title}: perplexity; costs of one MoE layer, paper convention"
    data = {
        "source": paper.source,
        "table": table.name,
        "datasets": list(paper.datasets),
        "rows": [{**vars(row), "perplexity": list(row.perplexity)} for row in table.rows],
    }
    return Report(data, (Table(title, columns, tuple(rows)),))
