"""What all tests share: the Hypothesis profile and a way to run the command line in process."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from parity.cli import main
from tests.examples import examples

# A slow machine must not fail a law, so examples have no deadline.
settings.register_profile("parity", parent=examples(100), deadline=None)
settings.load_profile("parity")

Run = Callable[..., Result]
Answer = Callable[..., Any]


@pytest.fixture
def run() -> Run:
    """Run `parity` with these arguments."""

    def invoke(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def answer(run: Run) -> Answer:
    """The answer of `parity` to these arguments, as JSON."""

    def invoke(*arguments: object) -> Any:
        result = run(*arguments, "--format", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return invoke
