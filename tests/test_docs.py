"""Every command and snippet of the README and of the pages in docs is run, and what is shown is what comes out.

A page's blocks run in order in one empty folder. A `bash` block holds commands; `# exit status 1` beside one says how
it ends. A `text` or `json` block shows all that the commands or the snippet before it print. In a `python` block a
comment beside an expression shows its value. A `diff` block is what was recorded. Three dots stand for anything.
`<!-- needs: torch -->` before a block: it is passed over where that package is not installed.
"""

import ast
import contextlib
import doctest
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from parity.cli import main

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted(path for path in ROOT.glob("docs/**/*.md") if path.parent.name != "results")]
"""The pages in docs/results are written by the runs that they record, which take hours."""

NOT_RUN = {
    "eval": "completion belongs to the reader's shell",
    "parity app": "serves until it is stopped; tests/app/browser has it open",
    "parity experiment run table1": "hours of training; tests/experiments runs the same in small",
    "python3 -m venv": "CI runs the README's two commands as they are printed, in an empty environment",
    ".venv/bin/pip": "as above",
    ".venv/bin/python": "as above; benchmarks and the site have commands of their own there",
}
"""How commands begin that are not run here, and why."""

ALLOWED = ("cat", "ls")
"""Commands beside `parity` that are run, as they are, in a process."""

BLOCK = re.compile(
    r"^(?:<!-- needs: (?P<needs>\w+) -->\n+)?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
STATUS = re.compile(r"#.*\bexit status (\d+)\s*$")
CHECKER = doctest.OutputChecker()


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    kind: str
    text: str
    needs: str | None
    line: int


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    for found in BLOCK.finditer(text):
        yield Block(found["kind"], found["text"], found["needs"], text.count("\n", 0, found.start()) + 1)


def commands(block: str) -> Iterator[tuple[list[str], int]]:
    """The words of each command, and the exit status that is said of it."""
    for line in block.replace("\\\n", "").splitlines():
        status = STATUS.search(line)
        for command in line.split("&&"):
            words = shlex.split(command, comments=True)
            if words:
                yield words, int(status[1]) if status else 0


def reason_not_to_run(words: list[str]) -> str | None:
    command = " ".join(words)
    return next((why for start, why in NOT_RUN.items() if command.startswith(start)), None)


def run_command(words: list[str], status: int) -> str:
    """What the command prints, on both streams, as a terminal has it."""
    name = Path(words[0]).name
    assert name == "parity" or words[0] in ALLOWED, f"{words[0]}: neither run nor listed in NOT_RUN"
    if name == "parity":
        result = CliRunner().invoke(main, words[1:], prog_name="parity")
        output, code = result.output, result.exit_code
    else:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        output, code = done.stdout, done.returncode
    assert code == status, f"{shlex.join(words)} ended with {code}, and not {status}:\n{output}"
    return output


def run_snippet(snippet: str, names: dict[str, Any]) -> str:
    """What the snippet prints; each value that a comment shows is compared."""
    lines = snippet.encode().splitlines()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for node in ast.parse(snippet).body:
            beside = lines[(node.end_lineno or 0) - 1][node.end_col_offset :].decode().strip()
            if isinstance(node, ast.Expr) and beside:
                value = eval(compile(ast.Expression(node.value), "<page>", "eval"), names)
                compare(beside.removeprefix("#").strip(), repr(value))
            else:
                exec(compile(ast.Module([node], []), "<page>", "exec"), names)
    return printed.getvalue()


def compare(shown: str, printed: str) -> None:
    """Spaces at the ends of lines aside, and three dots standing for anything, both are the same."""
    want, got = (text.rstrip("\n") + "\n" for text in map(without_trailing_spaces, (shown, printed)))
    assert CHECKER.check_output(want, got, doctest.ELLIPSIS), f"shown is\n{want}\nand what comes out\n{got}"


def without_trailing_spaces(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines())


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder to be in. No path to it and no module from it stays."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_is_what_comes_out(page: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    output: str | None = None
    for block in blocks(page):
        try:
            if block.needs and find_spec(block.needs) is None:
                output = None
            elif block.kind == "bash":
                run = [(words, status) for words, status in commands(block.text) if not reason_not_to_run(words)]
                output = "".join(run_command(words, status) for words, status in run) if run else None
            elif block.kind == "python":
                output = run_snippet(block.text, names)
            elif block.kind in ("text", "json") and output is not None:
                compare(block.text, output)
        except Exception as error:
            error.add_note(f"in the block at {page.relative_to(ROOT)}:{block.line}")
            raise


def test_every_reason_not_to_run_a_command_is_needed() -> None:
    shown = [
        words for page in PAGES for block in blocks(page) if block.kind == "bash" for words, _ in commands(block.text)
    ]
    assert {start for start in NOT_RUN if any(" ".join(words).startswith(start) for words in shown)} == set(NOT_RUN)


def test_every_block_of_a_page_says_what_it_is() -> None:
    kinds = {block.kind for page in PAGES for block in blocks(page)}
    assert kinds <= {"bash", "diff", "json", "latex", "math", "python", "text"}
    for page in PAGES:
        assert page.read_text("utf-8").count("```") == 2 * len(list(blocks(page))), page


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda p: p.name
)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []
