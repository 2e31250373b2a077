"""The charts as pictures: one bar for each design and op, one dot for each published number, in files that open."""

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from app import pictures
from parity import cost
from parity.builtin import BUILTIN
from parity.paper import published

NAMES = ("paper-dense", "paper-smoe", "paper-mh-moe-3-shared")
COSTS = {name: cost(BUILTIN[name].design, "matmul") for name in NAMES}
TABLES = {table.name: table for table in published().tables}


@pytest.mark.parametrize("quantity", ["flops_per_token", "params", "active_params"])
def test_the_bars_of_a_design_end_where_its_costs_do(quantity: str) -> None:
    (axes,) = pictures.costs(COSTS, [(quantity, "title")]).axes
    for place, priced in enumerate(COSTS.values()):
        rectangles = [bar for bar in axes.patches if isinstance(bar, Rectangle)]
        bars = [bar for bar in rectangles if round(bar.get_y() + bar.get_height() / 2) == place]
        assert sorted(bar.get_width() for bar in bars) == sorted(getattr(row, quantity) for row in priced.rows)
        assert max(bar.get_x() + bar.get_width() for bar in bars) == getattr(priced, quantity)
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)


@pytest.mark.parametrize("name", TABLES)
def test_every_published_number_is_a_dot(name: str) -> None:
    table = TABLES[name]
    figure = pictures.perplexities(table)
    assert [axes.get_title() for axes in figure.axes] == list(published().datasets)
    for place, axes in enumerate(figure.axes):
        drawn = [x for line in axes.lines for x in np.asarray(line.get_xdata()).tolist()]
        assert sorted(drawn) == sorted(row.perplexity[place] for row in table.rows)


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<?xml")])
@pytest.mark.parametrize(
    "figure",
    [pictures.costs(COSTS, [("params", "Parameters")]), pictures.perplexities(published().tables[0])],
    ids=["costs", "perplexities"],
)
def test_pictures_are_files_of_their_kind(figure: Figure, kind: str, start: bytes) -> None:
    assert pictures.encoded(figure, kind).startswith(start)
