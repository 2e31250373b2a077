"""The report of `parity export`."""

from parity.exporters import Export
from parity.report.model import Report, Table


def export_report(name: str, folder: str, made: Export) -> Report:
    """The files that were written, and what a reader has to know of them."""
    table = Table(
        f"{name} for {made.target}, checked against {made.checked_against}",
        ("file", "bytes"),
        tuple((file, len(data)) for file, data in made.files.items()),
    )
    data = {
        "target": made.target,
        "folder": folder,
        "files": list(made.files),
        "checked_against": made.checked_against,
        "family": made.family,
        "notes": list(made.notes),
    }
    return Report(data, (table,), made.notes)
