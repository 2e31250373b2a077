"""Reports of the command line on the page."""

from collections.abc import Mapping, Sequence

import pyarrow
import streamlit as st

from app import charts
from app.text import plain
from parity.cost import Cost
from parity.report.model import Report, Table, for_people

MOST_ROWS = 20
"""Rows that a table shows without scrolling."""


def show_tables(report: Report) -> None:
    """Every table of the report."""
    for table in report.tables:
        show_table(table)


def show_table(table: Table) -> None:
    """One table, numbers to the right; it scrolls by itself where the page is narrower."""
    st.markdown(f"**{plain(table.title)}**")
    headings = [_heading(table.columns, place) for place in range(len(table.columns))]
    rows = [[for_people(cell) for cell in row] for row in table.rows]
    st.dataframe(
        {heading: [row[place] for row in rows] for place, heading in enumerate(headings)},
        hide_index=True,
        width="content",
        height="content" if len(rows) <= MOST_ROWS else 480,
        column_config={
            heading: st.column_config.TextColumn(
                heading,
                width=_width([table.columns[place], *(row[place] for row in rows)]),
                alignment="left" if table.is_words(place) else "right",
                pinned=place == 0 and table.is_words(0),
            )
            for place, heading in enumerate(headings)
        },
        alt=_in_words(table),
    )


def show_in_place(table: Table) -> None:
    """One small table whose rows and words all stand on the page; it scrolls by itself where the page is narrower."""
    st.markdown(f"**{plain(table.title)}**")
    headings = [plain(_heading(table.columns, place)) for place in range(len(table.columns))]
    columns = [[plain(for_people(row[place])) for row in table.rows] for place in range(len(headings))]
    st.table(
        pyarrow.table(columns, names=headings),  # which Streamlit takes as it is; a dict would go through pandas
        hide_index=True,
        width="content",
        border="horizontal",
        alt=_in_words(table),
    )


def show_costs(costs: Mapping[str, Cost], quantities: Sequence[tuple[str, str]]) -> None:
    """Where the costs of designs go, one chart for each quantity, side by side."""
    for column, (quantity, title) in zip(st.columns(len(quantities)), quantities, strict=True):
        words = charts.describe_costs(costs, quantity, title)
        column.vega_lite_chart(spec=charts.cost_bars(costs, quantity, title), alt=words)


def _in_words(table: Table) -> str:
    """What a table holds, for those who do not see it."""
    return f"{table.title}. Columns: {', '.join(filter(None, table.columns))}. {len(table.rows)} rows."


def _width(cells: list[str]) -> int:
    """Pixels that hold the longest cell, up to a limit beyond which words are cut and shown on a click."""
    return min(20 + 7 * max(map(len, cells)), 420)


def _heading(columns: tuple[str, ...], place: int) -> str:
    """Headings must differ: an empty one is a space, and one that comes again has more of them."""
    return (columns[place] or " ") + " " * columns[:place].count(columns[place])


def show_notes(notes: tuple[str, ...]) -> None:
    """The notes as paragraphs, those that begin with a dash as a list."""
    st.markdown("\n".join(f"- {plain(note[2:])}" if note.startswith("- ") else f"\n{plain(note)}\n" for note in notes))
