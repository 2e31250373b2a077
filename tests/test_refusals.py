"""Bad input is refused with exit status 2, nothing on standard output, and the value in the message."""

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from parity import Constraints, InputError, RawTarget, cost, solve
from parity.audit import claim as claims
from parity.builtin import BUILTIN
from parity.cost import training_flops
from parity.design import LARGEST_INTEGER
from parity.files import whole_file
from tests.conftest import Run

SOLVE = ("solve", "--heads", "3", "--topk", "3")
FIELDS = "d_model=768,d_expert=2048,num_experts=8,top_k=1"


def baseline(ref: str) -> tuple[str, ...]:
    return (*SOLVE, "--baseline", ref)


REFUSED = [
    # value that the message shows, arguments
    ("heads=0", ("solve", "--heads", "0", "--topk", "3")),
    ("heads=-3", ("solve", "--heads", "-3", "--topk", "3")),
    ("heads=2.5", ("solve", "--heads", "2.5", "--topk", "3")),
    ("3/1", ("solve", "--heads", "3/1", "--topk", "3")),
    ("1e3", ("solve", "--heads", "1e3", "--topk", "3")),
    ("three", ("solve", "--heads", "three", "--topk", "3")),
    ("+3", ("solve", "--heads", "+3", "--topk", "3")),
    ("1_0", ("solve", "--heads", "1_0", "--topk", "3")),
    (" 3", ("solve", "--heads", " 3", "--topk", "3")),
    ("heads=", ("solve", "--heads", "", "--topk", "3")),
    ("\u0663", ("solve", "--heads", "\u0663", "--topk", "3")),  # an Arabic three is a digit to str.isdigit
    ("nan", ("solve", "--heads", "nan", "--topk", "3")),
    (f"heads={LARGEST_INTEGER + 1}", ("solve", "--heads", str(LARGEST_INTEGER + 1), "--topk", "3")),
    ("(5,000 characters)", ("solve", "--heads", "9" * 5000, "--topk", "3")),
    ("heads=5", ("solve", "--heads", "5", "--topk", "3")),  # does not divide 768
    ("heads=1000", ("solve", "--heads", "1000", "--topk", "3")),
    ("top_k=0", ("solve", "--heads", "3", "--topk", "0")),
    ("--topk", ("solve", "--heads", "3")),
    ("--heads", ("solve", "--topk", "3")),
    ("--flops", (*SOLVE, "--flops", "3")),
    ("top_k=4", (*SOLVE, "--num-experts", "2", "--topk", "4")),
    ("512", (*SOLVE, "--num-experts", "96", "--d-expert", "512")),
    ("accurate", (*SOLVE, "--prefer", "accurate")),
    ("exact", (*SOLVE, "--convention", "exact")),
    ("fp4", (*SOLVE, "--profile", "fp4")),
    ("xml", (*SOLVE, "--format", "xml")),
    ("limit=0", (*SOLVE, "--limit", "0")),
    ("ep=0", (*SOLVE, "--ep", "0")),
    ("-1", (*SOLVE, "--tolerance", "-1")),
    ("1%%", (*SOLVE, "--tolerance", "1%%")),
    ("inf", (*SOLVE, "--tolerance", "inf")),
    ("1e-3", (*SOLVE, "--tolerance", "1e-3")),
    (".", (*SOLVE, "--tolerance", ".")),
    ("9437184", (*SOLVE, "--target-flops", "9437184")),
    ("paper-smoe", (*SOLVE, "--target-flops", "1", "--target-params", "1", "--baseline", "paper-smoe")),
    ("token", (*SOLVE, "--router-input", "token")),  # three heads
    ("96", (*SOLVE, "--d-latent", "96", "--no-head-layer")),
    ("d_shared=0", (*SOLVE, "--num-shared-experts", "2")),
    ("solv", ("solv",)),
    ("--baseline", (*SOLVE, "mixtral-8x7b-v0.1")),
    ("nonsense", baseline("nonsense")),
    ("paper-mh-moe-3", baseline("paper-mh-moe3")),  # the message suggests what was meant
    ("d_expert", baseline("d_model=768")),
    ("width", baseline(f"{FIELDS},width=3")),
    ("d_model", baseline(f"{FIELDS},d_model=768")),
    ("top_k=9", baseline("d_model=768,d_expert=2048,num_experts=8,top_k=9")),
    ("-1", baseline("d_model=-1,d_expert=2,num_experts=2,top_k=1")),
    ("yes", baseline(f"{FIELDS},gated=yes")),
    ("tokens", baseline(f"{FIELDS},router_input=tokens")),
    ("top_k", baseline("d_model=768,d_expert=2048,num_experts=8,top_k")),
    ("heads=5", baseline(f"{FIELDS},heads=5")),
    ("d_shared=0", baseline(f"{FIELDS},num_shared_experts=7")),
    ("''", baseline("")),
    ("/no/such/file.json", baseline("/no/such/file.json")),
    ("\\x00", baseline("a\0b/c.json")),
    ("paper-smoe", ("compare", "paper-smoe")),
    ("REF", ("cost",)),
    ("tokens=0", ("cost", "paper-smoe", "--tokens", "0")),
    ("scalar", ("cost", "paper-smoe", "--tokens", "5", "--convention", "scalar")),
    ("/no/such/folder/x", (*SOLVE, "--output", "/no/such/folder/x")),
    ("/tmp", (*SOLVE, "--output", "/tmp")),
    ("/dev/null", (*SOLVE, "--output", "/dev/null")),
    ("''", (*SOLVE, "--output", "")),
]


@pytest.mark.parametrize(("shows", "arguments"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_value_that_cannot_work_is_refused_and_shown(run: Run, shows: str, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert shows in result.stderr
    assert "Traceback" not in result.stderr


NO_FRACTION: Any = 0.5
NO_INTEGER: Any = 2.0
IN_PYTHON: list[tuple[str, str, Callable[[], object]]] = [
    # what the message shows, what it accepts, the call
    ("ep=0", "integers of at least 1", lambda: Constraints(ep=0)),
    ("tp=True", "integers of at least 1", lambda: Constraints(tp=True)),
    ("max_experts=0", "integers of at least 1", lambda: Constraints(max_experts=0)),
    ("tolerance=Fraction(-1, 2)", "fractions of at least 0", lambda: Constraints(tolerance=Fraction(-1, 2))),
    ("tolerance=0.5", "fractions of at least 0", lambda: Constraints(tolerance=NO_FRACTION)),
    ("profile='fp4'", "none, bf16, fp8", lambda: Constraints(profile="fp4")),
    ("params=0", "integers of at least 1", lambda: RawTarget(d_model=8, flops_per_token=9, params=0)),
    ("d_model=2.0", "integers of at least 1", lambda: RawTarget(NO_INTEGER, 9, 9)),
    ("baseline=paper-smoe", "a MoELayer, as parity.ref.resolve", lambda: solved("paper-smoe")),
    ("prefer=accurate", "flops and balanced", lambda: solved(prefer="accurate")),
    ("convention='papers'", "paper, matmul, scalar", lambda: cost(BUILTIN["paper-smoe"].design, "papers")),
    (
        "tokens=5 with convention=scalar: the scalar count of a weight's gradient depends on how tokens spread over "
        "experts; ",
        "paper and matmul",
        lambda: training_flops(BUILTIN["paper-smoe"].design, 5, "scalar"),
    ),
    ("limit=0", "integers of at least 1", lambda: solved(limit=0)),
    ("limit=true", "integers of at least 1", lambda: solved(limit=True)),
]


def solved(baseline: Any = BUILTIN["paper-smoe"].design, **asked: Any) -> object:
    return solve(baseline, heads=3, top_k=3, **asked)


@pytest.mark.parametrize(("shows", "accepted", "call"), IN_PYTHON, ids=[shows for shows, *_ in IN_PYTHON])
def test_a_value_that_cannot_work_is_refused_where_python_gives_it(
    shows: str, accepted: str, call: Callable[[], object]
) -> None:
    with pytest.raises(InputError) as refused:
        call()
    said, _, offered = str(refused.value).partition("accepted are ")
    assert shows in said
    assert accepted in offered


FILES = {
    "empty": b"",
    "truncated": b'{"design": {"d_model": 7',
    "binary": bytes(range(256)),
    "deep": b"[" * 200_000,
    "deep objects": b'{"design":' * 20_000 + b"1" + b"}" * 20_000,
    "a list": b"[1, 2]",
    "a number": b"3",
    "a string": b'"d_model"',
    "null": b"null",
    "not a number": b'{"d_model": NaN, "d_expert": 1, "num_experts": 1, "top_k": 1}',
    "a huge number": b'{"d_model": ' + b"9" * 5000 + b', "d_expert": 1, "num_experts": 1, "top_k": 1}',
    "beyond 63 bits": b'{"d_model": 9223372036854775808, "d_expert": 1, "num_experts": 1, "top_k": 1}',
    "a fraction": b'{"d_model": 768.0, "d_expert": 1, "num_experts": 1, "top_k": 1}',
    "a boolean": b'{"d_model": true, "d_expert": 1, "num_experts": 1, "top_k": 1}',
    "text for a number": b'{"d_model": "768", "d_expert": 1, "num_experts": 1, "top_k": 1}',
    "a repeated key": b'{"d_model": 1, "d_model": 2, "d_expert": 1, "num_experts": 1, "top_k": 1}',
    "an unknown field": b'{"d_model": 1, "width": 2, "d_expert": 1, "num_experts": 1, "top_k": 1}',
    "a missing field": b'{"d_model": 1, "d_expert": 1, "num_experts": 1}',
    "no solutions": b'{"solutions": []}',
    "solutions of another kind": b'{"solutions": {"design": 1}}',
    "a whole model": b'{"model_type": "mixtral", "hidden_size": 4096}',
    "too large": b" " * (1 << 20) + b"{}",
    "not UTF-8": b'{"d_model": "\xff"}',
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_holds_no_design_is_refused_by_name(run: Run, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "design.json"
    path.write_bytes(FILES[kind])
    for arguments in (("cost", path), ("solve", "--heads", 1, "--topk", 1, "--baseline", path)):
        result = run(*arguments)
        assert result.exit_code == 2, (kind, result.output)
        assert result.stdout == ""
        assert str(path) in result.stderr
        assert "accepted" in result.stderr or "required" in result.stderr, result.stderr


def test_a_folder_and_a_device_are_refused_without_waiting(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        result = run("cost", path)
        assert result.exit_code == 2
        assert str(path) in result.stderr


def test_a_claim_file_that_is_not_one_is_refused(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "claims.json"
    for content, shows in (
        ("{}", "list"),
        ("[3]", "3"),
        ('[{"id": 3}]', "3"),
        ('[{"id": "a", "baseline": {}, "design": {}}]', "a"),
        ('[{"id": "a", "claims": ["speed"], "baseline": {}, "design": {}}]', "speed"),
        ('[{"id": "a", "claims": ["flops"], "baseline": {"d_model": "x"}, "design": {}}]', "x"),
        ('[{"id": "a", "claims": ["flops"], "capacity_factors": ["-1.5"]}]', "-1.5"),
        ('[{"id": "a", "claims": ["flops"], "baseline": {"d_model": 9223372036854775808}}]', "9223372036854775808"),
        ('[{"id": "a", "equation": {"quantity": "speed", "convention": "paper", "printed": "d"}}]', "speed"),
        ('[{"id": "a", "equation": {"quantity": "params", "convention": "mine", "printed": "d"}}]', "mine"),
        ('[{"id": "a", "equation": {"quantity": "params", "convention": "paper"}}]', "quantity"),
        ('[{"id": "a", "claims": ["flops"]}, {"id": "a", "claims": ["flops"]}]', "two claims"),
    ):
        path.write_text(content)
        result = run("audit", path)
        assert result.exit_code == 2, content
        assert shows in result.stderr
        assert result.stdout == ""


def test_more_claims_than_a_file_may_hold_are_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "MOST_CLAIMS", 2)
    path = tmp_path / "claims.json"
    path.write_text('[{"id": "a"}, {"id": "b"}, {"id": "c"}]')
    result = run("audit", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{path} holds 3 claims: accepted are at most 2" in result.stderr


def write_half(path: Path, error: type[BaseException]) -> None:
    with whole_file(str(path)) as file:
        file.write(b"half of it")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_file_that_is_not_written_to_its_end_is_not_there_and_an_old_one_stays(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "result"
    for before in (None, b"old"):
        with pytest.raises(error):
            write_half(path, error)
        assert [each.read_bytes() for each in tmp_path.iterdir()] == ([before] if before else [])
        path.write_bytes(b"old")


def test_a_result_that_cannot_be_written_is_an_error_without_a_traceback() -> None:
    command = [sys.executable, "-m", "parity.cli", "solve", "--heads", "3", "--topk", "3"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in closed.stderr
