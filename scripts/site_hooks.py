"""What mkdocs does beside Markdown: formulas become MathML, click's help a page, and recorded results get their place.

A `math` block holds LaTeX. MathML is drawn by the browser itself, so that no page loads a script for it.
"""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import click
from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from parity.cli import main

COMMANDS = "reference/commands.md"
RESULTS = "Results"
PRELUDE = """# Commands

What `--help` prints, of every command. Each result comes as `--format table|json|csv|markdown|latex`, and
`--output FILE` writes it to a file, whose ending says the format too. Exit status: 0 done, 1 nothing is feasible, a
check does not hold or a result cannot be written, 2 the input is wrong, 130 interrupted."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Have `math` blocks drawn, and add the pages of docs/results to the navigation."""
    fences = config.mdx_configs.setdefault("pymdownx.superfences", {}).setdefault("custom_fences", [])
    fences.append({"name": "math", "class": "math", "format": _mathml})
    recorded = sorted(
        path.relative_to(config.docs_dir).as_posix() for path in Path(config.docs_dir, "results").glob("*.md")
    )
    for section in config.nav or []:
        if RESULTS in section:
            section[RESULTS] += recorded
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the command reference."""
    files.append(File.generated(config, COMMANDS, content="\n".join([PRELUDE, *_helps("parity", main)])))
    return files


def _mathml(source: str, *_: Any, **__: Any) -> str:
    return (
        f'<div class="math" role="img" aria-label="{escape(source.strip())}">{convert(source, display="block")}</div>'
    )


def _helps(name: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100)
    yield f"\n## {name}\n\n```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                yield from _helps(f"{name} {child}", found)
