"""Text that every Python has: the documentation of its standard library."""

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

NAME = "python"
"""What a report calls it."""

PASSED_OVER = {"test", "tests", "site-packages", "dist-packages", "idlelib", "lib2to3", "ensurepip"}
"""Folders that are not documentation of the library, or not in every installation."""


def documents() -> Iterator[str]:
    """The topics of `help()`, and for each module of the standard library its docstrings, in order of their names."""
    from pydoc_data.topics import topics

    yield from (topics[name] for name in sorted(topics))
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        if PASSED_OVER.isdisjoint(path.relative_to(root).parts):
            text = "\n\n".join(_docstrings(path))
            if text:
                yield text


def _docstrings(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of escapes that older code has
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield text.encode("utf-8", "replace").decode("utf-8")
