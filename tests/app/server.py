"""The app served for a browser, between it and other machines a proxy that passes nothing on."""

import os
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep

PATIENCE = 20.0
"""Seconds after which something that did not happen is taken to have failed."""


@dataclass(frozen=True)
class Served:
    """The app as `parity app` serves it."""

    port: int
    log: Path
    """What the server printed."""
    asked: list[str]
    """What the server itself asked of other machines."""

    @property
    def url(self) -> str:
        """The address of the first page."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(log: Path, environment: Mapping[str, str]) -> "Iterator[tuple[subprocess.Popen[bytes], int]]":
    """A server of the app that is ready, which is ended at the end, and its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "parity.cli", "app", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=out, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(process, f"http://127.0.0.1:{port}/_stcore/health", log)
            yield process, port
        finally:
            process.terminate()
            process.wait(PATIENCE)


@contextmanager
def noting() -> Iterator[tuple[str, list[str]]]:
    """A proxy that passes nothing on: its address, and what was asked of it."""
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        do_CONNECT = do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = monotonic() + PATIENCE
    while process.poll() is None and monotonic() < end:
        try:
            with direct.open(url, timeout=PATIENCE) as reply:
                assert reply.read() == b"ok"
                return
        except OSError:
            sleep(0.05)
    raise AssertionError(f"the app is not served: {log.read_text()}")
