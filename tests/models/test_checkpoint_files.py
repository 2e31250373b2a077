"""Headers of safetensors files, and the indexes of several: read as the library reads them, or refused."""

import json
import os
import tracemalloc
from errno import EACCES
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from parity import InputError
from parity.models.checkpoints import DTYPES, read_checkpoint, reading
from parity.models.checkpoints import header as headers
from parity.models.checkpoints.header import LARGEST_HEADER
from tests.models.checkpoints import header, write

ONE: dict[str, Any] = {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]}
DTYPES_WRONG: list[Any] = ["u8", "F16", "F12", "", None, 8, []]
SHAPES_WRONG: list[Any] = [
    *(None, 2, "2", {}, [-2], [-1, -2], [2.0], [True, 2], ["2"], [[2]], [2**63], [2**62, 2**62], [0], [1] * 4000),
]
OFFSETS_WRONG: list[Any] = [
    *(None, "02", [], [0], [0, 2, 4], [2, 0], [-2, 0], [0, 2.0], ["0", "2"], [0, 2**70], [1, 3]),
]
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def refusal(path: Path) -> str:
    """The message with which a checkpoint is refused: it names the file, and what would be accepted."""
    with pytest.raises(InputError) as caught:
        read_checkpoint(str(path))
    message = str(caught.value)
    assert path.name in message
    assert "accepted" in message
    return message


def index(folder: Path, places: Any) -> Path:
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    return path


def dtypes_of(library: Any) -> set[str]:
    """The dtypes of this version of the library, which names them where it is given another."""
    with pytest.raises(library.SafetensorError) as caught:
        library.deserialize(header({"a": ONE | {"dtype": "?"}}) + bytes(2))
    return set(str(caught.value).split("`")[3::2])


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """Entries of a header that is nearly always right."""
    result, end = {}, 0
    for name in draw(st.lists(st.text(max_size=4), unique=True, max_size=4)):
        dtype = draw(st.sampled_from(sorted(DTYPES)))
        shape = draw(st.lists(st.integers(0, 4), max_size=3))
        bits = DTYPES[dtype]
        for side in shape:
            bits *= side
        begin, end = end, end + bits // 8 + draw(st.sampled_from((*(0,) * 20, 1, -1)))
        result[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    return result


@SAME_FOLDER
@given(entries(), st.sampled_from((*(0,) * 20, 1, -1)), st.sampled_from(("", " ", "\n\t ")), st.booleans())
def test_a_file_is_read_as_the_library_reads_it_or_refused_as_it_refuses_it(
    tmp_path: Path, described: dict[str, Any], rest: int, space: str, has_metadata: bool
) -> None:
    library = pytest.importorskip("safetensors")
    assume(all(entry["dtype"] in dtypes_of(library) for entry in described.values()))
    metadata = {"__metadata__": {"format": "pt", "}": "{"}} if has_metadata else {}
    size = max((entry["data_offsets"][1] for entry in described.values()), default=0) + rest
    data = header((json.dumps(metadata | described) + space).encode()) + bytes(max(size, 0))
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    try:
        said = {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in library.deserialize(data)}
    except library.SafetensorError:
        refusal(path)
    else:
        found = read_checkpoint(str(path))
        assert {tensor.name: (tensor.dtype, tensor.shape) for tensor in found.tensors} == said
        assert found.bytes == sum(len(entry["data"]) for _, entry in library.deserialize(data))


def test_each_dtype_of_the_library_is_known() -> None:
    assert dtypes_of(pytest.importorskip("safetensors")) <= set(DTYPES)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        (2).to_bytes(8, "little") + b"{",
        (2**64 - 1).to_bytes(8, "little") + b"{}",
        header(b"\xff{}"),
        header(b"[]"),
        header(b"null"),
        header(b"{} {}"),
        header(b'{"a'),
        header(b'{"a":'),
        header(b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]'),
        header(b'{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},}') + bytes(2),
        header(b'{,"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}') + bytes(2),
        header(b'{"a":{"dtype":"U8","dtype":"I8","shape":[2],"data_offsets":[0,2]}}') + bytes(2),
        header(b'{"\\ud800":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}') + bytes(2),
        header(b'{"a":{"dtype":"U8","shape":[%s],"data_offsets":[0,2]}}' % (b"9" * 3000)) + bytes(2),
        header(b'{"a":' + b"[" * 100_000),
        header(b'{"a":' + b'{"a":' * 100_000),
        header(b'{"' + b"a" * 100_000 + b'":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}') + bytes(2),
        header(b'{"__metadata__":{"a":{}},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}') + bytes(2),
        header(b'{"__metadata__":[]}'),
        header({"a": []}),
        header({"a": {}}),
        header({"a": ONE}) + bytes(1),
        header({"a": ONE}) + bytes(3),
        header({"a": ONE, "b": ONE}) + bytes(2),
        header({"a": ONE, "b": ONE | {"data_offsets": [3, 5]}}) + bytes(5),
        header({"a": ONE, "b": ONE | {"data_offsets": [1, 3]}}) + bytes(3),
        *(header({"a": ONE | {"dtype": dtype}}) + bytes(2) for dtype in DTYPES_WRONG),
        *(header({"a": ONE | {"dtype": dtype, "shape": [3]}}) + bytes(2) for dtype in ("F4", "F6_E2M3")),
        *(header({"a": ONE | {"shape": shape}}) + bytes(2) for shape in SHAPES_WRONG),
        *(header({"a": ONE | {"data_offsets": offsets}}) + bytes(2) for offsets in OFFSETS_WRONG),
    ],
)
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    assert len(refusal(path)) < 1500
    assert len(refusal(tmp_path)) < 1500


def test_a_name_given_twice_is_refused(tmp_path: Path) -> None:
    one = json.dumps(ONE)
    path = tmp_path / "model.safetensors"
    path.write_bytes(header(f'{{"a": {one}, "a": {one}}}'.encode()) + bytes(2))
    assert "twice" in refusal(path)


def test_a_header_beyond_the_limit_of_the_library_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    with path.open("wb") as file:
        file.write((LARGEST_HEADER + 1).to_bytes(8, "little"))
        file.truncate(1 << 40)
    assert str(LARGEST_HEADER) in refusal(path)


def test_metadata_may_be_null(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(header({"__metadata__": None, "a": ONE}) + bytes(2))
    assert [tensor.name for tensor in read_checkpoint(str(path)).tensors] == ["a"]


def test_more_tensors_or_files_than_any_checkpoint_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        write(tmp_path / f"x-{number}.safetensors", {f"a{number}": (2,), f"b{number}": (2,)})
    file = tmp_path / "x-0.safetensors"
    path = index(tmp_path, {f"a{number}": f"x-{number}.safetensors" for number in range(3)})
    for module, limit, value, refused, shows in (
        (headers, "MOST_TENSORS", 1, file, "more than 1 tensors"),
        (reading, "MOST_TENSORS", 2, path, "lists 3 tensors: accepted are at most 2"),
        (reading, "MOST_FILES", 2, path, "names 3 files: accepted are at most 2"),
        (reading, "MOST_FILES", 3, tmp_path, "more than 3 entries"),
        (reading, "LARGEST_INDEX", 20, path, "larger than 20 bytes"),
    ):
        with monkeypatch.context() as limited:
            limited.setattr(module, limit, value)
            assert shows in refusal(refused)
    path.unlink()
    monkeypatch.setattr(reading, "MOST_TENSORS", 5)
    assert "holds more than 5 tensors" in refusal(tmp_path)


def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_: str) -> None:  # which to root nothing is
        raise PermissionError(EACCES, "Permission denied")

    monkeypatch.setattr(os, "scandir", forbidden)
    assert "cannot be read (Permission denied)" in refusal(tmp_path)


def test_a_header_of_nothing_but_lists_is_refused_without_building_them(tmp_path: Path) -> None:
    data = header(b'{"a":{"dtype":"U8","shape":[' + b"[]," * 3_000_000 + b'0],"data_offsets":[0,2]}}') + bytes(2)
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    tracemalloc.start()
    refusal(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(data)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    loop = tmp_path / "loop.safetensors"
    loop.symlink_to(loop)
    device = tmp_path / "device.safetensors"
    device.symlink_to("/dev/zero")
    for path in (pipe, loop, device, tmp_path / "none.safetensors", tmp_path / "none.safetensors.index.json"):
        refusal(path)


def test_the_files_of_an_index_are_read_as_one(tmp_path: Path) -> None:
    write(tmp_path / "model-1.safetensors", {"a": (2, 3)}, "BF16")
    write(tmp_path / "model-2.safetensors", {"b": (4,), "c": ()})
    write(tmp_path / "another.safetensors", {"a": (9,)})
    path = index(tmp_path, {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-2.safetensors"})
    for given_path in (path, tmp_path):
        found = read_checkpoint(str(given_path))
        assert [(tensor.name, tensor.shape, tensor.file) for tensor in found.tensors] == [
            ("a", (2, 3), "model-1.safetensors"),
            ("b", (4,), "model-2.safetensors"),
            ("c", (), "model-2.safetensors"),
        ]
        assert found.bytes_by_dtype() == {"F32": 20, "BF16": 12}


def test_a_folder_without_index_is_its_model_file_or_else_all_its_files(tmp_path: Path) -> None:
    write(tmp_path / "x-1.safetensors", {"a": (2,)})
    write(tmp_path / "x-2.safetensors", {"b": (2,)})
    assert [tensor.name for tensor in read_checkpoint(str(tmp_path)).tensors] == ["a", "b"]
    write(tmp_path / "model.safetensors", {"c": (2,)})
    assert [tensor.name for tensor in read_checkpoint(str(tmp_path)).tensors] == ["c"]


def test_a_tensor_in_two_files_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "x-1.safetensors", {"a": (2,)})
    write(tmp_path / "x-2.safetensors", {"a": (2,)})
    assert "x-1.safetensors" in refusal(tmp_path)


def test_a_folder_without_tensors_is_refused(tmp_path: Path) -> None:
    assert "model.safetensors" in refusal(tmp_path)


def test_files_that_an_index_names_and_that_are_missing_are_named(tmp_path: Path) -> None:
    write(tmp_path / "model-2.safetensors", {"b": (4,)})
    path = index(tmp_path, {"a": "model-1.safetensors", "b": "model-2.safetensors"})
    message = refusal(path)
    assert "model-1.safetensors" in message
    assert "model-2.safetensors" not in message
    many = index(tmp_path, {str(number): f"{number}.safetensors" for number in range(5000)})
    assert len(refusal(many)) < 1000


def test_tensors_of_which_index_and_files_disagree_are_named(tmp_path: Path) -> None:
    write(tmp_path / "model-1.safetensors", {"a": (2,), "b": (2,)})
    write(tmp_path / "model-2.safetensors", {"c": (2,)})
    right = {"a": "model-1.safetensors", "b": "model-1.safetensors", "c": "model-2.safetensors"}
    assert "lists d" in refusal(index(tmp_path, right | {"d": "model-2.safetensors"}))
    assert "lists b" in refusal(index(tmp_path, right | {"b": "model-2.safetensors"}))
    del right["b"]
    assert "does not list b" in refusal(index(tmp_path, right))


@pytest.mark.parametrize(
    "file",
    [
        *("../x.safetensors", "/etc/x.safetensors", "a/../x.safetensors", "a\\x.safetensors", "C:x.safetensors"),
        *("x.bin", "", "..", "x\0.safetensors", "a" * 300 + ".safetensors", None, 3, ["x.safetensors"], {}),
    ],
)
def test_an_index_leads_to_plain_names_of_files_beside_it_only(tmp_path: Path, file: Any) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    write(tmp_path / "x.safetensors", {"a": (2,)})
    assert "plain names" in refusal(index(inner, {"a": file}))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": {}}', '{"weight_map": []}', "[" * 10**5, "\0"])
def test_a_damaged_index_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(content)
    refusal(path)


def test_an_index_that_lists_a_tensor_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text('{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}')
    assert "twice" in refusal(path)
