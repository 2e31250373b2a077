"""Whatever a visitor drops is refused in words or read right, never raised, and never markup."""

import json
import re
from functools import cache
from random import Random
from typing import Any

import pytest

from tests.app.conftest import (
    CONFIGS,
    MIXTRAL,
    answers,
    changed,
    drop,
    is_inert,
    link,
    messages,
    metrics,
    opened,
    tables,
)
from tests.models.mutations import mutated

CONFIG: dict[str, Any] = json.loads(MIXTRAL.read_bytes())
DROPPED = "config.json"
OFFER = "(accepted|required) (is|are) "
PAGES: dict[str, dict[str, str]] = {
    "solve": {"baseline": DROPPED, "derivation": "yes"},
    "explore": {"baseline": DROPPED, "heads": "2", "top_k": "2"},
    "verify": {"design": DROPPED},
    "compare": {"designs": f"paper-smoe;{DROPPED}"},
}


def config(**changes: Any) -> bytes:
    """Mixtral's config with some fields changed."""
    return json.dumps(CONFIG | changes).encode()


def spelled(field: str, value: str) -> bytes:
    """Mixtral's config with this text where the value of a field stands."""
    return json.dumps(CONFIG | {field: "@"}).replace('"@"', value).encode()


MARKUP = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "<script>alert(1)</script>",
    "mathematics": "$x$ $$y$$",
    "link": "[a](http://evil.example)",
    "address": "http://evil.example www.evil.example a@evil.example",
    "icon": ":material/home: :smile: :red[x] :red-badge[y]",
    "code": "` `` ```",
    "heading": "# a\n# b\r\n- c",
    "entities": "&lt;b&gt; &#x3c;i&#x3e;",
}
HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "not JSON": b"model_type: mixtral",
    "cut off": MIXTRAL.read_bytes()[:-2],
    "binary": bytes(range(256)) * 64,
    "weights": b"\x08\0\0\0\0\0\0\0{}      ",
    "zip": b"PK\x03\x04" + bytes(1000),
    "UTF-16": MIXTRAL.read_text().encode("utf-16"),
    "list": b"[" + MIXTRAL.read_bytes() + b"]",
    "number": b"1",
    "null": b"null",
    "text": b'"config"',
    "no fields": b"{}",
    "no values": json.dumps(dict.fromkeys(CONFIG)).encode(),
    "50 MB": b'{"model_type": "' + b"a" * 50_000_000 + b'"}',
    "50 MB of space": b" " * 50_000_000 + MIXTRAL.read_bytes(),
    "brackets": b"[" * 100_000,
    "nested lists": b"[" * 100_000 + b"]" * 100_000,
    "nested objects": b'{"model_type":' * 100_000 + b"1" + b"}" * 100_000,
    "nested value": spelled("hidden_size", "[" * 100_000 + "]" * 100_000),
    "nested less deeply": spelled("hidden_size", "[" * 500 + "]" * 500),
    "list for a number": config(hidden_size=[4096]),
    "text for a number": config(hidden_size="4096"),
    "object for a number": config(num_local_experts={"a": 8}),
    "true for a number": config(num_experts_per_tok=True),
    "negative": config(num_local_experts=-8),
    "zero": config(hidden_size=0),
    "fraction": config(intermediate_size=0.5),
    "1e999": spelled("hidden_size", "1e999"),
    "minus 1e999": spelled("hidden_size", "-1e999"),
    "NaN": spelled("hidden_size", "NaN"),
    "Infinity": spelled("hidden_size", "Infinity"),
    "10,000 digits": spelled("hidden_size", "9" * 10_000),
    "4,000 digits": spelled("hidden_size", "9" * 4_000),
    "beyond 64 bits": config(hidden_size=2**64),
    "10,000 digits of a fraction": spelled("hidden_size", "0." + "9" * 10_000),
    "key twice": b'{"model_type": "mixtral", "model_type": "llama"}',
    "list of families": config(model_type=["mixtral"]),
    "more experts a token than experts": config(num_experts_per_tok=9),
    "lone surrogate": b'{"model_type": "\\ud800"}',
    "nul": b'{"model_type": "\\u0000"}',
    "long": config(model_type="x" * 100_000),
    **{f"{name} in a value": config(model_type=text) for name, text in MARKUP.items()},
    **{f"{name} in a number": config(hidden_size=text) for name, text in MARKUP.items()},
    **{f"{name} in a field": config(**{text: 1}) for name, text in MARKUP.items()},
}
NAMES = {name: re.sub(r"[/\r\n]", "", text) + ".json" for name, text in MARKUP.items()} | {
    "path": "../../etc/passwd.json",
    "long": "x" * 250 + ".json",
    "design": "d_model=1.json",
    "option": "--help.json",
}


@cache
def right_answers(page: str) -> dict[str, Any]:
    """Everything that the page answers with when Mixtral's config is dropped."""
    return answers(drop(opened(page, PAGES[page]), MIXTRAL.name, MIXTRAL.read_bytes()))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_config_is_refused_with_what_is_and_the_page_goes_on(page: str, content: bytes) -> None:
    shown = drop(opened(page, PAGES[page]), DROPPED, content)
    assert not shown.exception
    assert not metrics(shown)
    assert not tables(shown)
    assert is_inert(shown)
    assert any(text.startswith(DROPPED) and re.search(OFFER, text) for text in messages(shown))
    assert max(map(len, messages(shown))) < 2_000
    assert "layer" not in link(shown)
    drop(shown, MIXTRAL.name, MIXTRAL.read_bytes())
    assert not messages(shown)
    assert answers(shown) == right_answers(page)


@pytest.mark.parametrize("name", MARKUP)
def test_what_is_refused_is_shown_as_it_stands_in_the_file(name: str) -> None:
    text = re.sub("[\r\n]+", "", MARKUP[name])
    if name == "heading":
        text = "# a\\n# b\\r\\n- c"
    for content in (config(model_type=MARKUP[name]), config(**{MARKUP[name]: 1})):
        shown = drop(opened("solve", PAGES["solve"]), DROPPED, content)
        assert any(text in said for said in messages(shown))


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_name_of_a_file_is_shown_as_code_alone(page: str, name: str) -> None:
    shown = drop(opened(page, PAGES[page]), name, MIXTRAL.read_bytes())
    assert not shown.exception
    assert not messages(shown)
    stem = name.removesuffix(".json")
    blocks = [block.value for kind in (shown.markdown, shown.caption) for block in kind]
    spans = [re.match(r"(`+) (.*?) \1(?!`)", block) for block in blocks]
    assert any(span and span[2] == name for span in spans)
    beside = [block[span.end() :] if span else block for block, span in zip(blocks, spans, strict=True)]
    assert not any(stem in block or stem in block.replace("\\", "") for block in beside)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_name_of_a_file_that_is_refused_is_shown_as_code_alone(name: str) -> None:
    shown = drop(opened("solve", PAGES["solve"]), name, b"{}")
    assert not shown.exception
    assert is_inert(shown)
    assert any(re.search(OFFER, text) for text in messages(shown))


@pytest.mark.parametrize("seed", range(40))
def test_a_config_with_something_wrong_is_answered_or_refused(seed: int) -> None:
    random = Random(seed)
    configs = [json.loads(path.read_bytes()) for path in CONFIGS.values()]
    wrong = mutated(random.choice(configs), random.choice(configs), random, huge=False)
    for page in ("solve", "compare"):
        shown = drop(opened(page, PAGES[page]), DROPPED, json.dumps(wrong).encode())
        assert not shown.exception
        assert is_inert(shown)
        assert bool(tables(shown)) is not bool(messages(shown))


@pytest.mark.parametrize("value", [*MARKUP.values(), "", "paper-smo", "d_model=0", "../../etc/passwd", "config.json"])
@pytest.mark.parametrize("page", PAGES)
def test_a_layer_in_a_link_that_is_none_is_refused(page: str, value: str) -> None:
    shown = opened(page, {**PAGES[page], "layer": value})
    assert not shown.exception
    assert not tables(shown)
    assert is_inert(shown)
    assert any("accepted is a config.json that is dropped here" in text for text in messages(shown))


def test_a_file_that_is_refused_leaves_a_comparison_without_it_as_it_was() -> None:
    shown = drop(opened("compare"), DROPPED, b"{}")
    assert any(re.search(OFFER, text) for text in messages(shown))
    assert answers(shown) == answers(opened("compare"))
    changed(shown, {"designs": [DROPPED]})
    assert not tables(shown)
