"""Explore shows what `parity.sweep.sweep` finds, for every control, and hands a design on to Solve."""

import shlex
from fractions import Fraction
from typing import Any

import pytest

from parity import Constraints, MoELayer, solve
from parity.builtin import BUILTIN
from parity.problem import RawTarget
from parity.ref import resolve
from parity.report.sweep import sweep_report
from parity.sweep import sweep
from parity.text import integer
from tests.app.conftest import (
    Change,
    answers,
    before_and_after,
    button,
    cells,
    changed,
    charts,
    check_the_address_restores,
    control,
    link,
    messages,
    metrics,
    opened,
    tables,
    whole,
)
from tests.conftest import Answer, Run

WITHIN = {"tolerance": Fraction(1, 100)}
SMALL = {"heads": "1-4", "top_k": "1-3"}


def of(name: str, value: str, start: dict[str, str] | None = None, **asked: Any) -> Change:
    """A change of a control, in a sweep small enough to be quick."""
    return Change({**SMALL, **(start or {})}, name, value, {**SMALL, **WITHIN, **asked})


OWN = MoELayer(d_model=384, d_expert=2048, num_experts=8, top_k=1)
CHANGES = [
    of("heads", "1,2,8-12", heads="1,2,8-12"),
    of("heads", "1", heads="1"),
    of("top_k", "4-5", top_k="4-5"),
    of("d_expert", "500-600", d_expert="500-600"),
    of("num_experts", "8-64", num_experts="8-64"),
    of("granularity", "1-8", granularity="1-8"),
    of("d_latent", "384,768", d_latent="384,768"),
    of("num_shared_experts", "0-1", {"d_shared": "512"}, d_shared="512", num_shared_experts="0-1"),
    of(
        "d_shared",
        "256-260",
        {"num_shared_experts": "1", "d_shared": "512"},
        num_shared_experts="1",
        d_shared="256-260",
    ),
    of("expert_pool", "per_head", expert_pool="per_head"),
    of("expert_pool", "both", expert_pool=("shared", "per_head")),
    of("convention", "matmul", convention="matmul"),
    of("experts_multiple_of", "8", experts_multiple_of=8),
    of("d_expert_multiple_of", "64", d_expert_multiple_of=64),
    of("ep", "16", ep=16),
    of("tp", "3", tp=3),
    of("max_experts", "40", max_experts=40),
    of("tolerance", "0.25", tolerance=Fraction(1, 400)),
    of("tolerance", "0", tolerance=Fraction(0)),
    of("profile", "tile128", profile="tile128"),
    Change({**SMALL}, "baseline", "paper-mh-moe-2", {**SMALL, **WITHIN}, BUILTIN["paper-mh-moe-2"].design),
    Change({**SMALL, "baseline": "own fields"}, "own.d_model", "384", {**SMALL, **WITHIN}, OWN),
    Change(
        {**SMALL, "baseline": "targets"},
        "target_params",
        "30000000",
        {**SMALL, **WITHIN},
        RawTarget(768, 9_437_184, 30_000_000),
    ),
]

each = pytest.mark.parametrize("change", CHANGES, ids=str)


@each
def test_a_changed_control_changes_the_answer_to_what_sweep_finds(change: Change) -> None:
    before, shown = before_and_after("explore", change)
    result = sweep(change.baseline, keep=False, **change.question)
    assert not messages(shown)
    assert metrics(shown) == {
        "feasible designs": integer(result.feasible),
        "on the frontier": integer(len(result.frontier)),
        "groups": integer(len(result.groups)),
    }
    assert tables(shown) == cells(sweep_report(result, change.name))
    assert answers(shown) != before


@each
def test_the_address_restores_the_answer(change: Change) -> None:
    check_the_address_restores("explore", change)


@each
def test_the_command_line_shown_gives_what_the_page_shows(answer: Answer, change: Change) -> None:
    _, shown = before_and_after("explore", change)
    program, *arguments = shlex.split(shown.code[0].value)
    found = answer(*arguments)
    result = sweep(change.baseline, keep=False, **change.question)
    assert program == "parity"
    assert found["feasible"] == result.feasible
    assert [MoELayer(**point["design"]) for point in found["frontier"]] == [point.design for point in result.frontier]
    assert len(found["groups"]) == len(result.groups)


def test_the_chart_says_in_words_what_it_shows() -> None:
    (words,) = charts(opened("explore", {"heads": "2"}))
    result = sweep(BUILTIN["paper-smoe"].design, heads="2", keep=False)
    assert f"{integer(result.feasible)} designs" in words
    for solution in result.frontier[:5]:
        design = solution.design
        assert f"top-{design.top_k}, {integer(design.num_experts)} experts of width {integer(design.d_expert)}" in words


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ({"d_expert": "512", "granularity": "2"}, "granularity"),
        ({"baseline": "targets", "granularity": "2"}, "granularity"),
        ({"heads": "16-1"}, "heads=16-1 is reversed: accepted are ranges such as 1-16"),
        ({"heads": "1-"}, "heads=1-: accepted are integers of at least 1, lists such as 1,2,4 and ranges"),
        ({"heads": "1,,2"}, "heads=1,,2: accepted are integers of at least 1, lists such as 1,2,4 and ranges"),
        ({"tolerance": "100"}, "the ranges and the tolerance hold up to"),
        ({"heads": "1-9223372036854775807", "top_k": "1-9223372036854775807", "d_latent": "1-9999999"}, "the ranges"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_what_can(address: dict[str, str], problem: str) -> None:
    shown = opened("explore", address)
    assert not shown.exception
    assert not metrics(shown)
    assert any(text.startswith(problem) and "accepted" in text for text in messages(shown))


def test_where_no_design_is_feasible_the_page_says_so() -> None:
    shown = opened("explore", {"heads": "1", "top_k": "1", "d_expert": "1000"})
    assert not shown.exception
    assert metrics(shown)["feasible designs"] == "0"
    assert not charts(shown)
    assert "Open in Solve" not in [widget.label for widget in shown.button]
    assert any("No design is feasible" in block.value for block in shown.markdown)


def test_where_no_design_is_feasible_the_page_says_what_would_be(run: Run) -> None:
    address = {"heads": "1", "top_k": "1", "d_expert": "1000"}
    relief = run("sweep", "--heads", 1, "--topk", 1, "--d-expert", 1000, "--tolerance", 1).stdout
    assert "--tolerance 51.18 would admit it" in " ".join(relief.split())
    assert any("51" in block.value and "would admit it" in block.value for block in opened("explore", address).markdown)


def test_a_picked_design_opens_in_solve_with_its_heads_and_top_k_and_what_was_asked() -> None:
    asked = {"baseline": "paper-mh-moe-2", "heads": "4", "convention": "matmul", "ep": "4"}
    shown = whole("explore", asked)
    choice = next(widget for widget in shown.selectbox if widget.label.startswith("Pick a design"))
    described = choice.options[3]
    choice.set_value(described).run()
    button(shown, "Open in Solve").click().run()
    assert shown.title[0].value == "Solve"
    assert not shown.exception
    assert not messages(shown)
    address = link(shown)
    picked = resolve(address.pop("picked"))
    assert (
        f"4 heads, top-{picked.top_k}, {integer(picked.num_experts)} experts of width {picked.d_expert:,}" in described
    )
    assert address == {"v": "1", **asked, **({} if picked.top_k == 3 else {"top_k": str(picked.top_k)})}
    question = of("", "", heads=4, top_k=picked.top_k, convention="matmul", ep=4).question
    best = solve(BUILTIN["paper-mh-moe-2"].design, **{**question, "constraints": Constraints(ep=4)}).best
    assert metrics(shown)["num_experts"] == integer(best.design.num_experts)
    assert sum("Picked in Explore" in block.value for block in shown.markdown) == 1


def test_a_picked_design_takes_its_own_shared_experts_along_and_can_be_forgotten() -> None:
    shown = whole(
        "explore", {"heads": "2", "top_k": "2", "num_shared_experts": "1", "d_shared": "256", "tolerance": "3"}
    )
    button(shown, "Open in Solve").click().run()
    address = link(shown)
    assert (address["num_shared_experts"], address["d_shared"]) == ("1", "256")
    assert resolve(address["picked"]).d_shared == 256
    button(shown, "Forget it").click().run()
    assert "picked" not in link(shown)
    assert not any("Picked in Explore" in block.value for block in shown.markdown)


def test_a_page_changed_after_a_link_was_opened_keeps_the_change() -> None:
    shown = opened("explore", {"heads": "2"})
    assert link(changed(shown, {"heads": "4"}).run()) == {"v": "1", "heads": "4"}
    assert control(shown, "heads").value == "4"
