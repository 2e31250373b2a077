"""Text becomes tokens: every form is read, nothing leaks, and what cannot be read is said."""

import gzip
import json
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet
from tokenizers import Tokenizer

from parity.errors import InputError
from parity.experiments import default_text
from parity.experiments import documents as module
from parity.experiments.batches import Batches, windows
from parity.experiments.corpus import END, PARTS, TextSet, corpus, split, text_sets
from parity.experiments.documents import LEAST_CHARACTERS, documents, name_of
from tests.experiments.nano import NANO, write_text

TEXTS = ["first\n\nof two paragraphs", "zweiter, mit Umlaut: ü", "third <|end|> with what looks like a token"]


def json_lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text, "url": "x"}) + "\n" for text in texts).encode()


def zstd(data: bytes) -> bytes:
    out = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return bytes(out.getvalue())


def write_parquet(path: Path) -> None:
    parquet.write_table(pyarrow.table({"id": [1, 2, 3], "text": TEXTS}), path)


@pytest.mark.parametrize(
    ("name", "encode"),
    [
        ("a.jsonl", json_lines),
        ("a.json.gz", lambda texts: gzip.compress(json_lines(texts))),
        ("a.jsonl.zst", lambda texts: zstd(json_lines(texts))),
        ("a.txt", lambda texts: "\f".join(texts).encode()),
        ("a.txt.gz", lambda texts: gzip.compress("\f".join(texts).encode())),
        ("unnamed", lambda texts: "\f".join(texts).encode()),
    ],
)
def test_every_form_gives_the_same_documents(tmp_path: Path, name: str, encode: Callable[[list[str]], bytes]) -> None:
    (tmp_path / name).write_bytes(encode(TEXTS))
    assert list(documents(str(tmp_path / name))) == TEXTS
    assert name_of(str(tmp_path / name)) in ("a", "unnamed")


def test_parquet_gives_its_text_column(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet")
    assert list(documents(str(tmp_path / "a.parquet"))) == TEXTS


def test_a_folder_gives_its_files_in_order_and_passes_over_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("b")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "c.jsonl").write_bytes(json_lines(TEXTS[:2]))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    (tmp_path / ".hidden.txt").write_text("hidden")
    assert list(documents(str(tmp_path))) == [*TEXTS[:2], "b"]


def test_a_long_text_is_cut_at_blank_lines_and_nothing_is_lost(tmp_path: Path) -> None:
    text = "".join(f"{number} " * 100 + "\n\n" for number in range(200))
    (tmp_path / "a.txt").write_text(text)
    found = list(documents(str(tmp_path / "a.txt")))
    assert "".join(found) == text
    assert len(found) > 10
    assert all(len(each) >= LEAST_CHARACTERS for each in found[:-1])


BAD: dict[str, tuple[str, bytes, str]] = {
    "not UTF-8": ("a.txt", b"caf\xe9 " * 10, "not UTF-8"),
    "not UTF-8 in JSON lines": ("a.jsonl", b'{"text": "caf\xe9"}\n', "not UTF-8"),
    "a line that is not JSON": ("a.jsonl", b'{"text": "a"}\n{"text": \n', "not JSON in line 2"),
    "a line without text": ("a.jsonl", b'{"txt": "a"}\n', "without a text field in line 1"),
    "a line that is no object": ("a.jsonl", b"[1]\n", "without a text field in line 1"),
    "a text that is none": ("a.jsonl", b'{"text": 7}\n', "text=7"),
    "deeply nested JSON": ("a.jsonl", b"[" * 100_000 + b"\n", "not JSON in line 1"),
    "a truncated gzip": ("a.jsonl.gz", gzip.compress(json_lines(TEXTS * 99))[:-9], "not whole"),
    "an altered gzip": ("a.txt.gz", b"\x1f\x8bnothing", "not whole"),
    "a truncated zstd": ("a.jsonl.zst", zstd(json_lines(TEXTS * 99))[:-9], "not whole"),
    "no Parquet": ("a.parquet", b"PAR1", "not Parquet"),
}


def test_lines_and_texts_of_nothing_but_space_are_no_documents(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n" + json_lines(["one", " \n", "two"]) + b"  \n")
    assert list(documents(str(tmp_path / "a.jsonl"))) == ["one", "two"]


def test_a_line_beyond_any_document_is_refused_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jsonl").write_bytes(json_lines(["a" * 10, "b" * 100]))
    monkeypatch.setattr(module, "LONGEST_LINE", 80)
    with pytest.raises(InputError, match=r"a\.jsonl is longer than 80 characters in line 2.*accepted"):
        list(documents(str(tmp_path / "a.jsonl")))


@pytest.mark.parametrize(
    ("columns", "shows"), [({"id": [1]}, "of words: none"), ({"a": ["x"], "b": ["y"]}, "of words: a, b")]
)
def test_a_table_in_which_no_column_is_the_text_is_refused(
    tmp_path: Path, columns: dict[str, list[object]], shows: str
) -> None:
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=f"without a column named text .{shows}.*accepted is one text column"):
        list(documents(str(tmp_path / "a.parquet")))


def test_the_only_column_of_words_is_the_text(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"id": [1, 2], "body": ["first", None]}), tmp_path / "a.parquet")
    assert list(documents(str(tmp_path / "a.parquet"))) == ["first"]


@pytest.mark.parametrize(("name", "what"), [("a.parquet", "Parquet"), ("a.txt.zst", "zst")])
def test_what_needs_pyarrow_is_refused_without_it_and_the_extra_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, what: str
) -> None:
    (tmp_path / name).write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=rf"{what}.* needs pyarrow, which is absent: .*moe-parity\[experiments\]"):
        list(documents(str(tmp_path / name)))


def test_a_module_that_cannot_be_parsed_has_no_documentation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.py").write_text('"""Of a."""\n')
    (tmp_path / "b.py").write_text('"""Of b.\n')
    (tmp_path / "c.py").write_bytes(b'"""Of c\0."""')
    (tmp_path / "d.py").symlink_to("nowhere")
    (tmp_path / "e.py").write_text("none = True\n")
    topics = list(islice(default_text.documents(), 5))
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    found = list(default_text.documents())
    assert found[:5] == topics
    assert [text for text in found if text.startswith("Of ")] == ["Of a."]


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_is_named_with_its_file(tmp_path: Path, case: str) -> None:
    name, data, words = BAD[case]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match="accepted") as error:
        list(documents(str(tmp_path / name)))
    assert words in str(error.value)
    assert name in str(error.value)


def test_missing_empty_and_short_texts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        text_sets([str(tmp_path / "absent")])
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="no file to read"):
        text_sets([str(tmp_path / "folder")])
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(InputError, match="0 documents of 0 tokens in its training part"):
        corpus(text_sets([str(tmp_path / "empty.txt")]), 300, 16, tmp_path / "corpus")


def test_two_texts_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("text")
    with pytest.raises(InputError, match="another text is named x too"):
        text_sets([str(tmp_path / folder / "x.txt") for folder in ("a", "b")])


@given(st.lists(st.lists(st.text("ab \n", max_size=8), max_size=30), min_size=1, max_size=3))
def test_no_document_is_in_two_parts_or_twice(sets: list[list[str]]) -> None:
    found = list(split([TextSet(str(n), partial(iter, texts), "") for n, texts in enumerate(sets)]))
    words = [tuple(text.split()) for _, _, text in found]
    assert len(words) == len(set(words))
    assert set(words) == {tuple(text.split()) for texts in sets for text in texts}


@given(st.permutations([f"document {number}" for number in range(40)]))
def test_the_part_of_a_document_depends_on_its_words_only(texts: list[str]) -> None:
    def parts(texts: list[str]) -> dict[str, str]:
        return {text.split()[1]: part for _, part, text in split([TextSet("a", lambda: iter(texts), "")])}

    assert parts(texts) == parts([f"  {text}\n" for text in sorted(texts)])
    assert set(parts(texts).values()) == set(PARTS)


def test_tokens_decode_to_the_documents_they_were_made_of(tmp_path: Path) -> None:
    path = write_text(tmp_path / "words.jsonl")
    (tmp_path / "more.txt").write_text("\f".join(f"{text} {n} ünï \U0001f600" for n in range(60) for text in TEXTS))
    sets = text_sets([str(path), str(tmp_path / "more.txt")])
    made = corpus(sets, 320, 16, tmp_path / "corpus")
    tokenizer = Tokenizer.from_file(str(made.folder / "tokenizer.json"))
    end = tokenizer.token_to_id(END)
    for number, each in enumerate(sets):
        for part in PARTS:
            tokens = made.tokens(each.name, part)
            assert tokens.max() < 320
            starts = np.flatnonzero(tokens == end)
            decoded = [tokenizer.decode(piece[1:].tolist()) for piece in np.split(tokens, starts[1:])]
            assert decoded == [text for n, p, text in split(sets) if (n, p) == (number, part)]


def test_tokens_are_made_once_and_the_same_anywhere(tmp_path: Path, text: Path) -> None:
    first = corpus(text_sets([str(text)]), 300, 16, tmp_path / "a")
    made = {path.name: path.read_bytes() for path in first.folder.iterdir()}
    times = {path.name: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    again = corpus(text_sets([str(text)]), 300, 16, tmp_path / "a")
    assert {path.name: path.stat().st_mtime_ns for path in again.folder.iterdir()} == times
    other = corpus(text_sets([str(text)]), 300, 16, tmp_path / "b")
    assert {path.name: path.read_bytes() for path in other.folder.iterdir()} == made


def test_the_default_text_is_there_and_is_enough() -> None:
    (default,) = text_sets([])
    texts = list(default.documents())
    assert sum(map(len, texts)) > 1_000_000
    assert len(texts) > 200


@given(st.integers(0, 5), st.integers(1, 4), st.lists(st.integers(17, 200), min_size=1, max_size=3))
def test_a_pass_has_each_window_of_each_set_once(seed: int, sequences: int, lengths: list[int]) -> None:
    context, sets, first = 8, {}, 0
    for number, length in enumerate(lengths):
        sets[str(number)] = np.arange(first, first + length, dtype=np.uint16)
        first += length
    batches = Batches(sets, context, sequences, seed)
    per_pass = int(batches.ends[-1])
    rows = np.concatenate([batches.batch(step) for step in range(per_pass)])[:per_pass]
    assert (np.diff(rows, axis=1) == 1).all()
    predicted = rows[:, 1:].ravel()
    assert len(set(predicted.tolist())) == per_pass * context


def test_batches_depend_on_seed_and_step_only() -> None:
    tokens = {"a": np.arange(1000, dtype=np.uint16)}
    forwards, backwards = Batches(tokens, 16, 4, 1), Batches(tokens, 16, 4, 1)
    steps = list(range(0, 60, 7))
    there = {step: forwards.batch(step).tolist() for step in steps}
    assert {step: backwards.batch(step).tolist() for step in reversed(steps)} == there
    assert Batches(tokens, 16, 4, 2).batch(0).tolist() != there[0]


@given(st.integers(NANO.context + 1, 400), st.integers(NANO.context, 400))
def test_every_token_is_predicted_once_up_to_the_limit(length: int, most: int) -> None:
    rows = windows(np.arange(length, dtype=np.uint16), NANO.context, most)
    predicted = rows[:, 1:].ravel().tolist()
    assert predicted == list(range(1, 1 + min(length - 1, most) // NANO.context * NANO.context))
