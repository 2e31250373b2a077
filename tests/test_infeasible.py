"""Where nothing is feasible the message names what forbids it, and what it says would relax it does."""

import re
import shlex

import pytest

from tests.conftest import Run

SMALL = "d_model=1024,d_expert=64,num_experts=8,top_k=1"

INFEASIBLE = [
    # what the message names, arguments, something that makes it feasible
    ("head and merge", ("--baseline", SMALL, "--heads", 4, "--topk", 2), ("--no-head-layer", "--no-merge-layer")),
    ("shared", ("--heads", 1, "--topk", 1, "--num-shared-experts", 1, "--d-shared", 2048), ("--d-shared", 1024)),
    ("--max-experts 2", ("--heads", 3, "--topk", 3, "--max-experts", 2), ("--max-experts", 3)),
    (
        "--experts-multiple-of 8",
        ("--heads", 2, "--topk", 9, "--experts-multiple-of", 8, "--max-experts", 9),
        ("--max-experts", 16),
    ),
    ("--profile tile128", ("--heads", 12, "--topk", 3, "--profile", "tile128"), ("--profile", "mxfp8")),
    ("multiple of 384", ("--heads", 3, "--topk", 3, "--d-expert", 512, "--tp", 3, "--profile", "tile128"), ("--tp", 4)),
    ("--ep 64", ("--heads", 3, "--topk", 3, "--num-experts", 93, "--ep", 64), ("--ep", 31)),
    ("--max-experts 90", ("--heads", 3, "--topk", 3, "--num-experts", 93, "--max-experts", 90), ("--max-experts", 93)),
    ("tolerance", ("--heads", 2, "--topk", 2, "--experts-multiple-of", 8, "--tolerance", 1), ("--tolerance", 1.417)),
    (
        "--experts-multiple-of 8",
        ("--heads", 2, "--topk", 2, "--experts-multiple-of", 8, "--tolerance", 1),
        ("--experts-multiple-of", 1),
    ),
    ("tolerance", ("--heads", 2, "--topk", 2, "--tolerance", 0), ("--tolerance", 2)),
]


@pytest.mark.parametrize(("shows", "arguments", "relief"), INFEASIBLE, ids=str)
def test_what_forbids_is_named_and_what_relaxes_it_does(
    run: Run, shows: str, arguments: tuple[object, ...], relief: tuple[object, ...]
) -> None:
    result = run("solve", *arguments)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert shows in result.stderr
    assert run("solve", *arguments, *relief).exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("--heads", 2, "--topk", 2, "--experts-multiple-of", 8, "--tolerance", 1),
        ("--heads", 3, "--topk", 5, "--ep", 64, "--tolerance", "0.25", "--profile", "fp8"),
        ("--heads", 2, "--topk", 3, "--tolerance", 0, "--convention", "matmul"),
        ("--heads", 3, "--topk", 3, "--ep", 64, "--tolerance", 1, "--convention", "scalar", "--prefer", "balanced"),
    ],
    ids=str,
)
def test_the_tolerance_that_the_message_offers_admits_a_design(run: Run, arguments: tuple[object, ...]) -> None:
    message = run("solve", *arguments).stderr
    offered = re.search(r"--tolerance (\S+) would admit", message)
    assert offered, message
    assert run("solve", *arguments, *shlex.split(offered[0])[:2]).exit_code == 0
