"""Why others print another number for the same design, line by line and exactly."""

from parity.reconcile.active import Convention, active_conventions
from parity.reconcile.counters import reconcile
from parity.reconcile.result import Line, Reconciliation

__all__ = ["Convention", "Line", "Reconciliation", "active_conventions", "reconcile"]
