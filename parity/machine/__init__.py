"""This machine: what it was measured to do, and how long the reference engine takes by that."""

from parity.machine.engine import engine_seconds
from parity.machine.figures import Machine, remembered

__all__ = ["Machine", "engine_seconds", "remembered"]
