"""Text as tokens: split by document, without duplicates, byte-level BPE, kept beside the results as memory maps.

A document is in the validation part if its digest says so, one in `ONE_IN`. The digest is of its words, so documents
that differ in white space only are the same one, and of these the first is kept, whichever set it is in.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parity.design import shown
from parity.errors import InputError
from parity.experiments import default_text
from parity.experiments.documents import ACCEPTED, LEAST_CHARACTERS, documents, files_of, name_of
from parity.files import open_to_read
from parity.text import counted

ONE_IN = 10
"""One document in so many is for validation."""

PARTS = ("training", "validation")
END = "<|end|>"
"""The token before each document."""

FORM = 1
"""Of what is kept; another one is made anew."""

AT_ONCE = 512
"""Documents encoded at once."""

Tokens = NDArray[np.uint16]


@dataclass(frozen=True)
class TextSet:
    """One set of text: its name in reports, and its documents as often as they are asked for."""

    name: str
    documents: Callable[[], Iterator[str]]
    digest: str
    """Of everything that its documents depend on."""


@dataclass(frozen=True)
class Corpus:
    """Tokens of each set in both parts, and what they were made of."""

    folder: Path
    about: dict[str, Any]

    @property
    def sets(self) -> list[str]:
        """Names of the sets, in the order given."""
        return [each["name"] for each in self.about["sets"]]

    def tokens(self, name: str, part: str) -> Tokens:
        """The tokens of a part of a set [n], mapped from the file."""
        path = self.folder / f"{self.sets.index(name)}.{part}"
        return np.memmap(path, np.uint16, "r") if path.stat().st_size else np.empty(0, np.uint16)


def text_sets(paths: Sequence[str]) -> list[TextSet]:
    """A set for each path; without paths, the documentation of Python's standard library.

    Raises:
        InputError: a path cannot be read, or two have the same name.
    """
    if not paths:
        digest = hashlib.sha256()
        for text in default_text.documents():
            digest.update(text.encode("utf-8") + b"\0")
        return [TextSet(default_text.NAME, default_text.documents, digest.hexdigest())]
    sets = [TextSet(name_of(path), partial(documents, path), _digest(path)) for path in paths]
    for place, each in enumerate(sets):
        if each.name in [other.name for other in sets[:place]]:
            raise InputError(
                f"--text {shown(paths[place])}: another text is named {shown(each.name)} too: accepted "
                "are paths whose last parts differ"
            )
    return sets


def corpus(sets: Sequence[TextSet], vocabulary: int, context: int, folder: Path) -> Corpus:
    """The tokens of these sets, read from `folder` where an earlier call left them, else made.

    Raises:
        InputError: a text cannot be read, or is too short for two windows of `context` tokens in each part.
    """
    kinds = {"form": FORM, "vocabulary": vocabulary, "one_in": ONE_IN, "sets": [[s.name, s.digest] for s in sets]}
    digest = hashlib.sha256(json.dumps(kinds).encode()).hexdigest()
    place = folder / digest[:16]
    if not place.exists():
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".new-{os.getpid()}"
        beside.mkdir()
        try:
            _make(sets, vocabulary, {"digest": digest, **kinds}, beside)
            os.replace(beside, place)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    made = Corpus(place, json.loads((place / "about.json").read_bytes()))
    for each in made.about["sets"]:
        for part in PARTS:
            if each[part]["tokens"] < 2 * context:
                of = f"{counted(each[part]['documents'], 'document')} of {counted(each[part]['tokens'], 'token')}"
                raise InputError(
                    f"{shown(each['name'])} has {of} in its {part} part: accepted are texts with {2 * context} or more "
                    f"in each, one document in {ONE_IN} being for validation; a document is a line of JSON, a row "
                    f"of Parquet, or plain text of {LEAST_CHARACTERS} characters or more up to a blank line"
                )
    return made


def split(sets: Sequence[TextSet]) -> Iterator[tuple[int, str, str]]:
    """The number of the set, the part and the text of each document, duplicates left out."""
    seen: set[bytes] = set()
    for number, each in enumerate(sets):
        for text in each.documents():
            digest = hashlib.sha256(" ".join(text.split()).encode("utf-8")).digest()
            if digest[:16] not in seen:
                seen.add(digest[:16])
                yield number, PARTS[int.from_bytes(digest[16:], "big") % ONE_IN == 0], text


def _make(sets: Sequence[TextSet], vocabulary: int, about: dict[str, Any], folder: Path) -> None:
    tokenizer = _tokenizer((text for _, part, text in split(sets) if part == PARTS[0]), vocabulary)
    counts = [{part: {"documents": 0, "characters": 0, "tokens": 0} for part in PARTS} for _ in sets]
    with ExitStack() as stack:
        files = {
            (number, part): stack.enter_context(open(folder / f"{number}.{part}", "wb"))
            for number in range(len(sets))
            for part in PARTS
        }
        left = split(sets)
        while block := list(islice(left, AT_ONCE)):
            encoded = tokenizer.encode_batch_fast([text for _, _, text in block], add_special_tokens=False)
            for (number, part, text), found in zip(block, encoded, strict=True):
                ids = [tokenizer.token_to_id(END), *found.ids]
                files[number, part].write(np.array(ids, np.uint16).tobytes())
                count = counts[number][part]
                count["documents"] += 1
                count["characters"] += len(text)
                count["tokens"] += len(ids)
    tokenizer.save(str(folder / "tokenizer.json"))
    about["sets"] = [{"name": s.name, "digest": s.digest, **count} for s, count in zip(sets, counts, strict=True)]
    (folder / "about.json").write_text(json.dumps(about, indent=1), "utf-8")


def _tokenizer(texts: Iterator[str], vocabulary: int) -> Any:
    """A byte-level BPE of at most so many tokens; what looks like the special one in a text is text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.encode_special_tokens = True
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _digest(path: str) -> str:
    """Of the names of the files at a path, within it, and what is in them."""
    digest = hashlib.sha256()
    for file in files_of(path):
        with open_to_read(file, ACCEPTED) as opened:
            # BinaryIO has the readinto that is asked for, though its stub does not say so.
            content = hashlib.file_digest(opened, "sha256").hexdigest()  # type: ignore[arg-type]
        digest.update(f"{os.path.relpath(file, path)}\0{content}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
