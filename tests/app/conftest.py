"""What the tests of the app share: pages run without a browser, what they show, and the app served for a browser."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache, cached_property
from multiprocessing import active_children
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from streamlit.components.v2.component_manager import BidiComponentManager
from streamlit.config import set_option
from streamlit.testing.v1 import AppTest

import app
from parity import Constraints, MoELayer
from parity.builtin import BUILTIN
from parity.hardware import Accelerator
from parity.hidden import Setting
from parity.problem import RawTarget
from parity.ref import Found, reference_to
from parity.report.compare import compare_report
from parity.report.model import Report, for_people
from parity.text import integer, percent
from tests.app.server import PATIENCE, Served, noting, serving

PAGES = ("solve", "explore", "compare", "verify", "experiments", "paper")
APP = Path(app.__file__).parent
MAIN = sys.modules["__main__"]
CONFIGS = {path.stem: path for path in sorted((Path(__file__).parents[1] / "data" / "models").glob("*.json"))}
"""Files config.json of released models."""
MIXTRAL = CONFIGS["mistralai__Mixtral-8x7B-v0.1"]


def opened(page: str, address: Mapping[str, str] | None = None) -> AppTest:
    """The page as it opens at an address with these values."""
    shown = AppTest.from_file(str(APP / "views" / f"{page}.py"), default_timeout=PATIENCE)
    if address:
        shown.query_params.update({"v": "1", **address})
    return shown.run()


def whole(page: str, address: Mapping[str, str]) -> AppTest:
    """The whole app, on this page at an address with these values."""
    shown = AppTest.from_file(str(APP / "main.py"), default_timeout=PATIENCE).run()
    shown.switch_page(f"views/{page}.py")
    shown.query_params.update({"v": "1", **address})
    return shown.run()


def control(shown: AppTest, name: str) -> Any:
    """The control of that name in the address."""
    key = f"{shown.title[0].value.lower()}.{name}"
    kinds = (shown.text_input, shown.selectbox, shown.multiselect, shown.toggle)
    return next(widget for kind in kinds for widget in kind if widget.key == key)


def changed(shown: AppTest, values: Mapping[str, Any]) -> AppTest:
    """The page after these controls were changed, all at once."""
    for name, value in values.items():
        control(shown, name).set_value(value)
    return shown.run()


def drop(shown: AppTest, name: str, content: bytes) -> AppTest:
    """The page after a file was dropped on it."""
    shown.file_uploader[0].set_value((name, content, "application/json"))
    return shown.run()


def button(shown: AppTest, label: str) -> Any:
    """The button with that label."""
    return next(widget for widget in shown.button if widget.label == label)


def labels(shown: AppTest) -> list[str]:
    """The labels of the buttons."""
    return [widget.label for widget in shown.button]


def metrics(shown: AppTest) -> dict[str, str]:
    """The large numbers by their labels."""
    return {metric.label: metric.value for metric in shown.metric}


def tables(shown: AppTest) -> list[list[list[str]]]:
    """The cells of every table, row by row."""
    return [frame.value.to_numpy().tolist() for frame in shown.dataframe]


def cells(report: Report) -> list[list[list[str]]]:
    """What the tables of a report of the command line have in their cells."""
    return [[[for_people(cell) for cell in row] for row in table.rows] for table in report.tables]


def comparison(
    found: Sequence[Found], setting: Setting | None = None, on: Sequence[Accelerator] | None = None
) -> Report:
    """What the command line compares, where this machine was not measured."""
    models = {each.layer_name: each.model for each in found if each.model}
    return compare_report([(each.layer_name, each.design) for each in found], setting, None, on, models)


def charts(shown: AppTest) -> list[str]:
    """What the charts show, in words."""
    return [chart.proto.alt for chart in shown.get("vega_lite_chart")]


def answers(shown: AppTest) -> dict[str, Any]:
    """Everything that a page answers with."""
    return {
        "metrics": metrics(shown),
        "tables": tables(shown),
        "charts": charts(shown),
        "commands": [code.value for code in shown.code],
    }


CODE = re.compile(r"(`+) (.*) \1")


def _said(shown: AppTest) -> list[str]:
    """What the page says about values, line by line, as Markdown."""
    boxes = [box for kind in (shown.error, shown.warning, shown.info) for box in kind]
    return [as_one(line) for box in boxes for line in box.value.split("  \n")]


def as_one(line: str) -> str:
    """Code that is interrupted within the sign of an icon, as if it were not."""
    fence = line[: len(line) - len(line.lstrip("`"))]
    return re.sub(rf":material {fence}\\/({fence} |$)", lambda end: f":material/{'' if end[1] else f' {fence}'}", line)


def messages(shown: AppTest) -> list[str]:
    """What the page says about values, as its visitor reads it."""
    return [code[2] if (code := CODE.fullmatch(line)) else line.replace("\\", "") for line in _said(shown)]


def is_inert(shown: AppTest) -> bool:
    """Whether what the page says about values is code throughout, in which nothing is markup."""
    found = [CODE.fullmatch(line) for line in _said(shown)]
    return all(code and code[1] not in re.findall("`+", code[2]) for code in found)


def link(shown: AppTest) -> dict[str, str]:
    """The values in the address."""
    return dict(shown.query_params)


def solved(found: Any) -> dict[str, str]:
    """The large numbers of Solve, of what the command line answers."""
    best = found["solutions"][0]
    return {
        **{name: integer(best["design"][name]) for name in ("d_expert", "num_experts")},
        "FLOPs error": percent(Fraction(best["error"]["flops"])),
        "parameter error": percent(Fraction(best["error"]["params"])),
    }


def written(shown: AppTest) -> str:
    """All that the page says in paragraphs, as its visitor reads it."""
    return "\n".join(block.value.replace("\\", "") for block in shown.markdown)


@cache
def defaults(page: str) -> dict[str, Any]:
    """Everything that the page answers with at an empty address."""
    return answers(opened(page))


@dataclass(frozen=True, eq=False)
class Change:
    """A page at an address, of which one control is changed, and what the function behind it is then to be asked."""

    start: Mapping[str, str]
    control: str
    value: Any
    asked: Mapping[str, Any] = field(default_factory=dict)
    baseline: MoELayer | RawTarget = BUILTIN["paper-smoe"].design

    def __str__(self) -> str:
        return f"{self.control}={self.value}"

    @property
    def link(self) -> dict[str, str]:
        """What the address is to be afterwards."""
        return {"v": "1", **self.start, self.control: self.value}

    @property
    def name(self) -> str:
        """The baseline as the command line names it."""
        return reference_to(self.baseline) if isinstance(self.baseline, MoELayer) else "the targets"

    @cached_property
    def question(self) -> dict[str, Any]:
        """What is asked, with the constraints as one argument."""
        limits = {name: value for name, value in self.asked.items() if name in Constraints.__dataclass_fields__}
        rest = {name: value for name, value in self.asked.items() if name not in limits}
        return {**rest, "constraints": Constraints(**limits)}


@cache
def before_and_after(page: str, change: Change) -> tuple[dict[str, Any], AppTest]:
    """What the page answered before the change, and the page after it."""
    shown = opened(page, change.start)
    before = answers(shown)
    return before, changed(shown, {change.control: change.value})


def check_the_address_restores(page: str, change: Change) -> None:
    """A changed control goes into the address, and that address opens the page as it is after the change."""
    _, shown = before_and_after(page, change)
    assert link(shown) == change.link
    again = opened(page, link(shown))
    assert answers(again) == answers(shown)
    assert control(again, change.control).value == change.value


@pytest.fixture(autouse=True, scope="session")
def _as_served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Pages run as `parity app` runs them; looking for components of others would take longer than a page.

    Whether this machine was measured before changes nothing.
    """
    set_option("runner.magicEnabled", False)
    cache = {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
    with patch.object(BidiComponentManager, "discover_and_register_components"), patch.dict(os.environ, cache):
        yield


@pytest.fixture(autouse=True)
def _no_work_left() -> Iterator[None]:
    """Work that a test has started ends with it, and no page stays the main module, which new processes would run."""
    yield
    sys.modules["__main__"] = MAIN
    for process in active_children():
        process.terminate()
        process.join()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app, served until the tests end; a proxy stands between it and other machines and notes what it asks."""
    home = tmp_path_factory.mktemp("served")
    log = home / "log"
    with noting() as (proxy, asked):
        proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), proxy)
        with serving(log, {**proxies, "HOME": str(home), "no_proxy": "", "NO_PROXY": ""}) as (_, port):
            yield Served(port, log, asked)
