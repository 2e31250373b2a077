"""Charts that commands draw into files, as the ending of the name says."""

import os
from typing import TYPE_CHECKING

import click

from parity.cli.options import Parsed
from parity.design import shown
from parity.errors import InputError
from parity.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = ("png", "svg", "pdf")


class Picture(Parsed[str]):
    """The name of a file to draw into."""

    name = "file"

    def read(self, name: str, text: str) -> str:
        """The name, if it ends as a picture does."""
        if _kind(text) not in PICTURES:
            raise InputError(f"--{name} {shown(text)}: accepted are names that end in .{', .'.join(PICTURES)}")
        return text


def draw(figure: "Figure", path: str) -> None:
    """Draw into a file of that name, whole or not at all, and say so."""
    with whole_file(path) as file:
        figure.savefig(file, format=_kind(path), dpi=150)
    click.echo(f"wrote {path}", err=True)


def _kind(path: str) -> str:
    return os.path.splitext(path)[1][1:].lower()
