"""Parameters to safetensors and back, and files that are not what they say."""

import builtins
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import weights
from parity.errors import InputError
from parity.models.checkpoints.header import read_header
from parity.weights import load, save
from reference import MoEConfig, init
from tests.engine.strategies import config_of
from tests.examples import examples
from tests.strategies import layers

safetensors: Any = pytest.importorskip("safetensors")

CONFIG = MoEConfig(d_model=6, d_expert=5, num_experts=3, top_k=2, heads=2, num_shared_experts=1, d_shared=4)


def file_of(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "layer.safetensors"
    save(str(path), init(CONFIG, np.random.default_rng(0)), CONFIG)
    return path


@examples(50)
@given(layers(), st.sampled_from(("float32", "float64")), st.booleans())
def test_what_is_saved_is_loaded_bit_by_bit(
    tmp_path_factory: pytest.TempPathFactory, layer: Any, dtype: str, biases: bool
) -> None:
    config = config_of(layer, dtype=dtype, projection_bias=biases)
    params = init(config, np.random.default_rng(1))
    path = tmp_path_factory.mktemp("weights") / "layer.safetensors"
    save(str(path), params, config)
    loaded = load(str(path), config)
    assert list(loaded) == list(params)
    for name, array in params.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].tobytes() == array.tobytes()
    assert os.listdir(path.parent) == [path.name]


def test_arrays_that_are_not_contiguous_are_saved_as_they_read(tmp_path: Path) -> None:
    params = init(CONFIG, np.random.default_rng(2))
    turned = params | {"head": np.asfortranarray(params["head"])}
    save(str(tmp_path / "a"), turned, CONFIG)
    assert (load(str(tmp_path / "a"), CONFIG)["head"] == params["head"]).all()


def test_another_layers_parameters_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    params = init(CONFIG, np.random.default_rng(3))
    for wrong, shows in (
        ({**params, "head": params["head"][:5]}, "head"),
        ({**params, "more": params["head"]}, "more"),
        ({name: array for name, array in params.items() if name != "router"}, "router"),
        ({name: array.astype("float64") for name, array in params.items()}, "float64|F64"),
        ({**params, "head": "text"}, "head"),
    ):
        with pytest.raises(InputError, match=shows):
            save(str(tmp_path / "a"), wrong, CONFIG)  # type: ignore[arg-type]
    assert os.listdir(tmp_path) == []


def test_a_file_of_another_layer_is_refused_by_the_name_of_the_array(whole: Path) -> None:
    other = MoEConfig(d_model=6, d_expert=5, num_experts=4, top_k=2, heads=2, num_shared_experts=1, d_shared=4)
    with pytest.raises(InputError, match=r"router.*\[3, 3\].*accepted.*\[3, 4\]"):
        load(str(whole), other)


@pytest.mark.parametrize("cut", [0, 4, 8, 100, -1])
def test_a_file_that_is_cut_is_refused(whole: Path, cut: int) -> None:
    whole.write_bytes(whole.read_bytes()[:cut])
    with pytest.raises(InputError, match="accepted"):
        load(str(whole), CONFIG)


def test_bytes_after_the_end_are_refused(whole: Path) -> None:
    whole.write_bytes(whole.read_bytes() + b"\0")
    with pytest.raises(InputError, match="accepted"):
        load(str(whole), CONFIG)


def test_a_file_that_changes_while_it_is_read_is_refused(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def then_it_grows(path: str, largest: int) -> Any:
        found = read_header(path, largest)
        with open(path, "ab") as file:
            file.write(b"more")
        return found

    size = whole.stat().st_size
    monkeypatch.setattr(weights, "read_header", then_it_grows)
    with pytest.raises(InputError, match=f"other than the {size} bytes that its header says: accepted are whole"):
        load(str(whole), CONFIG)


def test_what_the_library_refuses_is_refused_in_its_words(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: bytes) -> None:
        raise safetensors.SafetensorError("invalid UTF-8 in a name")

    monkeypatch.setattr("safetensors.numpy.load", refused)
    with pytest.raises(
        InputError, match=r"is no safetensors file \(invalid UTF-8 in a name\): accepted are such files"
    ):
        load(str(whole), CONFIG)


TENSOR = {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}
HOSTILE = {
    "a header longer than the file": file_of({}, length=2**63),
    "a header of gigabytes": file_of({}, length=2**40),
    "a long header": file_of(b" " * 100_000 + b"{}"),
    "no object": file_of([1]),
    "deep": file_of(b"[" * 50_000),
    "a vast shape": file_of({"head": TENSOR}, b"\0" * 4),
    "negative": file_of({"head": {**TENSOR, "shape": [-1, 4]}}, b"\0" * 4),
    "offsets beyond": file_of({"head": {**TENSOR, "shape": [1], "data_offsets": [0, 2**60]}}, b"\0" * 4),
    "a pickle": b"\x80\x04cos\nsystem\n(S'false'\ntR.",
    "not text": file_of(b"\xff\xfe" * 50),
    "nothing": b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(HOSTILE[kind])
    with pytest.raises(InputError, match="accepted"):
        load(str(tmp_path / "a"), CONFIG)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "absent", Path("/dev/zero")):
        with pytest.raises(InputError, match="accepted"):
            load(str(path), CONFIG)


def test_without_the_library_the_extra_is_named(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name.startswith("safetensors"):
            raise ImportError(name)
        return imported(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"moe-parity\[weights\]"):
        load(str(whole), CONFIG)


def test_the_exported_torch_layer_takes_the_file(whole: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    from safetensors.torch import load_file

    from parity import MoELayer
    from parity.exporters import Request, export

    design = MoELayer(d_model=6, d_expert=5, num_experts=3, top_k=2, heads=2, num_shared_experts=1, d_shared=4)
    names: dict[str, Any] = {}
    exec(export("torch", Request(design)).files["layer.py"], names)
    layer = names["MoELayer"]()
    layer.load_state_dict(load_file(whole), strict=True)
    for name, array in load(str(whole), CONFIG).items():
        assert torch.equal(getattr(layer, name), torch.tensor(array))
