"""Where training cannot begin or go on: locks, logs, checkpoints, divergence, workers that vanish."""

import multiprocessing
import os
import signal
import sys
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parity.errors import InputError, ParityError
from parity.experiments import pool, storage
from parity.experiments.checkpoint import load_checkpoint
from parity.experiments.corpus import corpus, text_sets
from parity.experiments.names import CHECKPOINT, STEPS
from parity.experiments.storage import Log, locked
from parity.experiments.training import Run as TrainingRun
from parity.experiments.training import train
from parity.experiments.worker import work
from tests.experiments import nano
from tests.experiments.nano import NANO


def test_a_lock_is_waited_for_as_long_as_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".lock"
    waits: list[float] = []
    with ExitStack() as other:
        other.enter_context(locked(path, "held by another"))

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                other.close()

        monkeypatch.setattr(storage, "sleep", wait)
        with pytest.raises(InputError, match="held by another"), locked(path, "held by another"):
            pass
        assert waits == []
        with locked(path, "held by another", patience=3600):
            assert len(waits) == 3


def test_where_files_cannot_be_locked_nothing_is_begun(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with pytest.raises(InputError, match="need locks as Unix has them: accepted are Linux and macOS"):
        nano.run(tmp_path / "out", [text])
    assert os.listdir(tmp_path / "out") == [".lock"]


@pytest.mark.parametrize("line", ["garbage", "[1]", "3", "{}", '{"step": 1}', "[" * 100_000])
def test_a_line_of_a_log_that_is_not_that_of_its_step_is_refused_and_shown(tmp_path: Path, line: str) -> None:
    path = tmp_path / STEPS
    path.write_text(f'{{"step": 1}}\n{line}\n')
    with pytest.raises(InputError, match="where step 2 belongs, but the checkpoint beside it is of step 2") as error:
        Log(path, 2, range(1, 3))
    assert line[:50] in str(error.value)
    assert len(str(error.value)) < 1000


def test_a_checkpoint_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).mkdir()
    with pytest.raises(InputError, match=rf"{CHECKPOINT} cannot be read \(Is a directory\): .*delete the folder"):
        load_checkpoint(tmp_path / CHECKPOINT, {})


def run_of(out: Path, text: Path, peak_learning_rate: float = NANO.peak_learning_rate) -> TrainingRun:
    """A run whose tokens are made and that has not begun."""
    scale = replace(NANO, peak_learning_rate=peak_learning_rate)
    made = corpus(text_sets([str(text)]), scale.vocabulary, scale.context, out / "corpus")
    return TrainingRun(replace(nano.plan(), scale=scale), made, out, "both", 0)


@pytest.mark.parametrize("rate", [1e2, 1e4, 1e20, 1e39])
def test_training_that_diverges_ends_with_the_step_and_without_a_result(
    tmp_path: Path, text: Path, rate: float
) -> None:
    run = run_of(tmp_path, text, rate)
    with np.errstate(all="ignore"), pytest.raises(InputError, match=r"both-0 diverged: \w+ of step \d+"):
        train(run)
    assert not run.done


def test_a_worker_whose_parent_has_gone_ends_without_a_word(
    tmp_path: Path, text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(tmp_path, text)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    receiving, sending = multiprocessing.Pipe(duplex=False)
    receiving.close()
    code = None
    try:
        with closing(sending):
            work(run, 1, sending)
    except SystemExit as ended:  # pytest.raises keeps it in a cycle, with the buffer that could not be sent
        code = ended.code
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert code == 1
    assert capsys.readouterr() == ("", "")


def test_a_worker_that_ends_without_a_result_is_told_with_its_exit_status(
    tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "work", nano.vanish)
    with pytest.raises(ParityError, match=r"process of both-0 ended after step 0 without a result \(exit status 7\)"):
        pool.run_here([run_of(tmp_path, text)], 1, 1, lambda *_: None)
