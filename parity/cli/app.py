"""`parity app`."""

import sys
from errno import EACCES, EADDRINUSE
from importlib.util import find_spec
from socket import SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, getaddrinfo, socket

import click

from parity.cli.options import Integer
from parity.design import shown
from parity.errors import InputError

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Names of this machine by which nobody else can reach it."""
OPTIONS = {
    "browser.gatherUsageStats": "false",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    "client.toolbarMode": "minimal",
    "runner.magicEnabled": "false",
    "server.enableCORS": "true",
    "server.enableStaticServing": "false",
    "server.enableXsrfProtection": "true",
    "server.fileWatcherType": "none",
    "server.headless": "true",
    "server.maxUploadSize": "1",
}
"""How Streamlit is run: protections on, nothing sent anywhere, no traceback or path of the server on a page."""


@click.command("app")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=Integer(most=65_535), default=8501, show_default=True, help="The port to listen on.")
def command(host: str, port: int) -> None:
    """Serve the app to a browser: solve, explore, compare, verify, experiments, and the paper's claims.

    It listens on this machine alone unless --host says otherwise. Ctrl-C ends it.
    """
    if find_spec("streamlit") is None:
        raise InputError("the app needs streamlit, which is absent: pip install 'moe-parity[app]' adds it")
    from streamlit import net_util
    from streamlit.web.cli import main

    entry = find_spec("app.main")
    if entry is None or entry.origin is None:
        raise InputError("the app's own files are absent: accepted is an installation that has the package `app`")
    _check_address(host, port)
    # When a page of another site knocks, Streamlit would ask a server of Amazon for this machine's address.
    net_util._external_ip = "127.0.0.1"
    options = {**OPTIONS, "server.address": host, "server.port": str(port)}
    words = [f"--{name}={value}" for name, value in options.items()]
    if host in LOCAL:  # a name of another that leads here is not this site
        words += [f"--server.allowedHosts={name}" for name in LOCAL]
    sys.argv = ["streamlit", "run", entry.origin, *words]
    main(prog_name="streamlit")


def _check_address(host: str, port: int) -> None:
    """Refuse where nobody can listen, or somebody does already."""
    try:
        kind, _, _, _, address = getaddrinfo(host, port, type=SOCK_STREAM)[0]
        with socket(kind, SOCK_STREAM) as listening:
            listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
            listening.bind(address)
    except (OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno in (EADDRINUSE, EACCES):
            raise InputError(
                f"port={port}: {error.strerror}; accepted is a free one, such as --port {port + 1}"
            ) from None
        raise InputError(f"host={shown(host)}: {error}; accepted are addresses and names of this machine") from None
