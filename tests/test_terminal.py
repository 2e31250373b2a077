"""What a terminal sees beyond what a file holds: bold, more columns, and how far a sweep is."""

import re
from errno import EPIPE

import pytest
from click.shell_completion import BashComplete

from parity.cli import main
from parity.report.model import WIDTH
from tests.conftest import Run
from tests.terminal import ESCAPE, on_terminal

SOLVE = ("solve", "--heads", "3", "--topk", "3")


def seen(monkeypatch: pytest.MonkeyPatch, stream: str, *arguments: str, columns: int = 80, **variables: str) -> str:
    """What a terminal of so many columns gets on that stream, where the environment has these variables."""
    with monkeypatch.context() as patched:
        screen = on_terminal(patched, stream, columns)
        for name, value in variables.items():
            patched.setenv(name, value)
        main(list(arguments), standalone_mode=False)
    return screen.getvalue()


def test_a_terminal_sees_in_bold_what_a_file_holds(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    text = seen(monkeypatch, "stdout", "cost", "paper-mh-moe-3")
    assert "\x1b[1m" in text
    assert ESCAPE.sub("", text).split() == run("cost", "paper-mh-moe-3").stdout.split()


def test_a_terminal_without_colour_gets_no_escapes(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    assert seen(monkeypatch, "stdout", "cost", "paper-mh-moe-3", NO_COLOR="1") == run("cost", "paper-mh-moe-3").stdout


def test_a_wide_terminal_is_used_and_a_narrow_one_wraps_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = {}
    for columns in (40, WIDTH, 2 * WIDTH):
        lines = seen(monkeypatch, "stdout", *SOLVE, columns=columns, NO_COLOR="1").splitlines()
        widths[columns] = max(map(len, lines))
    assert widths[40] == widths[WIDTH] <= WIDTH < widths[2 * WIDTH] <= 2 * WIDTH


def test_a_format_for_programs_is_the_same_on_a_terminal(monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    arguments = ("cost", "paper-smoe", "--format", "json")
    assert seen(monkeypatch, "stdout", *arguments) == run(*arguments).stdout


def test_a_terminal_sees_how_far_a_sweep_is_and_the_answer_is_the_same(
    monkeypatch: pytest.MonkeyPatch, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("sweep", "--heads", "2-3", "--topk", "1-2")
    progress = ESCAPE.sub("", seen(monkeypatch, "stderr", *arguments))
    assert "looking for what can be feasible" in progress
    assert re.search(r"[\d,]+ designs, [\d.]+ million a second .* 100%", progress)
    plain = run(*arguments)
    assert plain.stderr == ""
    assert capsys.readouterr().out == plain.stdout


def test_a_word_that_begins_a_command_is_completed() -> None:
    found = BashComplete(main, {}, "parity", "_PARITY_COMPLETE").get_completions([], "c")
    assert sorted(item.value for item in found) == ["certify", "check", "compare", "cost"]


@pytest.mark.parametrize(
    ("words", "begun", "offered"),
    [
        (["solv"], "", "solve"),
        (["solve", "paper-smoe"], "--h", "--heads"),
        (["sweep", "paper-smoe"], "--h", "--heads"),
        (["explain", "paper-smoe"], "--h", "--heads"),
    ],
)
def test_what_follows_a_mistake_is_still_completed(words: list[str], begun: str, offered: str) -> None:
    found = BashComplete(main, {}, "parity", "_PARITY_COMPLETE").get_completions(words, begun)
    assert offered in {item.value for item in found}


def test_a_reader_that_has_gone_ends_the_command_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError(EPIPE, "Broken pipe")

    monkeypatch.setattr("parity.audit.audit", gone)
    result = run("audit")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "")
