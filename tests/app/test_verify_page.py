"""Verify runs a design and shows what `parity.verify` finds; it can be cancelled."""

from collections.abc import Mapping
from multiprocessing import active_children
from time import monotonic, sleep

import pytest
from streamlit.testing.v1 import AppTest

from parity import MoELayer
from parity.builtin import BUILTIN
from parity.report.verify import verify_report
from parity.verify import factor_that_fits, scaled_down, verify
from tests.app.conftest import answers, button, cells, changed, control, labels, link, messages, opened, tables
from tests.app.server import PATIENCE

ROOM = 300 * 10**6
SMALL = {
    "design": "own fields",
    "own.d_model": "12",
    "own.heads": "2",
    "own.d_expert": "5",
    "own.num_experts": "3",
    "tokens": "4",
}
LAYER = MoELayer(d_model=12, heads=2, d_expert=5, num_experts=3, top_k=1)
LASTING = {"design": "paper-smoe", "tokens": "4096"}


def run_to_its_end(address: Mapping[str, str]) -> AppTest:
    """The page after Run was pressed and the run has ended."""
    shown: AppTest = button(opened("verify", address), "Run").click().run()
    end = monotonic() + PATIENCE
    while "Cancel" in labels(shown) and monotonic() < end:
        sleep(0.05)
        shown.run()
    return shown


def test_a_run_shows_that_predicted_equals_executed(capfd: pytest.CaptureFixture[str]) -> None:
    shown = run_to_its_end(SMALL)
    name = "d_model=12,d_expert=5,num_experts=3,top_k=1,heads=2"
    done = verify(LAYER, 4, 0)
    assert not shown.exception
    assert [box.value for box in shown.success] == ["Verified: every count is equal and the gradients are right."]
    assert tables(shown) == cells(verify_report(name, done))
    assert {row[-1] for row in tables(shown)[0]} == {"yes"}
    capfd.readouterr()


def test_tokens_and_seed_are_those_of_the_run() -> None:
    shown = run_to_its_end({**SMALL, "tokens": "7", "seed": "5"})
    done = verify(LAYER, 7, 5)
    assert tables(shown) == cells(verify_report("", done))
    (error,) = [block.value for block in shown.markdown if "relative error" in block.value]
    assert f"{done.gradient_error:.1e}".replace(".", "\\.").replace("-", "\\-") in error


def test_a_run_computes_the_layer_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    run_to_its_end(SMALL)
    assert "ScriptRunContext" not in capfd.readouterr().err


def test_a_layer_that_does_not_fit_here_is_run_at_a_fraction_of_its_widths() -> None:
    layer = MoELayer(d_model=7168, d_expert=2048, num_experts=384, top_k=8)
    factor = factor_that_fits(layer, 4, ROOM)
    assert factor
    fields = {"own.d_model": "7168", "own.num_experts": "384", "own.top_k": "8"}
    shown = run_to_its_end({"design": "own fields", "tokens": "4", **fields})
    assert any(caption.value.startswith(f"Run at 1/{factor} of its widths") for caption in shown.caption)
    assert tables(shown) == cells(verify_report("", verify(scaled_down(layer, factor), 4)))


def test_a_layer_that_fits_at_no_fraction_is_refused() -> None:
    shown = opened("verify", {"design": "own fields", "own.num_experts": "1000000000000000"})
    assert not shown.exception
    assert "Run" not in labels(shown)
    assert any("small enough to run here" in text for text in messages(shown))


def test_a_run_can_be_cancelled_and_started_anew() -> None:
    shown = button(opened("verify", LASTING), "Run").click().run()
    started = active_children()
    assert started
    assert len(shown.get("progress")) == 1
    button(shown, "Cancel").click().run()
    for process in started:
        process.join(PATIENCE)
    assert not active_children()
    assert messages(shown) == ["Cancelled."]
    assert labels(shown)[:1] == ["Run"]
    assert not tables(shown)
    button(shown, "Run").click().run()
    assert "Cancel" in labels(shown)


def test_a_second_run_ends_the_first() -> None:
    shown = button(opened("verify", LASTING), "Run").click().run()
    (first,) = active_children()
    button(shown, "Run").click().run()
    first.join(PATIENCE)
    assert not first.is_alive()
    assert len(active_children()) == 1


def test_an_answer_to_another_question_is_not_shown() -> None:
    shown = run_to_its_end(SMALL)
    changed(shown, {"tokens": "5"})
    assert not tables(shown)
    assert tables(changed(shown, {"tokens": "4"})) == cells(verify_report("", verify(LAYER, 4)))


@pytest.mark.parametrize("name", BUILTIN)
def test_every_built_in_design_can_be_run_and_is_kept_in_the_address(name: str) -> None:
    shown = changed(opened("verify"), {"design": name})
    assert not messages(shown)
    assert "Run" in labels(shown)
    assert link(shown) == ({} if name == "paper-mh-moe-3" else {"v": "1", "design": name})
    assert control(opened("verify", link(shown)), "design").value == name


@pytest.mark.parametrize(
    ("name", "value", "other"), [("tokens", "4096", "64"), ("tokens", "1", "64"), ("seed", "7", "0")]
)
def test_the_address_restores_the_controls(name: str, value: str, other: str) -> None:
    shown = changed(opened("verify"), {name: value})
    assert not messages(shown)
    assert link(shown) == {"v": "1", name: value}
    again = opened("verify", link(shown))
    assert control(again, name).value == value
    assert changed(again, {name: other}).query_params == {}
    assert answers(again) == answers(opened("verify"))


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ({"tokens": "4097"}, "tokens=4097: accepted are up to 4096"),
        ({"tokens": "0"}, "tokens=0: accepted are integers from 1"),
        ({"tokens": ""}, "tokens is empty: accepted are integers of at least 1"),
        ({"seed": ""}, "seed is empty: accepted are integers of at least 0"),
        ({"seed": "-1"}, "seed=-1: accepted are integers from 0"),
        ({"design": "own fields", "own.top_k": ""}, "top_k is empty: accepted are integers of at least 1"),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_can(address: dict[str, str], problem: str) -> None:
    shown = opened("verify", address)
    assert not shown.exception
    assert "Run" not in labels(shown)
    assert any(text.startswith(problem) for text in messages(shown))
