"""What the commands print, in every format."""

import csv
import io
import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from parity import MoELayer
from parity.builtin import BUILTIN
from parity.conventions import CONVENTIONS
from parity.report.formats import FORMATS
from parity.text import decimal
from tests.conftest import Answer, Run

PARITY = [sys.executable, "-m", "parity.cli"]

COMMANDS = {
    "solve": ("solve", "--heads", 3, "--topk", 3, "--convention", "matmul", "--profile", "bf16"),
    "cost": ("cost", "paper-mh-moe-3-shared", "--tokens", 1000),
    "compare": ("compare", *BUILTIN),
    "models": ("models",),
    "explain": ("explain", "--heads", 2, "--topk", 2, "--convention", "matmul"),
    "audit": ("audit",),
}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_prints_every_format(run: Run, command: str, form: str) -> None:
    result = run(*COMMANDS[command], "--format", form)
    assert result.exit_code == 0, result.output
    assert result.stderr == "" or (form == "csv" and result.stderr.startswith("CSV has the first of "))
    assert result.stdout.endswith("\n")
    if form == "json":
        json.loads(result.stdout)
    if form == "csv":
        rows = list(csv.reader(io.StringIO(result.stdout)))
        assert len(rows) > 1
        assert len({len(row) for row in rows}) == 1
    if form == "latex":
        assert result.stdout.count(r"\begin{") == result.stdout.count(r"\end{") > 0


@pytest.mark.parametrize("command", COMMANDS)
def test_tables_fit_one_hundred_columns_and_have_no_colour_off_a_terminal(run: Run, command: str) -> None:
    lines = run(*COMMANDS[command]).stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert not any("\x1b" in line for line in lines)


def test_no_number_is_cut_however_long(run: Run) -> None:
    largest = 2**63 - 1
    result = run("cost", f"d_model={largest},d_expert={largest},num_experts={largest},top_k=1")
    assert f"{3 * largest**3:,}" in result.stdout
    assert "…" not in result.stdout


def test_the_json_of_solve_has_the_fields_of_the_interface(answer: Answer) -> None:
    found = answer("solve", "--heads", 3, "--topk", 3)
    assert found["baseline"]["cost"] == {
        "flops_per_token": 9_437_184,
        "params": 37_748_736,
        "active_params": 4_718_592,
    }
    assert found["exact"] == found["exact_decimal"] == {"d_expert": "512", "num_experts": "93"}
    assert (found["convention"], found["prefer"], found["optimal"]) == ("paper", "flops", True)
    (best,) = found["solutions"]
    assert MoELayer(**best["design"]) == MoELayer(d_model=768, heads=3, d_expert=512, num_experts=93, top_k=3)
    assert best["error"] == {"flops": "0", "params": "0"}


def test_raw_targets_have_neither_a_design_nor_active_parameters(answer: Answer) -> None:
    targets = ("--target-flops", 9437184, "--target-params", 37748736, "--d-model", 768)
    baseline = answer("solve", *targets, "--heads", 3, "--topk", 3)["baseline"]
    assert baseline["design"] is None
    assert baseline["cost"]["active_params"] is None


def test_an_irrational_solution_has_twelve_digits_and_no_exact_form(answer: Answer) -> None:
    found = answer("solve", "--heads", 3, "--topk", 3, "--convention", "matmul")
    assert found["exact"] is None
    assert found["exact_decimal"] == {"d_expert": "502.362533076", "num_experts": "94.7372023171"}


def test_constraints_show_what_they_cost(answer: Answer) -> None:
    found = answer("solve", "--heads", 2, "--topk", 2, "--experts-multiple-of", 8)
    assert found["solutions"][0]["error"]["params"] == "-1/32"
    assert found["unconstrained"]["error"]["params"] == "-1/128"


def test_a_written_result_is_a_design_that_any_command_takes(run: Run, answer: Answer, tmp_path: Path) -> None:
    for name, arguments in (("solve", COMMANDS["solve"]), ("cost", ("cost", "paper-mh-moe-3"))):
        path = tmp_path / f"{name}.json"
        assert run(*arguments, "--format", "json", "--output", path).exit_code == 0
        written = json.loads(path.read_text())
        design = written["design"] if name == "cost" else written["solutions"][0]["design"]
        assert answer("cost", path)["design"] == design


def test_output_replaces_a_file_whole_and_leaves_nothing_beside_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "result.md"
    path.write_text("old")
    path.chmod(0o640)
    result = run("models", "--format", "markdown", "--output", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert path.read_text() == run("models", "--format", "markdown").stdout
    assert os.listdir(tmp_path) == ["result.md"]
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_ledger_adds_up_under_every_convention(answer: Answer) -> None:
    for name in BUILTIN:
        for convention in CONVENTIONS:
            found = answer("cost", name, "--convention", convention)
            for quantity in ("flops_per_token", "params"):
                assert sum(row[quantity] for row in found["ledger"]) == found["totals"][quantity]


def test_training_costs_three_forwards(answer: Answer) -> None:
    totals = answer("cost", "paper-smoe", "--tokens", 1000)["totals"]
    assert totals["training_flops"] == 3 * 1000 * 9_437_184


def test_compare_measures_against_the_first(answer: Answer) -> None:
    first, second = answer("compare", "paper-smoe", "paper-mh-moe-3")["designs"]
    assert first["conventions"]["paper"]["error"] == {"flops": "0", "params": "0"}
    assert Fraction(second["conventions"]["paper"]["error"]["params"]) == Fraction(1, 32)


def test_comparing_many_designs_in_csv_keeps_them_all(run: Run) -> None:
    rows = list(csv.reader(io.StringIO(run("compare", *BUILTIN, "--format", "csv").stdout)))
    assert rows[0][1:] == list(BUILTIN)


def test_csv_holds_exact_values(run: Run) -> None:
    rows = [line.split(",") for line in run("solve", "--heads", 2, "--topk", 2, "--format", "csv").stdout.splitlines()]
    assert rows[1][:5] == ["baseline", "2048", "8", "9437184", "37748736"]
    assert rows[2][:3] == ["exact", "768", "124/3"]
    assert rows[3][5:] == ["0", "-1/128"]


def test_long_references_do_not_widen_a_comparison(run: Run) -> None:
    refs = [f"d_model=768,d_expert={width},num_experts=8,top_k=1,gated=true" for width in (2048, 1024)]
    text = run("compare", *refs).stdout
    assert max(map(len, text.splitlines())) <= 100
    assert all(ref in text for ref in refs)


def test_a_link_keeps_pointing_where_it_did(run: Run, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    assert run("models", "--output", tmp_path / "link").exit_code == 0
    assert (tmp_path / "link").is_symlink()
    assert "paper-smoe" in (tmp_path / "target").read_text()


def test_dropping_the_shared_experts_of_a_baseline_needs_one_flag(answer: Answer) -> None:
    arguments = ("--baseline", "paper-smoe-shared", "--heads", 1, "--topk", 4, "--num-shared-experts", 0)
    found = answer("solve", *arguments)["solutions"][0]
    assert found["design"]["num_shared_experts"] == 0
    assert (found["design"]["d_expert"], found["error"]["flops"]) == (1024, "0")


def test_a_second_solution_is_mentioned_and_not_ranked(answer: Answer) -> None:
    found = answer("solve", "--heads", 3, "--topk", 3, "--convention", "matmul")
    assert found["other_exact_decimal"]["d_expert"].startswith("10.19")
    assert all(solution["design"]["d_expert"] > 72 for solution in found["solutions"])


def test_numbers_of_any_size_have_twelve_digits() -> None:
    for value, text in (
        (Fraction(10**30 + 1), "1e+30"),
        (Fraction(123456789012345678), "123456789012000000"),
        (Fraction(2, 3 * 10**20), "6.66666666667e-21"),
        (Fraction(1, 8000), "0.000125"),
        (Fraction(-1, 3), "-0.333333333333"),
    ):
        assert decimal(value) == text


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_gets_completion(shell: str) -> None:
    done = subprocess.run(
        PARITY, env={**os.environ, "_PARITY_COMPLETE": f"{shell}_source"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "_PARITY_COMPLETE" in done.stdout


def test_completion_knows_the_designs() -> None:
    words = {"COMP_WORDS": "parity cost paper-mh", "COMP_CWORD": "2", "_PARITY_COMPLETE": "bash_complete"}
    done = subprocess.run(PARITY, env={**os.environ, **words}, capture_output=True, text=True, check=True)
    assert "plain,paper-mh-moe-3" in done.stdout.splitlines()


def test_the_command_line_and_the_version_say_what_they_are(run: Run) -> None:
    assert all(name in run("--help").stdout for name in COMMANDS)
    assert run("--version").stdout.startswith("parity, version ")


@pytest.mark.parametrize(("typed", "hint"), [("solv", "did you mean solve?"), ("table5", "accepted are solve")])
def test_a_command_that_does_not_exist_is_refused_with_those_that_do(run: Run, typed: str, hint: str) -> None:
    result = run(typed)
    assert (result.exit_code, result.stdout) == (2, "")
    assert hint in result.stderr
    assert all(name in result.stderr for name in COMMANDS)


def test_what_is_interrupted_ends_as_in_a_shell_and_never_as_an_answer(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("parity.audit.audit", interrupted)
    result = run("audit")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted\n")


@pytest.mark.parametrize("name", ["x.parquet", "x.yaml", "x.png"])
def test_an_ending_that_says_no_format_is_refused_unless_a_format_stands_beside(
    run: Run, tmp_path: Path, name: str
) -> None:
    result = run("solve", "--heads", 3, "--topk", 3, "--output", tmp_path / name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert name in result.stderr
    assert ".json" in result.stderr
    assert not (tmp_path / name).exists()
    assert run("solve", "--heads", 3, "--topk", 3, "--output", tmp_path / name, "--format", "table").exit_code == 0
    assert "Parity with paper-smoe" in (tmp_path / name).read_text("utf-8")
