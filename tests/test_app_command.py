"""`parity app` as a command: what it hands to Streamlit, which is not started here, and where it refuses to begin."""

import socket
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest

from parity.cli import app
from tests.conftest import Run


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines with which Streamlit was started, in whose place there is a list."""
    lines: list[list[str]] = []
    modules: dict[str, Any] = {
        name: ModuleType(name) for name in ("streamlit", "streamlit.net_util", "streamlit.web", "streamlit.web.cli")
    }
    for name, module in modules.items():
        module.__spec__ = ModuleSpec(name, None)
        monkeypatch.setitem(sys.modules, name, module)
    modules["streamlit"].net_util = modules["streamlit.net_util"]
    modules["streamlit.web.cli"].main = lambda prog_name: lines.append([prog_name, *sys.argv[1:]])
    monkeypatch.setattr(sys, "argv", sys.argv)
    return lines


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.parametrize(("host", "alone"), [("127.0.0.1", True), ("0.0.0.0", False)])
def test_the_app_is_served_where_it_was_asked_to_be_and_by_its_own_names_alone(
    run: Run, started: list[list[str]], host: str, alone: bool
) -> None:
    port = free_port()
    assert run("app", "--host", host, "--port", port).exit_code == 0
    ((program, command, entry, *options),) = started
    assert (program, command) == ("streamlit", "run")
    assert entry.endswith("app/main.py")
    assert {f"--server.address={host}", f"--server.port={port}", "--server.enableXsrfProtection=true"} <= set(options)
    names = [option.partition("=")[2] for option in options if option.startswith("--server.allowedHosts=")]
    assert names == (["127.0.0.1", "localhost", "::1"] if alone else [])


def test_a_port_that_is_taken_is_refused_with_another(run: Run, started: list[list[str]]) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        result = run("app", "--port", port)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"port={port}: Address already in use; accepted is a free one, such as --port {port + 1}" in result.stderr
    assert started == []


@pytest.mark.parametrize("host", ["x" * 70, "a..b", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_refused(run: Run, started: list[list[str]], host: str) -> None:
    result = run("app", "--host", host, "--port", free_port())
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"host={host}: " in result.stderr
    assert "accepted are addresses and names of this machine" in result.stderr
    assert started == []


@pytest.mark.parametrize(("absent", "shows"), [("streamlit", "needs streamlit"), ("app.main", "the package `app`")])
def test_without_streamlit_or_the_apps_own_files_what_to_install_is_said(
    run: Run, started: list[list[str]], monkeypatch: pytest.MonkeyPatch, absent: str, shows: str
) -> None:
    monkeypatch.setattr(app, "find_spec", lambda name: None if name == absent else ModuleSpec(name, None))
    result = run("app")
    assert (result.exit_code, result.stdout) == (2, "")
    assert shows in result.stderr
    assert started == []
