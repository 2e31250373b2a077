"""A certificate from anyone: checked or refused, in bounded memory, and without a look at any file."""

import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import InputError
from parity.certificate import Checked, check_bytes
from parity.certificate.execution import MOST
from parity.certificate.reading import LARGEST_CERTIFICATE
from tests.certificates import EXAMPLES, damaged, example, signed, with_part
from tests.examples import examples

LARGEST = 2**63 - 1


def checked_or_refused(data: bytes) -> Checked | str:
    """What a check comes to, or why there is none."""
    try:
        return check_bytes(data)
    except InputError as refused:
        return str(refused)


NOT_CERTIFICATES = {
    "nothing": b"",
    "not text": b"\xff\xfe{}",
    "half a letter": b'{"form":"\\ud800"}',
    "not JSON": b"{'form': 1}",
    "a list": b"[]",
    "a number": b"1",
    "NaN": b'{"form":NaN}',
    "infinity": b'{"form":1e999}',
    "5,000 digits": b'{"form":1' + b"0" * 5000 + b"}",
    "a key twice": b'{"form":1,"form":1}',
    "deep": b'{"form":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a little too deep": b'{"form":' + b"[" * 9 + b"]" * 9 + b"}",
    "large": b'{"form":1}' + b" " * LARGEST_CERTIFICATE,
}


@pytest.mark.parametrize("data", NOT_CERTIFICATES.values(), ids=NOT_CERTIFICATES)
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="accepted") as refused:
        check_bytes(data)
    assert str(refused.value).isprintable()


BEYOND: dict[str, tuple[tuple[str, ...], Any]] = {
    "tokens": (("execution", "tokens"), LARGEST),
    "tokens beyond FLOPs": (("execution", "tokens"), 10**6),
    "tokens beyond integers": (("execution", "tokens"), 2**63),
    "width": (("design", "d_expert"), LARGEST),
    "experts": (("design", "num_experts"), LARGEST),
    "experts, many and small": (("design", "num_experts"), MOST.experts + 1),
    "shared experts": (("design", "num_shared_experts"), LARGEST),
    "a scale that does not divide": (("execution", "scale_down"), 5),
    "no scale": (("execution", "scale_down"), 0),
    "not executed though small": (("execution", "scale_down"), None),
    "a fraction of a billion digits": (("search", "constraints", "tolerance"), "1e999999999"),
    "a fraction by zero": (("search", "constraints", "tolerance"), "1/0"),
    "a negative fraction": (("search", "constraints", "tolerance"), "-1/2"),
    "a long fraction": (("search", "constraints", "tolerance"), "1/" + "9" * 1000),
    "digits of another script": (("search", "constraints", "tolerance"), "१"),
    "an unknown constraint": (("search", "constraints"), {"nobody": 1}),
    "an unknown convention": (("convention",), ["paper"]),
    "a path for a design": (("design",), "/etc/passwd"),
    "a name for a design": (("baseline",), "paper-smoe"),
    "another form": (("form",), 2),
}


@pytest.mark.parametrize(("path", "value"), BEYOND.values(), ids=BEYOND)
def test_what_is_beyond_the_bounds_is_named_before_anything_is_allocated(path: tuple[str, ...], value: Any) -> None:
    data = signed(with_part(example("best"), path, value))
    check_bytes(data)
    tracemalloc.start()
    checked = check_bytes(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
    places = {".".join(path[:length]) for length in (1, 2, 3)} | {"execution"}
    assert [d for d in checked.differences if d.path in places and "accepted" in d.reason]


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_integer_of_any_size_in_any_place_is_caught(name: str) -> None:
    certificate = example(name)
    for number in (LARGEST, 2**63, -(2**63), 10**400, 10**4000):
        for path in (("form",), ("design", "d_model"), ("search", "constraints", "ep"), ("costs", "paper")):
            assert not check_bytes(signed(with_part(certificate, path, number))).holds


@examples(300)
@given(st.sampled_from(sorted(EXAMPLES)), st.integers(0, 2**64))
def test_a_damaged_certificate_is_checked_or_refused(name: str, seed: int) -> None:
    checked = checked_or_refused(damaged(example(name), Random(seed)))
    if isinstance(checked, str):
        assert checked.isprintable()
        return
    assert checked.holds == (not checked.differences)
    assert all(difference.reason.isprintable() for difference in checked.differences)


WITHOUT_FILES = """
import json, sys
from parity.certificate import check_bytes
certificates = [line.encode() for line in sys.stdin]
check_bytes(certificates[0])  # what is imported late is imported now
touched, watched = [], True
FILES = ("open", "os.", "socket.", "subprocess.", "shutil.", "glob.", "tempfile.", "import")
def watch(event, arguments):
    if watched and event.startswith(FILES):
        touched.append(f"{event} {arguments}")
sys.addaudithook(watch)
outcomes = []
for certificate in certificates:
    try:
        outcomes.append(check_bytes(certificate).holds)
    except Exception as error:
        outcomes.append(type(error).__name__)
watched = False
print(json.dumps([outcomes, touched]))
"""


def test_a_check_opens_nothing(tmp_path: Path) -> None:
    good = example("best")
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps(good["design"]), "utf-8")
    names = (str(secret), "paper-smoe", f"file://{secret}", "config.json", {"path": str(secret)}, {"$ref": str(secret)})
    hostile = [with_part(good, path, name) for path in (("design",), ("baseline",), ("convention",)) for name in names]
    hostile += [with_part(good, ("informative",), {"names": {"design": str(secret)}})]
    lines = b"\n".join([signed(good), *map(signed, hostile)])
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_FILES], input=lines, capture_output=True, cwd=os.getcwd(), check=True
    )
    outcomes, touched = json.loads(done.stdout)
    assert outcomes == [True, *[False] * (len(hostile) - 1), True]
    assert touched == []
