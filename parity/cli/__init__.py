"""The command line: parses, calls one function, prints. No arithmetic of its own."""

from parity.cli.main import main

__all__ = ["main"]
