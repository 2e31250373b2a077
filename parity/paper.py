"""The published tables of MH-MoE (arXiv:2411.16205v3): perplexities on three sets of text."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Row:
    """One row: a variant after some steps of training."""

    variant: str
    steps: int
    perplexity: tuple[float, ...]
    """As printed, for each of the datasets."""
    design: str | None
    """The built-in design of its MoE layer, where the paper prints one."""


@dataclass(frozen=True)
class PaperTable:
    """One table."""

    name: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Paper:
    """What was published."""

    source: str
    datasets: tuple[str, ...]
    tables: tuple[PaperTable, ...]

    def table(self, name: str) -> PaperTable:
        """The table of that name."""
        return next(table for table in self.tables if table.name == name)


@cache
def published() -> Paper:
    """The paper's tables 1 to 5."""
    data = json.loads(files("parity").joinpath("data/paper.json").read_text("utf-8"))
    tables = tuple(
        PaperTable(
            table["name"],
            table["title"],
            tuple(Row(**{**row, "perplexity": tuple(row["perplexity"])}) for row in table["rows"]),
        )
        for table in data["tables"]
    )
    return Paper(data["source"], tuple(data["datasets"]), tables)
