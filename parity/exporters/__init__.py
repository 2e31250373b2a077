"""Taking a design elsewhere: the files of an export, in memory or in a folder."""

from parity.exporters.folder import write_export
from parity.exporters.request import ACTIVATIONS, Computation, Export, Request
from parity.exporters.targets import TARGETS, export

__all__ = ["ACTIVATIONS", "TARGETS", "Computation", "Export", "Request", "export", "write_export"]
