"""Compare shows what equal FLOPs hide and the sentence that sums it up, in the setting that the visitor chooses."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from parity import solve
from parity.hardware import accelerators
from parity.hidden import Setting
from parity.precision import ATTAINABLE
from parity.ref import look_up, reference_to, resolve
from parity.report.model import Report
from tests.app.conftest import (
    answers,
    cells,
    changed,
    comparison,
    control,
    defaults,
    is_inert,
    link,
    messages,
    opened,
    tables,
    written,
)
from tests.conftest import Answer

PAPER = ("paper-smoe", "paper-mh-moe-3")
SOLVED = reference_to(solve(resolve("mixtral-8x7b-v0.1"), heads=2, top_k=3).best.design)
PAIRS = {
    "paper": PAPER,
    "model and solved": ("mixtral-8x7b-v0.1", SOLVED),
    "models": ("deepseek-v3", "kimi-k2-instruct", "gpt-oss-120b"),
}
SETTINGS: list[tuple[str, Any, Mapping[str, Any]]] = [
    ("tokens", "4096", {"tokens": 4096}),
    ("tokens", "1", {"tokens": 1}),
    ("ep", "8", {"ep": 8}),
    ("tile", "8", {"tile": 8}),
    ("capacity_factor", "1.25", {"capacity_factor": Fraction(5, 4)}),
    ("capacity_factor", "0.5", {"capacity_factor": Fraction(1, 2)}),
    *(("precision", name, {"precision": name}) for name in ATTAINABLE if name != Setting().precision),
]
HOSTILE = ("-1", "0", "1e999", "NaN", "9" * 40, "<img src=x onerror=alert(1)>", "$x$", "[a](http://evil.example)")


def compared(refs: tuple[str, ...], accelerator: str | None = None, **setting: Any) -> Report:
    """What the command line compares."""
    on = None if accelerator is None else [accelerators()[accelerator]]
    return comparison([look_up(ref) for ref in refs], Setting(**setting), on)


def is_comparison(shown: AppTest, report: Report) -> bool:
    """Whether the page has the tables of the report, and each of its notes."""
    return tables(shown)[:3] == cells(report) and all(note in written(shown) for note in report.notes)


def address(refs: tuple[str, ...], **values: str) -> dict[str, str]:
    """The values of an address that compares these designs."""
    return {"designs": ";".join(refs), **values}


@pytest.mark.parametrize("refs", PAIRS.values(), ids=PAIRS)
def test_the_sentences_and_the_hidden_costs_are_those_of_the_command_line(
    answer: Answer, refs: tuple[str, ...]
) -> None:
    shown = opened("compare", address(refs))
    assert not messages(shown)
    found = answer("compare", *refs)
    assert len(found["summary"]) == len(refs) - 1
    for sentence in found["summary"]:
        assert written(shown).count(sentence) == 1
    assert is_comparison(shown, compared(refs))


@pytest.mark.parametrize(("name", "value", "setting"), SETTINGS, ids=str)
@pytest.mark.parametrize("refs", [PAPER, PAIRS["model and solved"]], ids=["paper", "model and solved"])
def test_a_changed_setting_changes_what_is_shown_and_the_address_restores_it(
    refs: tuple[str, ...], name: str, value: Any, setting: Mapping[str, Any]
) -> None:
    shown = opened("compare", address(refs))
    before = answers(shown)
    changed(shown, {name: value})
    assert not messages(shown)
    assert answers(shown) != before
    assert is_comparison(shown, compared(refs, **setting))
    assert link(shown) == {"v": "1", **address(refs), name: value}
    again = opened("compare", link(shown))
    assert control(again, name).value == value
    assert answers(again) == answers(shown)
    assert written(again) == written(shown)


@pytest.mark.parametrize("accelerator", accelerators())
def test_an_accelerator_that_is_chosen_is_the_one_that_times_are_of(accelerator: str) -> None:
    shown = changed(opened("compare", address(PAPER)), {"accelerator": accelerator})
    assert not messages(shown)
    assert is_comparison(shown, compared(PAPER, accelerator))
    assert [row[0] for row in tables(shown)[2]] == [accelerator]
    assert f"predicted time on {accelerator}" in written(shown)
    assert link(shown) == {"v": "1", **address(PAPER), "accelerator": accelerator}
    assert answers(opened("compare", link(shown))) == answers(shown)


def test_a_precision_in_which_the_accelerator_cannot_multiply_is_compared_without_a_time() -> None:
    shown = opened("compare", address(PAPER, accelerator="A100 SXM 80GB", precision="fp8"))
    assert not shown.exception
    assert not messages(shown)
    assert is_comparison(shown, compared(PAPER, "A100 SXM 80GB", precision="fp8"))
    assert "predicted time on" not in written(shown)


def test_every_setting_at_once_is_that_of_the_command_line(answer: Answer) -> None:
    values = {
        "tokens": "1000",
        "ep": "4",
        "tile": "64",
        "capacity_factor": "1.5",
        "precision": "float32",
        "accelerator": "L40S",
    }
    shown = opened("compare", address(PAPER, **values))
    flags = [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", value)]
    (sentence,) = answer("compare", *PAPER, *flags)["summary"]
    assert sentence in written(shown)


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("name", ["tokens", "ep", "tile", "capacity_factor"])
def test_a_number_of_the_setting_that_cannot_work_is_refused_by_name_where_it_is_seen(name: str, value: str) -> None:
    shown = opened("compare", {name: value})
    assert not shown.exception
    assert not tables(shown)
    assert is_inert(shown)
    assert messages(shown)
    for said in messages(shown):
        assert said.startswith(f"{name}={value}: accepted are ")
    assert [box.value for box in shown.info] == [box.value for box in shown.error]  # the control may be folded away
    assert link(shown) == {"v": "1", name: value}


@pytest.mark.parametrize("name", ["tokens", "ep", "tile"])
def test_a_number_of_the_setting_that_is_empty_is_refused_by_name(name: str) -> None:
    shown = opened("compare", {name: ""})
    assert set(messages(shown)) == {f"{name} is empty: accepted are integers of at least 1"}
    assert not tables(shown)


@pytest.mark.parametrize("name", ["precision", "accelerator"])
def test_a_choice_of_the_setting_that_does_not_exist_is_refused_with_those_that_do(name: str) -> None:
    for value in ("H100", "fp2", "ternary-limit", "<script>alert(1)</script>"):
        shown = opened("compare", {name: value})
        assert messages(shown) == [
            f"{name}={value} in this link: accepted are {', '.join(control(shown, name).options)}"
        ]
        assert is_inert(shown)
        assert answers(shown) == defaults("compare")


def test_more_devices_than_a_design_has_experts_are_refused() -> None:
    shown = opened("compare", address(PAPER, ep="9"))
    assert not shown.exception
    assert not tables(shown)
    problem = "ep=9 exceeds the 8 experts of paper-smoe: accepted is at most as many"
    assert messages(shown) == [problem, problem]
