"""The targets by name."""

from collections.abc import Callable, Mapping

from parity.exporters.request import Export, Request
from parity.exporters.torch_layer import export_torch

TARGETS: Mapping[str, Callable[[Request], Export]] = {
    "torch": export_torch,
}


def export(target: str, request: Request) -> Export:
    """The files of an export, by name."""
    return TARGETS[target](request)
