"""A machine is measured once; what is remembered is checked; predictions follow from figures and sizes."""

import json
import os
import platform
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import InputError, MoELayer
from parity.ledger import dimensions, ops
from parity.machine import Machine, engine_seconds, figures, remembered
from parity.machine.engine import _product_seconds
from parity.machine.figures import cache_file, identity, remember
from tests.conftest import Run
from tests.strategies import layers

MACHINE = Machine(
    per_flop=3e-12,
    per_operand_number=4e-10,
    per_result_number=3e-10,
    per_byte=4e-11,
    per_number=1.5e-10,
    per_exponential=2.5e-10,
)
FREE = Machine(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
FIGURES = st.sampled_from(sorted(asdict(MACHINE)))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_what_is_remembered_is_what_was_measured(folder: Path) -> None:
    assert remembered() is None
    remember(MACHINE)
    assert cache_file() == folder / "parity" / "machine.json"
    assert remembered() == MACHINE


@pytest.mark.parametrize("what", ["processor", "cores", "numpy"])
@pytest.mark.usefixtures("folder")
def test_figures_of_another_machine_are_passed_over(what: str) -> None:
    remember(MACHINE)
    content = json.loads(cache_file().read_text())
    content["machine"][what] = "another"
    cache_file().write_text(json.dumps(content))
    assert remembered() is None


def test_where_the_system_does_not_name_the_processor_python_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(figures, "open", absent, raising=False)
    assert identity()["processor"] == (platform.processor() or platform.machine())


def test_biases_of_the_projections_take_time() -> None:
    layer = MoELayer(d_model=768, heads=3, d_expert=512, num_experts=93, top_k=3)
    with_biases = replace(layer, projection_bias=True)
    assert engine_seconds(with_biases, 100, MACHINE) > engine_seconds(layer, 100, MACHINE)
    bare = MoELayer(d_model=768, d_expert=512, num_experts=93, top_k=3)
    assert engine_seconds(replace(bare, projection_bias=True), 100, MACHINE) == engine_seconds(bare, 100, MACHINE)


BROKEN: dict[str, object] = {
    "not a number": float("nan"),
    "infinite": float("inf"),
    "negative": -1e-12,
    "hours for a number": 3600.0,
    "a text": "1e-12",
    "true": True,
    "null": None,
    "a list": [1e-12],
    "an integer of a thousand digits": 10**1000,
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.usefixtures("folder")
def test_a_figure_that_cannot_be_is_passed_over(run: Run, kind: str) -> None:
    remember(MACHINE)
    content = json.loads(cache_file().read_text())
    content["seconds"]["per_byte"] = BROKEN[kind]
    cache_file().write_text(json.dumps(content))
    assert remembered() is None
    assert run("compare", "paper-smoe", "paper-dense").exit_code == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[" * 100_000,
        b"\xff\xfe",
        b"3",
        b"[]",
        b"{}",
        b'{"machine": 3, "seconds": {}}',
        b'{"seconds": 1, "seconds": 2}',
        b" " * (1 << 21),
    ],
    ids=lambda content: str(content[:20]),
)
@pytest.mark.usefixtures("folder")
def test_a_broken_file_is_passed_over_and_written_again(content: bytes) -> None:
    cache_file().parent.mkdir()
    cache_file().write_bytes(content)
    assert remembered() is None
    remember(MACHINE)
    assert remembered() == MACHINE


@pytest.mark.usefixtures("folder")
def test_a_lost_or_unknown_figure_is_passed_over() -> None:
    for change in ({"per_byte": None}, {"per_mile": 1e-10}):
        remember(MACHINE)
        content = json.loads(cache_file().read_text())
        content["seconds"] |= change
        content["seconds"] = {name: value for name, value in content["seconds"].items() if value is not None}
        cache_file().write_text(json.dumps(content))
        assert remembered() is None


@pytest.mark.usefixtures("folder")
def test_a_folder_or_a_pipe_in_its_place_is_passed_over_without_waiting() -> None:
    cache_file().mkdir(parents=True)
    assert remembered() is None
    with pytest.raises(InputError, match=r"machine\.json"):
        remember(MACHINE)
    cache_file().rmdir()
    os.mkfifo(cache_file())
    assert remembered() is None


def test_a_cache_folder_that_is_a_file_is_refused_by_name(folder: Path) -> None:
    (folder / "parity").write_text("")
    assert remembered() is None
    with pytest.raises(InputError, match="parity"):
        remember(MACHINE)


def test_a_relative_cache_folder_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_file() == tmp_path / ".cache" / "parity" / "machine.json"


@pytest.mark.usefixtures("folder")
def test_what_is_remembered_names_the_machine() -> None:
    remember(MACHINE)
    assert json.loads(cache_file().read_text())["machine"] == identity()
    assert set(identity()) == {"processor", "cores", "numpy"}


# Predictions


@given(layers(), st.integers(1, 4000))
def test_products_take_at_least_the_time_of_their_flops(layer: MoELayer, tokens: int) -> None:
    peak = replace(FREE, per_flop=1.0)
    x = dimensions(layer)
    for op in ops(x):
        flops = sum(2 * p.count * p.m * p.n * p.k for p in op.products)
        assert _product_seconds(op, x, layer, tokens, peak) == pytest.approx(3 * tokens * flops)


@given(layers(), st.integers(1, 4000), FIGURES, st.floats(1.0, 10.0))
def test_a_slower_machine_is_never_faster(layer: MoELayer, tokens: int, figure: str, times: float) -> None:
    slower = replace(MACHINE, **{figure: times * getattr(MACHINE, figure)})
    assert engine_seconds(layer, tokens, slower) >= engine_seconds(layer, tokens, MACHINE) > 0


@given(layers(), st.integers(1, 2000), st.integers(1, 2000))
def test_more_tokens_take_longer(layer: MoELayer, tokens: int, more: int) -> None:
    assert engine_seconds(layer, tokens + more, MACHINE) > engine_seconds(layer, tokens, MACHINE)


@given(layers(), st.integers(1, 2000), st.floats(0.1, 10.0))
def test_a_machine_twice_as_slow_takes_twice_as_long(layer: MoELayer, tokens: int, times: float) -> None:
    slower = Machine(**{name: times * value for name, value in asdict(MACHINE).items()})
    assert engine_seconds(layer, tokens, slower) == pytest.approx(times * engine_seconds(layer, tokens, MACHINE))


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 5000))
def test_the_rate_of_products_rises_with_their_size_towards_the_peak(m: int, n: int, k: int) -> None:
    rates = [2 * (t * m) * (t * n) * (t * k) / MACHINE.product_seconds(t * m, t * n, t * k) for t in (1, 2)]
    assert rates[0] < rates[1] < 1 / MACHINE.per_flop


@pytest.mark.usefixtures("folder")
def test_a_measurement_is_remembered_and_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import parity.machine.measure

    monkeypatch.setattr(parity.machine.measure, "RUNS", 1)
    monkeypatch.setattr(parity.machine.measure, "FLOPS_AT_ONCE", 1)
    monkeypatch.setattr(parity.machine.measure, "STREAMED_BYTES", 1 << 16)
    first = run("compare", "paper-smoe", "paper-dense")
    assert "--measure" in first.output
    assert "this machine" not in first.stdout
    measured = run("compare", "paper-smoe", "paper-dense", "--measure")
    assert measured.exit_code == 0, measured.output
    assert "this machine, float32" in measured.stdout
    assert remembered() is not None
    assert run("compare", "paper-smoe", "paper-dense").stdout == measured.stdout


def test_a_measurement_that_cannot_be_remembered_is_shown_all_the_same(
    folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parity.machine.measure.measure", lambda: MACHINE)
    (folder / "parity").write_text("")
    result = run("compare", "paper-smoe", "paper-dense", "--measure")
    assert result.exit_code == 0
    assert "this machine, float32" in result.stdout
    assert "not remembered" in result.stderr
    assert str(folder) in result.stderr
