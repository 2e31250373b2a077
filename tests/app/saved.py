"""What the buttons of a page save, found without a browser; and pages whose work has come to its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from time import monotonic, sleep
from typing import Any
from unittest.mock import patch
from zipfile import ZipFile

import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.app.conftest import labels
from tests.app.server import PATIENCE


@contextmanager
def noting_saved() -> Iterator[dict[str, bytes]]:
    """The files that can be saved on the pages drawn meanwhile, by their names."""
    saved: dict[str, bytes] = {}
    real = st.download_button

    def noting(label: str, data: Any, file_name: str, *rest: Any, **more: Any) -> bool:
        content = data() if callable(data) else data
        saved[file_name] = content.encode() if isinstance(content, str) else content
        return real(label, data, file_name, *rest, **more)

    with patch.object(st, "download_button", noting):
        yield saved


def unzipped(archive: bytes) -> dict[str, bytes]:
    """The files in an archive."""
    with ZipFile(BytesIO(archive)) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def to_its_end(shown: AppTest) -> AppTest:
    """The page after the work that it follows has ended."""
    end = monotonic() + 3 * PATIENCE
    while "Cancel" in labels(shown) and monotonic() < end:
        sleep(0.05)
        shown.run()
    assert "Cancel" not in labels(shown)
    return shown
