"""`parity certify` and `parity check` on the command line."""

import json
import re
from pathlib import Path

import pytest

from parity.builtin import BUILTIN
from parity.report.formats import FORMATS
from tests.certificates import serialized, signed
from tests.conftest import Answer, Run

SMALL = (
    "--baseline",
    "d_model=24,d_expert=64,num_experts=8,top_k=1",
    "d_model=24,heads=3,d_expert=16,num_experts=93,top_k=3",
)


def test_a_certificate_is_canonical_json_in_a_file_that_checks(run: Run, answer: Answer, tmp_path: Path) -> None:
    file = tmp_path / "design.certificate"
    done = run("certify", *SMALL, "--output", file)
    assert (done.exit_code, done.stdout) == (0, "")
    certificate = json.loads(file.read_bytes())
    assert file.read_bytes() == serialized(certificate) + b"\n"
    checked = answer("check", file)
    assert (checked["holds"], checked["differences"]) == (True, [])
    assert checked["recomputed"].items() <= certificate.items()


def test_whoever_writes_a_certificate_reads_what_it_says_of_which_baseline(run: Run, tmp_path: Path) -> None:
    done = run("certify", "paper-mh-moe-3", "--ep", 7, "--output", tmp_path / "certificate.json")
    assert done.exit_code == 0
    assert "held against the MoE layer paper-smoe" in done.stderr
    assert "+3.125%" in done.stderr
    assert "The design itself does not meet --ep" in done.stderr


def test_a_certificate_that_does_not_hold_says_where_and_exits_one(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    run("certify", *SMALL, "--output", file)
    file.write_text(file.read_text("utf-8").replace('"num_experts":93', '"num_experts":94', 1), "utf-8")
    done = run("check", file)
    assert done.exit_code == 1
    assert "does NOT hold" in done.stdout
    assert "digest" in done.stdout
    data = json.loads(run("check", file, "--format", "json").stdout)
    assert data["holds"] is False
    assert {"path", "stored", "recomputed", "reason"} == set(data["differences"][0])


def test_what_is_altered_and_signed_again_exits_one(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    run("certify", *SMALL, "--output", file)
    certificate = json.loads(file.read_bytes())
    certificate["costs"]["paper"]["error"]["params"] = "1/1000"
    file.write_bytes(signed(certificate))
    done = run("check", file, "--format", "csv")
    assert done.exit_code == 1
    assert done.stdout.splitlines()[1:] == ["costs.paper.error.params,1/1000,0,differs"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("damaged", [False, True])
def test_both_commands_print_every_format(run: Run, tmp_path: Path, form: str, damaged: bool) -> None:
    file = tmp_path / "certificate.json"
    run("certify", *SMALL, "--output", file)
    if damaged:
        file.write_text(file.read_text("utf-8").replace("paper", "papér"), "utf-8")
    done, certified = run("check", file, "--format", form), run("certify", *SMALL, "--format", form)
    assert (done.exit_code, certified.exit_code) == (int(damaged), 0)
    for text in (done.stdout, certified.stdout):
        assert text.endswith("\n")
        assert form != "table" or max(map(len, text.splitlines())) <= 100
        assert form != "latex" or text.count(r"\begin{") == text.count(r"\end{") > 0


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_a_paper_gets_exact_errors_the_argument_the_execution_and_the_digest(
    run: Run, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "certificate.json"
    run("certify", "--baseline", "paper-smoe", "paper-mh-moe-3", "--experts-multiple-of", 8, "--output", file)
    text = re.sub(r"\\(.)", r"\1", run("check", file, "--format", form).stdout)
    assert "paper-mh-moe-3 is held against the MoE layer paper-smoe" in text
    assert "9,437,184 forward FLOPs per token against 9,437,184 (equal)" in text
    assert "38,928,384 parameters against 37,748,736 (an error of exactly 1/32, +3.125%)" in text
    assert "meet --experts-multiple-of 8" in text
    assert "none comes before it" in text
    assert json.loads(file.read_bytes())["digest"] in text


def test_a_design_that_others_come_before_says_which(run: Run) -> None:
    text = run(
        "certify", "--baseline", "paper-smoe", "paper-mh-moe-2", "--format", "markdown", "--scale-down", 8
    ).stdout
    assert r"these come before the design: d\_expert=768 with num\_experts=41." in text
    assert "at 1/8 of its widths" in text


def words_of(run: Run, *arguments: object) -> str:
    return " ".join(run("certify", *arguments, "--scale-down", 8, "--format", "table").stdout.split())


def test_a_design_on_the_side_of_the_other_solution_is_told_to_be_there(run: Run) -> None:
    design = "d_model=768,heads=3,d_expert={},num_experts=96,top_k=3"
    said = "Its experts are narrower than where FLOPs are least along parameter parity"
    assert said in words_of(run, design.format(16), "--convention", "matmul")
    assert said not in words_of(run, design.format(504), "--convention", "matmul")


def test_where_no_design_is_allowed_none_is_said_to_be_the_best(run: Run) -> None:
    text = words_of(run, "paper-mh-moe-2", "--tolerance", 0)
    assert "There are no designs that differ from it in d_expert and num_experts alone and meet --tolerance 0" in text
    assert "none comes before it" not in text


def test_a_design_that_nothing_comes_before_and_that_is_not_allowed_is_not_the_best(run: Run) -> None:
    text = words_of(run, "paper-mh-moe-2", "--num-experts", 40, "--ep", 40, "--d-expert-multiple-of", 512)
    assert "The design itself does not meet --d-expert-multiple-of" in text
    assert "is the best." in text
    assert "come before the design" not in text


def test_of_a_model_the_layer_is_certified_and_no_path_is_told(run: Run) -> None:
    config = Path(__file__).parent / "data" / "models" / "mistralai__Mixtral-8x7B-v0.1.json"
    by_path = json.loads(run("certify", "--baseline", config, config, "--scale-down", 32).stdout)
    assert by_path["design"]["d_expert"] == 14336
    assert by_path["informative"]["names"] == {}
    by_name = json.loads(run("certify", "paper-mh-moe-3", "--scale-down", 8).stdout)
    assert by_name["informative"]["names"] == {"design": "paper-mh-moe-3", "baseline": "paper-smoe"}
    assert by_name["baseline"] == BUILTIN["paper-smoe"].design.to_dict()


def test_a_design_with_one_number_given_is_certified_as_solve_finds_it(run: Run, answer: Answer) -> None:
    flags = ("--num-experts", 96)
    best = answer("solve", "--heads", 3, "--topk", 3, *flags)["solutions"][0]["design"]
    design = ",".join(f"{name}={str(value).lower()}" for name, value in best.items())
    certificate = json.loads(run("certify", design, *flags, "--scale-down", 8).stdout)
    assert certificate["search"]["fixed"] == "num_experts"
    assert certificate["optimality"]["optimal"] is True


MIXTRAL = ("--baseline", "mixtral-8x7b-v0.1", "mixtral-8x7b-v0.1")
REFUSED = {
    "not what the design has": (("paper-smoe", "--num-experts", 9), "--num-experts 9"),
    "both given": (("paper-smoe", "--num-experts", 8, "--d-expert", 2048), "accepted is one"),
    "a scale that does not divide": (("paper-smoe", "--scale-down", 5), "scale_down=5 does not divide d_model=768"),
    "a scale that is too large": ((*MIXTRAL, "--scale-down", 1), "scale_down="),
    "another width without a baseline": (MIXTRAL[-1:], "d_model=4096 and paper-smoe 768"),
    "too many tokens": (("paper-smoe", "--scale-down", 1, "--tokens", 10**9), "tokens=1000000000"),
    "no design": (("nobody",), "nobody"),
    "nowhere to write": (("paper-smoe", "--scale-down", 8, "--output", "/nowhere/at/all.json"), "/nowhere/at/all.json"),
}


@pytest.mark.parametrize(("arguments", "shown"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_certified_is_refused(run: Run, arguments: tuple[object, ...], shown: str) -> None:
    done = run("certify", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert shown in done.stderr


def test_a_layer_that_fits_at_no_scale_is_certified_without_an_execution(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    prime = "d_model=2147483647,d_expert=2147483647,num_experts=8,top_k=1"
    assert run("certify", "--baseline", prime, prime, "--output", file).exit_code == 0
    assert json.loads(file.read_bytes())["executed"] is None
    checked = run("check", file)
    assert checked.exit_code == 0
    assert "not executed" in checked.stdout


@pytest.mark.parametrize(
    "content", [None, b"", b"[]", b"{}", b'{"d_model":768}', b'{"a":1,"a":1}', b"\xff", b" " * 70_000]
)
def test_a_file_that_is_no_certificate_is_wrong_input(run: Run, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "certificate.json"
    if content is not None:
        file.write_bytes(content)
    done = run("check", file)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "accepted" in done.stderr
