"""`parity sweep`: what it prints, writes and draws. What it finds is the matter of test_sweep_is_complete."""

import csv
import io
import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet
import pytest

from parity import Constraints, MoELayer, RawTarget
from parity.builtin import BUILTIN
from parity.cli import sweep as sweep_command
from parity.sweep import SweepResult, nearest, sweep
from tests.conftest import Answer, Run

SMOE = BUILTIN["paper-smoe"].design
NARROW = ("--heads", "2-4", "--topk", "1-3")


def found(**asked: Any) -> SweepResult:
    return sweep(SMOE, heads="2-4", top_k="1-3", **asked)


def test_the_papers_case_is_on_the_frontier(answer: Answer) -> None:
    frontier = [solution["design"] for solution in answer("sweep", *NARROW)["frontier"]]
    assert any((d["heads"], d["top_k"], d["d_expert"], d["num_experts"]) == (3, 3, 512, 93) for d in frontier)


def test_the_default_tolerance_is_one_percent(answer: Answer) -> None:
    assert answer("sweep", *NARROW) == answer("sweep", *NARROW, "--tolerance", 1)


def test_json_has_the_frontiers_in_the_form_of_solve(answer: Answer) -> None:
    data, result = answer("sweep", *NARROW), found()
    assert (data["feasible"], data["examined"]) == (result.feasible, result.examined)
    groups = [(group["heads"], group["top_k"], group["expert_pool"]) for group in data["groups"]]
    assert groups == sorted({(group.heads, group.top_k, group.expert_pool) for group in result.groups})
    first = result.frontier[0]
    assert data["frontier"][0] == {
        "design": first.design.to_dict(),
        "cost": first.cost.totals(),
        "error": {"flops": str(first.flops_error), "params": str(first.params_error)},
    }


def test_csv_lists_every_design_with_exact_errors(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("sweep", *NARROW, "--format", "csv").stdout)))
    columns = found().columns
    assert columns is not None
    assert len(rows) == len(columns["params"])
    for name in ("heads", "top_k", "d_expert", "num_experts", "flops_per_token", "params"):
        assert [int(row[name]) for row in rows] == columns[name].tolist()
    for row in rows:
        assert Fraction(row["flops_error"]) == Fraction(int(row["flops_per_token"]) - 9_437_184, 9_437_184)


def test_parquet_lists_the_same_designs_and_says_what_was_asked(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "designs.parquet"
    assert run("sweep", *NARROW, "--output", file).exit_code == 0
    table, columns = pyarrow.parquet.read_table(file), found().columns
    assert columns is not None
    assert table.column_names == list(columns)
    assert all(np.array_equal(table[name].to_numpy(), column) for name, column in columns.items())
    assert json.loads(table.schema.metadata[b"parity"])["tolerance"] == "1/100"


def test_parquet_keeps_integers_beyond_64_bits(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "designs.parquet"
    huge = f"d_model={2**40},d_expert={2**40},num_experts=8,top_k=1"
    ranges = ("--heads", 1, "--topk", 1, "--num-experts", 8, "--tolerance", 0)
    assert run("sweep", "--baseline", huge, *ranges, "--output", file).exit_code == 0
    assert pyarrow.parquet.read_table(file)["params"].to_pylist() == [str(3 * 8 * 2**80)]


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_plot_is_a_picture_of_the_kind_that_its_name_says(run: Run, tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"frontier.{kind}"
    assert run("sweep", *NARROW, "--plot", file).exit_code == 0
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind]
    assert file.read_bytes().startswith(begins)


def test_a_figure_names_the_baseline_the_best_and_the_papers_designs() -> None:
    labels = [
        text.get_text() for text in found(constraints=Constraints(experts_multiple_of=31)).figure().legends[0].texts
    ]
    named = "\n".join(labels)
    assert "baseline" in named
    assert "31 experts of width 1,536" in named
    assert {"paper-fine-grained", "paper-mh-moe-2", "paper-mh-moe-3"} <= set(named.splitlines())


def test_a_result_draws_itself_in_a_notebook() -> None:
    assert ElementTree.fromstring(found()._repr_svg_()).tag == "{http://www.w3.org/2000/svg}svg"


def test_a_figure_of_costs_alone_has_no_baseline() -> None:
    target = RawTarget(d_model=768, flops_per_token=9_437_184, params=37_748_736)
    drawn = sweep(target, heads="2-4", top_k="1-3").figure()
    named = "\n".join(text.get_text() for text in drawn.legends[0].texts)
    assert "baseline" not in named
    assert "paper-smoe" in named.splitlines()


@pytest.mark.parametrize(
    ("module", "arguments", "what"),
    [
        ("matplotlib.figure", ("--plot", "x.svg"), "a chart needs matplotlib"),
        ("pyarrow", ("--output", "x.parquet"), "--format parquet needs pyarrow"),
    ],
)
def test_what_needs_a_library_that_is_absent_is_refused_and_the_extra_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, arguments: tuple[str, str], what: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    result = run("sweep", *NARROW, arguments[0], tmp_path / arguments[1])
    assert result.exit_code == 2
    assert f"{what}, which is absent: pip install 'moe-parity[app]' adds it" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_figure_of_nothing_is_a_figure() -> None:
    assert sweep(SMOE, heads=5).figure().axes


@pytest.mark.parametrize("objectives", [["router_share"], ["active_params", "params", "flops"]])
def test_any_objectives_can_be_drawn(objectives: list[str]) -> None:
    assert found(objectives=objectives).figure().axes


def test_where_nothing_is_feasible_the_closest_is_named(run: Run) -> None:
    result = run("sweep", "--heads", 3, "--topk", 3, "--num-experts", "96-99")
    assert result.exit_code == 1
    admitting = re.search(r"--tolerance ([0-9.]+) would admit it", " ".join(result.stdout.split()))
    assert admitting
    again = run("sweep", "--heads", 3, "--topk", 3, "--num-experts", "96-99", "--tolerance", admitting[1])
    assert again.exit_code == 0
    assert "Frontier of 1 design " in again.stdout


def test_an_empty_answer_is_an_answer_for_programs(run: Run) -> None:
    result = run("sweep", "--heads", 5, "--format", "json")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    assert (data["feasible"], data["frontier"], data["groups"]) == (0, [], [])
    assert "No design is feasible" in result.stderr


def test_the_closest_is_not_named_where_that_would_take_too_long() -> None:
    asked: dict[str, Any] = {"heads": 3, "top_k": 3, "num_experts": "96-99"}
    assert nearest(SMOE, Constraints(), **asked) is not None
    assert nearest(SMOE, Constraints(), **asked, most=1) is None


class _Interrupt:
    """Interrupts when so many blocks are done."""

    def __init__(self, blocks: int) -> None:
        self._left = blocks

    def __call__(self, share: float, examined: int) -> None:
        assert 0 < share <= 1
        assert examined > 0
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt


def test_an_interrupt_leaves_what_was_found_marked_partial() -> None:
    whole = sweep(SMOE, heads="1-16", top_k="1-8", keep=True)
    part = sweep(SMOE, heads="1-16", top_k="1-8", keep=True, progress=_Interrupt(1))
    assert part.partial
    assert not whole.partial
    assert 0 < part.feasible < whole.feasible
    assert part.columns is not None
    assert len(part.columns["heads"]) == part.feasible


def test_an_interrupted_command_prints_and_exits_like_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def interrupting() -> Iterator[_Interrupt]:
        yield _Interrupt(1)

    monkeypatch.setattr(sweep_command, "_progress", interrupting)
    result = run("sweep", "--format", "json")
    assert result.exit_code == 130
    assert json.loads(result.stdout)["partial"] is True
    assert "Partial" in result.stderr


def test_a_command_interrupted_before_it_found_anything_does_not_say_that_nothing_is_there(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("parity.sweep.run.boxes_around", interrupted)
    result = run("sweep", *NARROW)
    assert result.exit_code == 130
    assert "Partial: interrupted before the end" in result.stdout
    assert "So far no design is feasible" in result.stdout
    assert "Nothing inside the ranges" not in result.stdout
    assert "closest" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("--plot", "frontier.jpg"), "frontier.jpg"),
        (("--format", "parquet"), "--output"),
        (("--heads", "4-2"), "2-4"),
        (("--heads", "2,,4"), "2,,4"),
        (("--objectives", "speed"), "speed"),
        (("--tolerance", "100"), "smaller tolerance"),
        (("--expert-pool", "private"), "private"),
    ],
)
def test_what_cannot_work_is_refused_with_what_would(run: Run, arguments: tuple[str, ...], shown: str) -> None:
    result = run("sweep", *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert shown in result.stderr


def test_an_unwritable_file_is_refused_and_nothing_is_left(run: Run, tmp_path: Path) -> None:
    result = run("sweep", *NARROW, "--output", tmp_path / "absent" / "designs.csv")
    assert result.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_layer_is_a_design_of_its_own_sweep() -> None:
    layer = MoELayer(d_model=64, d_expert=48, num_experts=6, top_k=2, heads=4, expert_pool="per_head")
    result = sweep(layer, heads=4, top_k=2, constraints=Constraints(tolerance=Fraction(0)))
    assert layer in [solution.design for solution in result.frontier]


@pytest.mark.parametrize("flags", [("--heads", "5"), ("--heads", 2, "--topk", 2, "--num-experts", 1)])
def test_where_no_design_is_inside_the_ranges_the_reason_is_said(run: Run, flags: tuple[object, ...]) -> None:
    result = run("sweep", *flags)
    assert result.exit_code == 1
    assert "heads have to divide the latent width, and num_experts has to be top_k or more" in " ".join(
        result.stdout.split()
    )
