"""On Paper a certificate that is dropped is checked as `parity check` does it, whoever wrote it."""

import json
import os
import re
import signal
from multiprocessing import active_children
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from parity.certificate import check_bytes
from parity.report.certificate import check_report
from tests.app.conftest import button, cells, drop, is_inert, labels, messages, opened, tables, written
from tests.app.saved import noting_saved, to_its_end
from tests.app.server import PATIENCE
from tests.app.test_hostile_files import NAMES
from tests.certificates import EXAMPLES, Path, at, example, signed, with_part
from tests.conftest import Run

FILE = "certificate.json"


def dropped(content: bytes, name: str = FILE) -> AppTest:
    """The page after a file was dropped on it and its check has ended."""
    return to_its_end(drop(opened("paper"), name, content))


def shown_of_it(shown: AppTest) -> list[list[list[str]]]:
    """The tables of the check, which come before those of the page."""
    return tables(shown)[:-2]


def verdicts(shown: AppTest) -> list[str]:
    """What is said of the file as a whole."""
    return [box.value for kind in (shown.success, shown.error) for box in kind]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_certificate_that_holds_is_said_to_hold_with_what_was_derived(name: str) -> None:
    data = signed(example(name))
    shown = dropped(data)
    report = check_report(check_bytes(data))
    assert verdicts(shown) == [f"` {FILE} ` holds: all of it follows from its two designs."]
    assert shown_of_it(shown) == cells(report)
    assert all(note in written(shown) for note in report.notes)


ALTERED: dict[str, Path] = {
    "a cost": ("costs", "paper", "design", "params"),
    "an error": ("costs", "matmul", "error", "params"),
    "FLOPs executed": ("executed", "ops", 0, "forward", "executed"),
    "parameters allocated": ("executed", "params", "allocated"),
}


@pytest.mark.parametrize("path", ALTERED.values(), ids=ALTERED)
def test_a_certificate_altered_by_one_number_is_said_to_differ_there_even_if_signed_again(path: Path) -> None:
    certificate = example("best")
    stored = at(certificate, path)
    other = "1/7" if isinstance(stored, str) else stored + 1
    data = signed(with_part(certificate, path, other))
    shown = dropped(data)
    assert verdicts(shown) == [f"` {FILE} ` does **not** hold: below is what differs."]
    assert shown_of_it(shown) == [[[".".join(map(str, path)), str(other), str(stored), "differs"]]]


def test_an_altered_design_differs_in_all_that_follows_from_it() -> None:
    data = signed(with_part(example("best"), ("design", "num_experts"), 97))
    shown = dropped(data)
    assert shown_of_it(shown) == cells(check_report(check_bytes(data)))
    assert {"costs.paper.design.params", "statement"} <= {row[0] for row in shown_of_it(shown)[0]}


def test_what_a_check_saves_is_what_the_command_prints(run: Run, tmp_path: Any) -> None:
    data = signed(with_part(example("best"), ("costs", "paper", "design", "params"), 1))
    shown = dropped(data)
    with noting_saved() as saved:
        shown.run()
    path = tmp_path / FILE
    path.write_bytes(data)
    for ending, form in (("json", "json"), ("csv", "csv"), ("tex", "latex")):
        assert saved[f"parity-check.{ending}"].decode() == run("check", path, "--format", form).stdout


HOSTILE: dict[str, bytes] = {
    "nothing": b"",
    "not JSON": b"form: 1",
    "binary": bytes(range(256)) * 64,
    "markup": b"<script>window.hacked=1</script> ![x](http://evil.example/x.png) :red[x]",
    "100,000 brackets": b"[" * 100_000,
    "a list": b"[]",
    "deep": b'{"form":' + b"[" * 9 + b"]" * 9 + b"}",
    "5,000 digits": b'{"form":1' + b"0" * 5000 + b"}",
    "half a letter": b'{"form":"\\ud800"}',
    "50 MB": b'{"form":1,"x":"' + b"a" * 50_000_000 + b'"}',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_certificate_is_refused_as_the_command_refuses_it(content: bytes, run: Run, tmp_path: Any) -> None:
    shown = dropped(content)
    path = tmp_path / FILE
    path.write_bytes(content)
    refused = run("check", path)
    assert refused.exit_code == 2
    assert messages(shown) == [refused.stderr.removeprefix("Error: ").strip()]
    assert is_inert(shown)
    assert not shown.exception
    assert shown_of_it(shown) == []


def test_hostile_values_and_names_within_a_certificate_are_cells_of_a_table_and_nothing_else() -> None:
    markup = "<img src=x onerror=alert(1)> $x$ :red[y] ![z](http://evil.example)"
    content: Any = {**example("best"), markup: 1, "statement": markup, "costs": {"9" * 500: 2**62}}
    data = signed(content | {"design": {**content["design"], "d_expert": int("9" * 400)}})
    shown = dropped(data)
    assert not shown.exception
    assert shown_of_it(shown) == cells(check_report(check_bytes(data)))
    assert not any("evil" in block.value for kind in (shown.markdown, shown.caption, shown.error) for block in kind)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_name_of_a_file_is_shown_as_code_alone(name: str) -> None:
    shown = dropped(b"{}", name)
    stem = name.removesuffix(".json")
    assert not shown.exception
    (box,) = verdicts(shown)
    code = re.match(r"(`+) (.*?) \1(?!`)", box)
    assert code
    assert stem not in box[code.end() :]
    others = [block.value for kind in (shown.markdown, shown.caption) for block in kind]
    assert not any(stem in block or stem in block.replace("\\", "") for block in others)


def test_a_check_can_be_cancelled_and_made_again() -> None:
    data = signed(example("best"))
    shown = drop(opened("paper"), FILE, data)
    (process,) = active_children()
    os.kill(process.pid or 0, signal.SIGSTOP)  # or it might be done before it is cancelled
    assert len(shown.get("progress")) == 1
    button(shown, "Cancel").click().run()
    os.kill(process.pid or 0, signal.SIGCONT)
    process.join(PATIENCE)
    assert not process.is_alive()
    assert messages(shown) == ["Cancelled."]
    to_its_end(button(shown, "Check again").click().run())
    assert len(shown.success) == 1
    assert "Check again" not in labels(shown)


def test_another_file_ends_the_check_of_the_first() -> None:
    shown = drop(opened("paper"), FILE, signed(example("best")))
    (first,) = active_children()
    drop(shown, "other.json", signed(with_part(example("best"), ("convention",), "none")))
    first.join(PATIENCE)
    assert not first.is_alive()
    to_its_end(shown)
    assert verdicts(shown) == ["` other.json ` does **not** hold: below is what differs."]


def test_nothing_is_checked_before_a_file_is_dropped() -> None:
    shown = opened("paper")
    assert verdicts(shown) == []
    assert shown_of_it(shown) == []
    assert not active_children()


def test_a_certificate_with_spaces_and_in_another_order_holds_too() -> None:
    shown = dropped(json.dumps(example("best"), indent=4).encode())
    assert len(shown.success) == 1
