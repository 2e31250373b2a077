"""A report as JSON, CSV, Markdown, LaTeX or a table for the terminal."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from parity.report.model import WIDTH, Report, Table, for_people, for_programs

MOST_WIDTH = 10_000


def to_json(report: Report) -> str:
    """The data, indented."""
    return json.dumps(report.data, indent=2, ensure_ascii=False) + "\n"


def to_csv(report: Report) -> str:
    """The records or else the first table, with plain digits and exact fractions."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    table = report.records or report.tables[0]
    writer.writerow(table.columns)
    writer.writerows([for_programs(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def to_markdown(report: Report) -> str:
    """Every table under its title, and the notes as paragraphs."""
    return "\n\n".join([*map(markdown_table, report.tables), *map(_markdown_text, report.notes)]) + "\n"


def to_latex(report: Report) -> str:
    """Every table as a tabular that needs no package, the notes as paragraphs."""
    return "\n\n".join([*map(_latex_table, report.tables), *map(latex_text, report.notes)]) + "\n"


def to_text(report: Report, *, color: bool = False, width: int = WIDTH) -> str:
    """Aligned tables and wrapped notes."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    out = io.StringIO()
    console = Console(
        file=out, width=MOST_WIDTH, force_terminal=color, no_color=not color, highlight=False, markup=False
    )
    for table in (part for whole in report.tables for part in _parts(whole, width)):
        grid = Grid(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", padding=(0, 0, 0, 1))
        body = [[for_people(cell) for cell in row] for row in table.rows]
        for index, column in enumerate(table.columns):
            words = table.is_words(index)
            whole = max(len(row[index]) for row in [table.columns, *body]) if not words or index == 0 else None
            grid.add_column(Text(column), justify="left" if words else "right", min_width=whole)
        for index, row in enumerate(body):
            grid.add_row(*map(Text, row), style="bold" if index in table.strong else None)
        console.print(Text(table.title, style="bold"), width=width, end="\n\n")
        # Wider than asked for rather than cut: a number with digits missing is a wrong number.
        console.print(grid, width=max(width, console.measure(grid).minimum))
        console.print()
    for note in report.notes:
        console.print(Text(note), width=width)
    return "\n".join(line.rstrip() for line in out.getvalue().strip().splitlines()) + "\n"


def _parts(table: Table, width: int) -> Iterator[Table]:
    """The table, cut between columns where it is too wide and may be; no part has less than one column of its own."""
    columns = range(len(table.columns))
    widths = [2 + max(len(for_people(row[c])) for row in [table.columns, *table.rows]) for c in columns]
    fixed = list(columns[: table.repeated])
    part = fixed.copy()
    for column in columns[table.repeated :]:
        if fixed and len(part) > len(fixed) and sum(widths[c] for c in [*part, column]) > width:
            yield _columns_of(table, part)
            part = fixed.copy()
        part.append(column)
    yield _columns_of(table, part)


def _columns_of(table: Table, chosen: list[int]) -> Table:
    return replace(
        table,
        columns=tuple(table.columns[c] for c in chosen),
        rows=tuple(tuple(row[c] for c in chosen) for row in table.rows),
        words=frozenset(place for place, c in enumerate(chosen) if table.is_words(c)),
    )


FORMATS: Mapping[str, Callable[[Report], str]] = {
    "table": to_text,
    "json": to_json,
    "csv": to_csv,
    "markdown": to_markdown,
    "latex": to_latex,
}
"""The formats that every command prints its result in, by name."""


def markdown_table(table: Table) -> str:
    """A table in the Markdown of GitHub, under its title."""
    rule = ["---" if table.is_words(index) else "--:" for index in range(len(table.columns))]
    body = [[_markdown_text(for_people(cell)) for cell in row] for row in table.rows]
    lines = [f"| {' | '.join(row)} |" for row in ([_markdown_text(c) for c in table.columns], rule, *body)]
    return "\n".join([f"**{_markdown_text(table.title)}**", "", *lines])


def _markdown_text(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>#|" else c for c in text)


def _latex_table(table: Table) -> str:
    kinds = "".join("l" if table.is_words(index) else "r" for index in range(len(table.columns)))
    lines = [" & ".join(latex_text(for_people(cell)) for cell in row) + r" \\" for row in table.rows]
    heading = " & ".join(map(latex_text, table.columns)) + r" \\"
    return "\n".join(
        [
            rf"\begin{{tabular}}{{{kinds}}}",
            rf"\multicolumn{{{len(kinds)}}}{{l}}{{{latex_text(table.title)}}} \\ \hline",
            rf"{heading} \hline",
            *lines,
            r"\hline",
            r"\end{tabular}",
        ]
    )


_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{c: rf"\{c}" for c in "&%$#_{}"},
}


def latex_text(text: str) -> str:
    """Text with what LaTeX gives a meaning escaped, and letters beyond ASCII as their code points."""
    return "".join(_LATEX.get(c, c) if c.isascii() else f"U+{ord(c):04X} " for c in text)
