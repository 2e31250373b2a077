"""The `parity` command. Each subcommand is imported when it is called, so that starting stays fast."""

import os
import sys
from errno import EPIPE
from importlib import import_module
from typing import Any

import click

from parity.errors import INTERRUPTED, ParityError

GROUPS = {
    "Find a design": {
        "solve": "Find the design that matches a baseline in FLOPs and parameters.",
        "sweep": "List every design at parity inside ranges, and the frontier among them.",
        "explain": "Derive the matching design, in symbols and then in numbers.",
    },
    "See what it costs": {
        "cost": "Show what a design, model or checkpoint costs, op by op.",
        "compare": "Put designs side by side, with what equal FLOPs hide; the first is the baseline.",
        "models": "List the built-in designs and models.",
        "app": "Serve all of that to a browser on this machine.",
    },
    "Check it": {
        "verify": "Execute a design and hold the cost model against what was executed.",
        "audit": "Check published claims of parity by computing them.",
        "certify": "Certify how close a design comes to a baseline, for anyone to check.",
        "check": "Check a certificate, whoever wrote it.",
    },
    "Take it further": {
        "export": "Write a design for transformers, Megatron-LM, OLMo-core or PyTorch.",
        "experiment": "Train the paper's variants in small, and report what came out.",
    },
}
"""The commands, in the order in which one comes to need them."""

COMMANDS = {name: about for group in GROUPS.values() for name, about in group.items()}


HELP = """Find Mixture-of-Experts layers that cost the same as another, in FLOPs and in parameters, exactly.

\b
  parity solve --heads 3 --topk 3      the paper's sparse MoE, matched with three heads
  parity cost mixtral-8x7b-v0.1        what a model costs, op by op

A design or model (REF) is a built-in name (`parity models`), a design file that parity wrote, a Hugging Face
config.json or checkpoint, or fields: d_model=768,d_expert=2048,num_experts=8,top_k=1.

Exit status: 0 done, 1 nothing is feasible, a check does not hold or a result cannot be
written, 2 the input is wrong, 130 interrupted.
"""


def _refused(error: ParityError) -> click.ClickException:
    refused = click.ClickException(str(error))
    refused.exit_code = error.exit_status  # type: ignore[misc]  # click reads it from the instance
    return refused


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"parity.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, group in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(list(group.items()), col_max=12)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS and not ctx.resilient_parsing:
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f"did you mean {near[0]}? Accepted" if near else "accepted"
            raise click.UsageError(f"{args[0]!r} is not a command: {hint} are {', '.join(COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ParityError as error:
            raise _refused(error) from None
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)
        except OSError as error:
            if error.errno == EPIPE:  # the reader has gone, and click leaves quietly
                raise
            # What is still buffered must not fail once more, and change the exit status, as Python ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
            raise click.ClickException(f"the result cannot be written: {error.strerror}") from None


@click.group(
    cls=_Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="moe-parity", prog_name="parity")
def main() -> None:
    """The command with its subcommands."""
