"""Solve shows what `parity.solve` finds, for every control, and the command line that finds it."""

import shlex
from fractions import Fraction
from typing import Any

import pytest

from parity import Constraints, MoELayer, solve
from parity.builtin import BUILTIN
from parity.explain import explain
from parity.problem import RawTarget
from parity.ref import reference_to
from parity.report.explain import to_markdown
from parity.report.solve import solve_report
from parity.solve import Solution
from parity.text import integer, percent
from tests.app.conftest import (
    Change,
    answers,
    before_and_after,
    cells,
    changed,
    charts,
    check_the_address_restores,
    link,
    messages,
    metrics,
    opened,
    tables,
)
from tests.conftest import Answer, Run

SMOE = BUILTIN["paper-smoe"].design
DEFAULT: dict[str, Any] = {"heads": 3, "top_k": 3}
TARGETS = {"baseline": "targets"}


def of(start: dict[str, str], name: str, value: str, **asked: Any) -> Change:
    """A change of a control of the design or the constraints."""
    return Change(start, name, value, {**DEFAULT, **asked})


def own(field: str, value: str, start: dict[str, str] | None = None, **fields: Any) -> Change:
    """A change of a field of an own baseline, which starts as the paper's SMoE."""
    layer = MoELayer(**{"d_model": 768, "d_expert": 2048, "num_experts": 8, "top_k": 1, **fields})
    matmul = {"convention": "matmul"} if field == "router_input" else {}
    return Change(
        {"baseline": "own fields", **(start or {}), **matmul}, f"own.{field}", value, {**DEFAULT, **matmul}, layer
    )


CHANGES = [
    of({}, "heads", "2", heads=2),
    of({}, "heads", "1", heads=1),
    of({}, "top_k", "2", top_k=2),
    of({}, "convention", "matmul", convention="matmul"),
    of({}, "convention", "scalar", convention="scalar"),
    of({"convention": "matmul", "heads": "2"}, "prefer", "balanced", heads=2, convention="matmul", prefer="balanced"),
    of({}, "experts_multiple_of", "8", experts_multiple_of=8),
    of({}, "d_expert_multiple_of", "100", d_expert_multiple_of=100),
    of({}, "ep", "16", ep=16),
    of({}, "tp", "3", tp=3),
    of({}, "max_experts", "64", max_experts=64),
    of({"heads": "2", "top_k": "2"}, "tolerance", "0.5", heads=2, top_k=2, tolerance=Fraction(1, 200)),
    of({"convention": "matmul"}, "profile", "bf16", convention="matmul", profile="bf16"),
    of({}, "d_expert", "256", d_expert=256),
    of({}, "num_experts", "64", num_experts=64),
    of({}, "d_latent", "384", d_latent=384),
    of({"d_shared": "512"}, "num_shared_experts", "1", d_shared=512, num_shared_experts=1),
    of({"num_shared_experts": "1", "d_shared": "512"}, "d_shared", "256", d_shared=256, num_shared_experts=1),
    of({}, "gated", "no", gated=False),
    of({}, "head_layer", "no", head_layer=False),
    of({}, "merge_layer", "no", merge_layer=False),
    of(
        {"heads": "1", "convention": "matmul", "d_latent": "384"},
        "router_input",
        "token",
        heads=1,
        convention="matmul",
        d_latent=384,
        router_input="token",
    ),
    of({}, "expert_pool", "per_head", expert_pool="per_head"),
    *(Change({}, "baseline", name, DEFAULT, built.design) for name, built in BUILTIN.items() if name != "paper-smoe"),
    Change({**TARGETS}, "target_flops", "8000000", DEFAULT, RawTarget(768, 8_000_000, 37_748_736)),
    Change({**TARGETS}, "target_params", "30000000", DEFAULT, RawTarget(768, 9_437_184, 30_000_000)),
    Change({**TARGETS}, "d_model", "384", DEFAULT, RawTarget(384, 9_437_184, 37_748_736)),
    own("d_model", "1536", d_model=1536),
    own("d_latent", "384", d_latent=384),
    own("heads", "2", heads=2),
    own("num_experts", "16", num_experts=16),
    own("top_k", "2", top_k=2),
    own("d_expert", "1024", d_expert=1024),
    own("num_shared_experts", "1", {"own.d_shared": "512"}, d_shared=512, num_shared_experts=1),
    own("d_shared", "512", {"own.d_shared": "256", "own.num_shared_experts": "1"}, d_shared=512, num_shared_experts=1),
    own("gated", "no", gated=False),
    own("head_layer", "yes", head_layer=True),
    own("merge_layer", "yes", merge_layer=True),
    own("router_input", "token", {"own.d_latent": "384"}, d_latent=384, router_input="token"),
    own("expert_pool", "per_head", {"own.heads": "2"}, heads=2, expert_pool="per_head"),
]

each = pytest.mark.parametrize("change", CHANGES, ids=str)


@each
def test_a_changed_control_changes_the_answer_to_what_solve_finds(change: Change) -> None:
    before, shown = before_and_after("solve", change)
    result = solve(change.baseline, **change.question)
    best = result.best
    assert not messages(shown)
    assert metrics(shown) == {
        "d_expert": integer(best.design.d_expert),
        "num_experts": integer(best.design.num_experts),
        "FLOPs error": percent(best.flops_error),
        "parameter error": percent(best.params_error),
    }
    assert tables(shown) == cells(solve_report(result, change.name))
    assert answers(shown) != before


@each
def test_the_address_restores_the_answer(change: Change) -> None:
    check_the_address_restores("solve", change)


@each
def test_the_command_line_shown_gives_what_the_page_shows(answer: Answer, change: Change) -> None:
    _, shown = before_and_after("solve", change)
    program, *arguments = shlex.split(shown.code[0].value)
    found = answer(*arguments)["solutions"]
    result = solve(change.baseline, **change.question)
    assert program == "parity"
    assert [MoELayer(**solution["design"]) for solution in found] == [solution.design for solution in result.solutions]


@pytest.mark.parametrize("tolerance", ["0.00000000000001", "1" + "0" * 22])
def test_a_tolerance_of_any_size_is_spelled_as_the_command_line_reads_it(run: Run, tolerance: str) -> None:
    shown = opened("solve", {"tolerance": tolerance})
    result = run(*shlex.split(shown.code[0].value)[1:])
    assert result.exit_code == 0, result.output


def test_the_charts_say_in_words_what_each_op_costs() -> None:
    best = solve(SMOE, heads=3, top_k=3).best
    words = charts(opened("solve"))
    assert len(words) == 2
    for quantity, text in zip(("flops_per_token", "params"), words, strict=True):
        assert f"baseline: experts {integer(getattr(solve(SMOE, heads=1, top_k=1).best.cost, quantity))}" in text
        for row in best.cost.rows:
            assert f"{row.op} {integer(getattr(row, quantity))}" in text


def test_the_derivation_is_shown_on_request_and_stays_in_the_address() -> None:
    shown = opened("solve")
    derived = to_markdown(explain(SMOE, heads=3, top_k=3), "paper-smoe").rstrip()
    assert derived not in [block.value for block in shown.markdown]
    changed(shown, {"derivation": True})
    assert derived in [block.value for block in shown.markdown]
    assert link(shown) == {"v": "1", "derivation": "yes"}
    again = opened("solve", link(shown))
    assert derived in [block.value for block in again.markdown]
    assert changed(again, {"derivation": False}).query_params == {}


def test_constraints_that_leave_nothing_are_named_with_what_relaxes_them(run: Run) -> None:
    shown = opened("solve", {"heads": "2", "top_k": "2", "experts_multiple_of": "8", "tolerance": "1"})
    refused = run("solve", "--heads", 2, "--topk", 2, "--experts-multiple-of", 8, "--tolerance", 1)
    assert refused.exit_code == 1
    assert refused.stderr.removeprefix("Error: ").strip() in messages(shown)
    assert not shown.exception
    assert not metrics(shown)
    assert metrics(changed(shown, {"tolerance": "4"}))["num_experts"] == "40"


CONTRADICTIONS = {
    "heads=7 does not divide d_model=768": {"own.heads": "7"},
    "top_k=9 exceeds num_experts=8": {"own.top_k": "9"},
    "router_input=token with heads=2": {"own.heads": "2", "own.router_input": "token"},
    "d_shared=0 with num_shared_experts=1": {"own.num_shared_experts": "1"},
    "head_layer=false with d_latent=384": {"own.d_latent": "384", "own.head_layer": "no"},
}


@pytest.mark.parametrize("problem", CONTRADICTIONS)
@pytest.mark.parametrize(("page", "chooser"), [("solve", "baseline"), ("explore", "baseline"), ("verify", "design")])
def test_own_fields_that_contradict_each_other_are_refused(page: str, chooser: str, problem: str) -> None:
    shown = opened(page, {chooser: "own fields", **CONTRADICTIONS[problem]})
    assert not shown.exception
    assert not metrics(shown)
    assert any(text.startswith(problem) and "accepted" in text for text in messages(shown))


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ({"d_expert": "256", "num_experts": "64"}, "num_experts=64 and d_expert=256: accepted is one"),
        ({"heads": "5"}, "heads=5 does not divide d_model=768: accepted are its divisors, such as 4 and 6"),
        ({"router_input": "token"}, "router_input=token with heads=3: accepted is heads=1"),
        ({"top_k": "65", "num_experts": "64"}, "top_k=65 exceeds num_experts=64: accepted is a top_k of at most"),
        ({"baseline": "targets", "target_flops": ""}, "targets: accepted are d_model, FLOPs and parameters together"),
        ({"heads": ""}, "heads is empty: accepted are integers of at least 1"),
        ({"baseline": "own fields", "own.d_expert": ""}, "d_expert is empty: accepted are integers of at least 1"),
    ],
)
def test_values_that_do_not_go_together_are_refused(address: dict[str, str], problem: str) -> None:
    shown = opened("solve", address)
    assert not shown.exception
    assert not metrics(shown)
    assert any(text.startswith(problem) for text in messages(shown))


def test_a_refused_value_once_mended_gives_the_answer() -> None:
    shown = opened("solve", {"heads": "five"})
    assert not metrics(shown)
    assert answers(changed(shown, {"heads": "2"})) == answers(opened("solve", {"heads": "2"}))
    assert not messages(shown)


@pytest.mark.parametrize("text", ["1,000", " 12 ", "003"])
def test_an_integer_may_have_separators_spaces_and_leading_zeros(text: str) -> None:
    shown = opened("solve", {"max_experts": text})
    limits = Constraints(max_experts=int(text.replace(",", "")))
    assert not messages(shown)
    assert tables(shown) == cells(solve_report(solve(SMOE, **DEFAULT, constraints=limits), "paper-smoe"))


def test_a_list_where_one_number_is_asked_for_is_refused(run: Run) -> None:
    assert run("solve", "--heads", "1,2", "--topk", 3).exit_code == 2
    assert not metrics(opened("solve", {"heads": "1,2"}))


def test_a_picked_design_stands_beside_the_best() -> None:
    design = MoELayer(d_model=768, heads=2, d_expert=768, num_experts=40, top_k=2)
    shown = opened("solve", {"heads": "2", "top_k": "2", "picked": reference_to(design)})
    result = solve(SMOE, heads=2, top_k=2)
    picked = Solution.of(design, result.problem.convention, result.problem.target)
    (line,) = [block.value for block in shown.markdown if "Picked in Explore" in block.value]
    assert "2 heads, top-2, 40 experts of width 768" in line
    assert percent(picked.params_error) in line
    assert f"picked: head {integer(picked.cost.rows[0].params)}" in charts(shown)[1]
