"""Objects, lists and values as YAML, whose scalars are JSON's."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def to_yaml(content: Mapping[str, Any], comment: str) -> str:
    """The object in YAML, under a comment of several lines."""
    return "\n".join([*(f"# {line}".rstrip() for line in comment.splitlines()), *_lines(content, "")]) + "\n"


def _lines(content: Mapping[str, Any], indent: str) -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, indent + "  ")
        else:
            yield f"{indent}{name}: {json.dumps(value)}"
