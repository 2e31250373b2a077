"""On Solve a certificate of the best design is made: that of `parity certify`, which `parity check` accepts."""

import json
import shlex
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from parity.report.certificate import certificate_report
from parity.report.formats import to_latex
from tests.app.conftest import MIXTRAL, button, changed, drop, labels, messages, opened, written
from tests.app.saved import noting_saved, to_its_end
from tests.app.server import PATIENCE
from tests.conftest import Run

MAKE, FILE = "Make a certificate", "parity-certificate.json"
OWN = {"baseline": "own fields", "own.d_model": "24", "own.d_expert": "64"}
ADDRESSES: dict[str, dict[str, str]] = {
    "built in": {"heads": "1", "top_k": "2"},
    "a width that was given": {**OWN, "d_expert": "16"},
    "experts that were given": {**OWN, "num_experts": "90"},
    "constraints": {
        **OWN,
        "own.d_model": "32",
        "convention": "matmul",
        "prefer": "balanced",
        "experts_multiple_of": "8",
        "max_experts": "200",
        "tolerance": "12.5",
        "profile": "fp8",
        "heads": "1",
    },
}


def line(shown: AppTest) -> list[str]:
    """The command that makes the same certificate, as words."""
    (found,) = [words for code in shown.code if (words := shlex.split(code.value))[1] == "certify"]
    return found[1:]


def made(address: dict[str, str]) -> tuple[AppTest, dict[str, bytes]]:
    """The page after a certificate was made on it, and what it saves."""
    shown = opened("solve", address)
    button(shown, MAKE).click().run()
    with noting_saved() as saved:
        to_its_end(shown).run()
    return shown, saved


def lasting(certificate: bytes) -> dict[str, Any]:
    """A certificate less what differs from one time to the next, and its digest, which covers that."""
    content: dict[str, Any] = json.loads(certificate)
    del content["digest"], content["informative"]["made"], content["informative"]["milliseconds"]
    return content


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_a_certificate_that_is_saved_is_that_of_the_command_shown_and_passes_a_check(
    address: dict[str, str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, saved = made(address)
    assert not messages(shown)
    path = tmp_path / "saved.json"
    path.write_bytes(saved[FILE])
    assert run("check", path).exit_code == 0
    monkeypatch.chdir(tmp_path)
    assert run(*line(shown)).exit_code == 0
    written_by_it = (tmp_path / FILE).read_bytes()
    assert lasting(saved[FILE]) == lasting(written_by_it)
    assert saved[FILE] == json.dumps(json.loads(saved[FILE]), sort_keys=True, separators=(",", ":")).encode() + b"\n"


def test_what_a_certificate_says_is_on_the_page_and_is_saved_for_a_paper() -> None:
    shown, saved = made(OWN)
    report = certificate_report(json.loads(saved[FILE]))
    assert all(note in written(shown) for note in report.notes)
    # The conventions are in another order in a file, whose keys are sorted.
    lines = saved["parity-certificate.tex"].decode().splitlines()
    assert sorted(lines) == sorted(to_latex(report).splitlines())


def test_a_certificate_of_another_design_is_not_shown() -> None:
    shown, saved = made(OWN)
    with noting_saved() as now:
        changed(shown, {"top_k": "2"})
    assert FILE in saved
    assert FILE not in now
    assert "Certificate SHA-256" not in written(shown)


def test_no_certificate_is_made_before_it_is_asked_for() -> None:
    with noting_saved() as saved:
        opened("solve", OWN)
    assert FILE not in saved
    assert not active_children()


def test_a_certificate_in_the_making_can_be_cancelled_and_ends_when_something_else_is_asked() -> None:
    shown = opened("solve", {"heads": "1", "top_k": "2"})
    for end in (lambda: button(shown, "Cancel").click().run(), lambda: changed(shown, {"top_k": "4"})):
        button(shown, MAKE).click().run()
        (process,) = active_children()
        assert len(shown.get("progress")) == 1
        end()
        process.join(PATIENCE)
        assert not process.is_alive()
        assert "Cancel" not in labels(shown)
    assert not shown.exception


def test_costs_that_are_given_by_themselves_have_no_certificate(run: Run) -> None:
    shown = opened("solve", {"baseline": "targets"})
    assert MAKE not in labels(shown)
    assert any(caption.value.startswith("A certificate is of two designs") for caption in shown.caption)
    assert run("certify", "--target-flops", "9437184", "paper-smoe").exit_code == 2


def test_the_name_of_a_file_that_was_dropped_is_not_in_the_certificate() -> None:
    shown = drop(
        opened("solve", {"baseline": "config.json", "heads": "1", "top_k": "4"}), MIXTRAL.name, MIXTRAL.read_bytes()
    )
    button(shown, MAKE).click().run()
    with noting_saved() as saved:
        to_its_end(shown).run()
    assert json.loads(saved[FILE])["informative"]["names"] == {}
    assert MIXTRAL.stem.encode() not in saved[FILE]
    assert line(shown)[line(shown).index("--baseline") + 1] == MIXTRAL.name
