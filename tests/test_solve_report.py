"""What `parity solve` says of what it could not do: no exact solution, or a search that was cut short."""

from typing import Any

import pytest

from tests.conftest import Answer, Run

SMALL = "d_model=48,d_expert=16,num_experts=8,top_k=1"
TINY = "d_model=48,d_expert=4,num_experts=2,top_k=1"
SOLVE = ("solve", "--heads", "3", "--topk", "3")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--baseline", SMALL, "--heads", 1, "--topk", 3), "no real solution: with the router counted"),
        (
            ("--baseline", TINY, "--heads", 1, "--topk", 1, "--num-experts", 300),
            "the router of num_experts=300 alone exceeds the FLOPs",
        ),
        (("--baseline", TINY, "--heads", 1, "--topk", 2, "--d-expert", 3), "with d_expert=3 no router meets the FLOPs"),
    ],
)
def test_where_there_is_no_exact_solution_the_reason_is_said_and_the_nearest_are_ranked(
    run: Run, answer: Answer, arguments: tuple[object, ...], reason: str
) -> None:
    found = answer("solve", *arguments, "--convention", "matmul")
    assert found["exact"] is None
    assert reason in found["exact_reason"]
    assert found["solutions"]
    text = " ".join(run("solve", *arguments, "--convention", "matmul").stdout.split())
    assert f"Exact: {found['exact_reason']}." in text


def cut_short(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(f"parity.search.{name}", value)


@pytest.mark.parametrize("prefer", ["flops", "balanced"])
def test_a_search_that_is_given_up_offers_the_best_it_has_seen_and_no_proof(
    run: Run, answer: Answer, monkeypatch: pytest.MonkeyPatch, prefer: str
) -> None:
    arguments = (*SOLVE, "--convention", "matmul", "--prefer", prefer)
    proven: Any = answer(*arguments)
    cut_short(monkeypatch, MOST_FOR_THE_BEST=3)
    found = answer(*arguments)
    assert (proven["optimal"], found["optimal"]) == (True, False)
    (solution,) = found["solutions"]
    pair = "d_expert={d_expert}, num_experts={num_experts}".format(**solution["design"])
    assert any(f"not proven that nothing comes before {pair}" in part for part in found["proof"])
    assert "How far the proof goes:" in run(*arguments).stdout


def test_a_search_that_is_given_up_before_anything_is_allowed_says_that_with_what_forbids(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("solve", "--heads", 2, "--topk", 2, "--tolerance", 0)
    proven = run(*arguments)
    cut_short(monkeypatch, MOST_FOR_THE_BEST=3)
    given_up = run(*arguments)
    doubt = "(no allowed pair was found before the search was given up)"
    assert (proven.exit_code, given_up.exit_code) == (1, 1)
    assert doubt not in proven.stderr
    assert doubt in given_up.stderr
    assert "the tolerance of 0% forbids every pair; the closest is " in given_up.stderr


def test_that_the_search_for_alternatives_was_cut_short_is_told(
    run: Run, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (*SOLVE, "--convention", "matmul", "--prefer", "balanced", "--limit", 50)
    whole = answer(*arguments)
    cut_short(monkeypatch, MOST_FOR_ALTERNATIVES=1)
    found = answer(*arguments)
    assert (whole["front_complete"], found["front_complete"], found["optimal"]) == (True, False, True)
    assert found["solutions"] == whole["solutions"][: len(found["solutions"])]
    assert "More alternatives may exist: the search for them was cut short." in run(*arguments).stdout
