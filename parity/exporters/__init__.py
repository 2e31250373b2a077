"""Taking a design elsewhere: the files of an export, in memory or in a folder."""

from parity.exporters.folder import files_in
from parity.exporters.request import ACTIVATIONS, Activation, Computation, Export, Request
from parity.exporters.targets import TARGETS, export, export_found

__all__ = [
    "ACTIVATIONS",
    "TARGETS",
    "Activation",
    "Computation",
    "Export",
    "Request",
    "export",
    "export_found",
    "files_in",
]
