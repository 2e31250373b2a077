"""Option types and groups of options that several commands share."""

import os
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from parity.builtin import BUILTIN
from parity.conventions import CONVENTIONS
from parity.design import LARGEST_INTEGER
from parity.errors import InputError
from parity.files import write_whole
from parity.ranges import Ranges
from parity.ref import Found, look_up, parse_integer, parse_percent
from parity.report.formats import FORMATS, to_text
from parity.report.model import WIDTH, Report

ENDINGS = {".md": "markdown", ".tex": "latex", ".txt": "table"}
"""Endings of files that are not the name of their format."""

Command = TypeVar("Command", bound=Callable[..., Any])
Value = TypeVar("Value")


class Parsed(click.ParamType[Value]):
    """A value that is parsed from text by `read`, which says what is wrong with it as an InputError."""

    def read(self, name: str, text: str) -> Value:
        """The value of the option or argument of that name."""
        raise NotImplementedError

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Value:
        """Parse what is text; a default may be a value already."""
        if not isinstance(value, str):
            parsed: Value = value
            return parsed
        try:
            return self.read((param.name if param else None) or "value", value)
        except InputError as error:
            raise click.BadParameter(str(error), ctx, param) from None


class Integer(Parsed[int]):
    """Decimal digits, from `least` to `most`."""

    name = "integer"

    def __init__(self, least: int = 1, most: int = LARGEST_INTEGER) -> None:
        self.least, self.most = least, most

    def read(self, name: str, text: str) -> int:
        """Parse the digits."""
        return parse_integer(name, text, self.least, self.most)


class Percent(Parsed[Fraction]):
    """A percentage in decimal notation, exact: `2.5` is 1/40."""

    name = "percent"

    def read(self, name: str, text: str) -> Fraction:
        """Parse the percentage into a share."""
        return parse_percent(name, text)


class Among(Parsed[Ranges]):
    """A set of integers of at least `least`: `1,2,4` or `1-16`."""

    name = "ranges"

    def __init__(self, least: int = 1) -> None:
        self.least = least

    def read(self, name: str, text: str) -> Ranges:
        """Parse the set."""
        return Ranges.of(name, text, self.least)


class Words(Parsed[tuple[str, ...]]):
    """Words with commas between them."""

    name = "words"

    def read(self, name: str, text: str) -> tuple[str, ...]:
        """Split them."""
        return tuple(word.strip() for word in text.split(","))


class Ref(Parsed[Found]):
    """A design reference."""

    name = "ref"

    def read(self, name: str, text: str) -> Found:
        """Look the reference up; `--moe-layer` of the same command is read before."""
        context = click.get_current_context(silent=True)
        return look_up(text, moe_layer=bool(context and context.meta.get(MOE_LAYER)))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Complete built-in names."""
        from parity.models.builtin import builtin_models

        names = [*BUILTIN, *builtin_models()]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


MOE_LAYER = "parity.moe_layer"


def moe_layer_option(command: Command) -> Command:
    """--moe-layer, which says how the references of the same command are read."""

    def keep(ctx: click.Context, _param: click.Parameter, given: bool) -> None:
        ctx.meta[MOE_LAYER] = given

    return click.option(
        "--moe-layer",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=keep,
        help="Read only the MoE layer of a config.json, even if the rest is not understood.",
    )(command)


def convention_option(command: Command, default: str | None = "paper") -> Command:
    """The --convention; without a default the command chooses one itself, and says which."""
    return click.option(
        "--convention",
        type=click.Choice(list(CONVENTIONS)),
        default=default,
        show_default=default or "paper for a layer, matmul for a model",
        help="How to count: " + ", ".join(f"{c.name} ({c.used_for})" for c in CONVENTIONS.values()) + ".",
    )(command)


def output_options(command: Command, also: tuple[str, ...] = (), otherwise: str = "table") -> Command:
    """--format, whose choices are FORMATS and what is `also` possible, and --output."""
    forms = (*FORMATS, *also)

    def by_ending(ctx: click.Context, _param: click.Parameter, given: str | None) -> str:
        output = ctx.params["output"] or ""
        ending = os.path.splitext(output)[1].lower()
        meant = ENDINGS.get(ending, ending[1:])
        if given or meant in forms:
            return given or meant
        if ending and otherwise == "table":
            endings = ", ".join(sorted({*ENDINGS, *(f".{form}" for form in forms if form not in ENDINGS.values())}))
            said = f"{output}: accepted are names that end in {endings}, or --format beside"
            raise click.BadParameter(said, ctx, param_hint="--output")
        return otherwise

    command = click.option(
        "--format",
        "form",
        type=click.Choice(forms),
        callback=by_ending,
        help=f"Form of the result.  [default: what the ending of FILE says, else {otherwise}]",
    )(command)
    return click.option(
        "--output",
        metavar="FILE",
        is_eager=True,
        help="Write the result to FILE, whole or not at all, instead of printing it.",
    )(command)


def show(report: Report, form: str, output: str | None) -> None:
    """Print the report, or write it to a file."""
    if form == "table" and output is None and sys.stdout is not None and sys.stdout.isatty():
        from rich.console import Console

        terminal = Console()
        emit(to_text(report, color=not terminal.no_color, width=max(WIDTH, terminal.width)), None)
    else:
        emit(FORMATS[form](report), output)
        if form == "csv" and report.records is None and len(report.tables) > 1:
            click.echo(f"CSV has the first of {len(report.tables)} tables: --format json has all", err=True)


def emit(text: str, output: str | None) -> None:
    """Print a result, or write it to a file."""
    if output is None:
        click.echo(text, nl=False)
    else:
        write_whole(output, text.encode("utf-8"))
        click.echo(f"wrote {output}", err=True)
