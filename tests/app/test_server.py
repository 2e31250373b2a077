"""`parity app` serves this machine alone, and nothing but the app."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.app.server import PATIENCE, Served, serving
from tests.conftest import Run

OTHER_LOCAL_ADDRESSES = ((socket.AF_INET, "127.0.0.2"), (socket.AF_INET6, "::1"))
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def asked(request: urllib.request.Request) -> tuple[int, bytes]:
    """The status and the body of the reply."""
    try:
        with DIRECT.open(request, timeout=PATIENCE) as reply:
            return int(reply.status), bytes(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def upgraded(served: Served, origin: str, host: str | None = None) -> int:
    """The status of the reply to a page of that origin that wants to talk to the app."""
    lines = (
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host or f'127.0.0.1:{served.port}'}",
        f"Origin: {origin}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        status = re.match(rb"HTTP/1\.1 (\d+) ", connection.recv(4096))
    assert status
    return int(status[1])


@pytest.mark.parametrize(("family", "address"), OTHER_LOCAL_ADDRESSES)
def test_the_app_listens_at_one_address_of_this_machine_only(served: Served, family: int, address: str) -> None:
    socket.create_connection(("127.0.0.1", served.port), PATIENCE).close()
    with socket.socket(family) as other:
        other.settimeout(PATIENCE)
        assert other.connect_ex((address, served.port)) != 0


def test_the_app_listens_at_no_address_that_others_reach(served: Served) -> None:
    tables = [table for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")) if table.exists()]
    if not tables:
        # Only Linux lists them; the test above asks the addresses themselves.
        pytest.skip("this system does not list its sockets in /proc/net")
    rows = [line.split() for table in tables for line in table.read_text().splitlines()]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{served.port:04X}")}
    assert listening == {f"0100007F:{served.port:04X}"}


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1.evil.example", "null", "file://"])
def test_a_page_of_another_site_cannot_talk_to_the_app(served: Served, origin: str) -> None:
    assert upgraded(served, origin) == 403
    assert upgraded(served, served.url) == 101


def test_a_name_of_another_that_leads_to_this_machine_cannot_talk_to_the_app(served: Served) -> None:
    host = f"evil.example:{served.port}"
    assert upgraded(served, f"http://{host}", host) == 403


def test_the_server_asks_nothing_of_other_machines(served: Served) -> None:
    assert upgraded(served, "http://evil.example") == 403
    assert served.asked == []


def test_nobody_is_told_that_another_site_may_read(served: Served) -> None:
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/media/x"):
        request = urllib.request.Request(served.url + path, headers={"Origin": "http://evil.example"})
        try:
            with DIRECT.open(request, timeout=PATIENCE) as reply:
                allowed = reply.headers.get("Access-Control-Allow-Origin")
        except urllib.error.HTTPError as error:
            with error:
                allowed = error.headers.get("Access-Control-Allow-Origin")
        assert allowed is None


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_uploads_are_refused(served: Served, method: str) -> None:
    with DIRECT.open(f"{served.url}/_stcore/health", timeout=PATIENCE) as reply:
        token = reply.headers["Set-Cookie"].partition(";")[0]
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhello\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    proven = {**headers, "Cookie": token, "X-Xsrftoken": token.partition("=")[2]}
    for sent in (headers, proven):
        url = f"{served.url}/_stcore/upload_file/session/file"
        status, _ = asked(urllib.request.Request(url, body, sent, method=method))
        assert status in (400, 403, 404, 405)


def test_programs_cannot_drive_the_app(served: Served) -> None:
    url = f"{served.url}/_stcore/agent/interact"
    status, body = asked(urllib.request.Request(url, b"{}", {"Content-Type": "application/json"}))
    assert status == 403
    assert json.loads(body)["error"]["code"] == "not_available"


@pytest.mark.parametrize(
    "path",
    ["/app/static/main.py", "/main.py", "/static/../main.py", "/../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd"],
)
def test_no_file_of_this_machine_is_served(served: Served, path: str) -> None:
    with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        reply = b"".join(iter(lambda: connection.recv(65_536), b""))
    assert reply.startswith(b"HTTP/1.1 ")
    assert b"root:" not in reply
    assert b"set_page_config" not in reply


def test_a_port_out_of_range_is_refused(run: Run) -> None:
    for port in ("0", "65536", "http"):
        result = run("app", "--port", port)
        assert result.exit_code == 2
        assert f"port={port}: accepted are integers from 1 to" in result.stderr


def test_without_streamlit_the_app_says_what_adds_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parity.cli.app.find_spec", lambda _: None)
    result = run("app")
    assert result.exit_code == 2
    assert "pip install 'moe-parity[app]' adds it" in result.stderr


def test_a_taken_port_is_refused_and_said(served: Served) -> None:
    command = [sys.executable, "-m", "parity.cli", "app", "--port", str(served.port)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 2
    assert f"port={served.port}: Address already in use; accepted" in result.stderr


def test_a_host_that_does_not_exist_is_refused_as_such() -> None:
    command = [sys.executable, "-m", "parity.cli", "app", "--host", "nowhere.invalid"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert result.returncode == 2
    assert "nowhere.invalid" in result.stderr


def test_an_interrupt_ends_the_app(tmp_path: Path) -> None:
    with serving(tmp_path / "log", {}) as (process, port):
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0
        with socket.socket() as gone:
            assert gone.connect_ex(("127.0.0.1", port)) != 0
    assert "Traceback" not in (tmp_path / "log").read_text()
