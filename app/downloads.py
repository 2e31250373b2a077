"""Downloads: results in the formats of the command line, and charts as pictures, made when they are asked for."""

from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile, ZipInfo

import streamlit as st

from parity.report.formats import FORMATS
from parity.report.model import Report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = {
    "JSON": ("json", "application/json"),
    "CSV": ("csv", "text/csv"),
    "LaTeX": ("tex", "text/x-tex"),
    "Parquet": ("parquet", "application/vnd.apache.parquet"),
    "PNG": ("png", "image/png"),
    "SVG": ("svg", "image/svg+xml"),
}
"""The ending and the media type of each download."""


def downloads(
    name: str,
    report: Report,
    figure: "Callable[[], Figure] | None" = None,
    others: Mapping[str, Callable[[], Any]] | None = None,
) -> None:
    """A row of buttons that save `report`, `figure` and `others` as files called `name`."""
    made: dict[str, Callable[[], Any]] = {
        "JSON": partial(FORMATS["json"], report),
        "CSV": partial(FORMATS["csv"], report),
        "LaTeX": partial(FORMATS["latex"], report),
        **(others or {}),
    }
    if figure is not None:
        made |= {"PNG": partial(_picture, figure, "png"), "SVG": partial(_picture, figure, "svg")}
    with st.container(horizontal=True):
        for label, make in made.items():
            ending, kind = KINDS[label]
            icon = "image" if label in ("PNG", "SVG") else "download"
            save(label, make, f"{name}.{ending}", kind, f"Save as {label}.", icon)


def save(
    label: str, content: Callable[[], Any] | bytes, file: str, kind: str, about: str, icon: str = "download"
) -> None:
    """A button that saves a file of this name and media type; content that is a function is made when it is pressed."""
    st.download_button(label, content, file, kind, key=file, help=about, on_click="ignore", icon=f":material/{icon}:")


def zipped(files: Mapping[str, bytes]) -> bytes:
    """The files in one ZIP archive, which is the same bytes for the same files."""
    out = BytesIO()
    with ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name), content)  # dated 1980, the first that a ZIP can have
    return out.getvalue()


def _picture(figure: "Callable[[], Figure]", kind: str) -> bytes:
    from app.pictures import encoded

    return encoded(figure(), kind)
