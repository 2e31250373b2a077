"""A text, and one finished experiment that tests read and copy but do not change."""

from pathlib import Path

import pytest

from tests.experiments import nano

nano.register()


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nano.write_text(tmp_path_factory.mktemp("text") / "words.jsonl")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, text: Path) -> Path:
    """Table 5 with two seeds, done."""
    out = tmp_path_factory.mktemp("finished") / "out"
    nano.run(out, [text], nano.plan(seeds=2))
    return out
