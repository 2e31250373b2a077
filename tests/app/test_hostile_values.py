"""Whatever a visitor types or puts into the address is refused in words, never raised, and never markup."""

import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

import app
from app.text import as_typed, plain
from parity.design import shown as as_shown
from tests.app.conftest import CODE, as_one, changed, control, is_inert, messages, metrics, opened, tables

HOSTILE = {
    "negative": "-1",
    "fraction": "1.5",
    "huge": str(10**40),
    "text": "text",
    "script": "<script>window.hacked=1</script>",
    "image": "![x](http://evil.example/x.png)",
    "mathematics": "$x$",
    "directive": ":red[x]",
    "link": "[a](b)",
    "long": "x" * 10_000,
    "code": "`` ` code ```",
    "nul": "\0",
    "lines": "a\nb",
    "path": "../../etc/passwd",
    "file": str(Path(app.__file__)),
    "digits of others": "٣",
    "escape": "\x1b[31mred",
    "surrogates": "\U0001f600\u202eabc",
}
PLACES: list[tuple[str, dict[str, str]]] = [
    ("solve", {"baseline": "own fields"}),
    ("solve", {"baseline": "targets"}),
    ("explore", {"baseline": "own fields"}),
    ("verify", {"design": "own fields"}),
]
TYPED, LINKED = 200, 20_000
"""Characters that a line of text takes from a keyboard, and from an address."""
LEAST_IS_0 = ("num_shared_experts", "d_shared", "seed", "tolerance")


def texts(shown: AppTest) -> dict[str, str]:
    """The labels of the lines of text by their names in the address."""
    return {str(field.key).partition(".")[2]: field.label for field in shown.text_input}


@cache
def fields_of(page: str, start: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """The lines of text of the page at that address."""
    return texts(opened(page, dict(start)))


def is_refused(shown: AppTest, label: str, value: str) -> bool:
    """Whether the page says of that value that it cannot work, and what can."""
    start = f"{label.removesuffix(' (%)')}={as_shown(value.strip())}"
    return any(said.startswith(start) and ": accepted are " in said for said in messages(shown))


def check_refused(shown: AppTest, names: dict[str, str], value: str) -> None:
    """The page refuses that value in every one of these lines of text."""
    assert not shown.exception
    assert not metrics(shown)
    assert not tables(shown)
    assert is_inert(shown)
    for name, label in names.items():
        works = name == "tolerance" and value == "1.5"
        assert is_refused(shown, label, value) is not works, (name, value, messages(shown))


@pytest.mark.parametrize(("page", "start"), PLACES, ids=str)
def test_every_line_of_text_refuses_what_is_no_number_when_it_is_typed(page: str, start: dict[str, str]) -> None:
    shown = opened(page, start)
    names = texts(shown)
    for value in HOSTILE.values():
        check_refused(changed(shown, dict.fromkeys(names, value)), names, value[:TYPED])


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(("page", "start"), PLACES, ids=str)
def test_every_line_of_text_refuses_what_is_no_number_in_a_link(page: str, start: dict[str, str], value: str) -> None:
    names = fields_of(page, tuple(start.items()))
    shown = opened(page, {**dict.fromkeys(names, value), **start})
    check_refused(shown, names, value[:LINKED])
    assert {control(shown, name).value for name in names} == {value[:LINKED]}


@pytest.mark.parametrize(("page", "start"), PLACES, ids=str)
def test_zero_is_refused_where_one_is_the_least(page: str, start: dict[str, str]) -> None:
    shown = opened(page, start)
    changed(shown, dict.fromkeys(texts(shown), "0"))
    assert not shown.exception
    for name, label in texts(shown).items():
        assert is_refused(shown, label, "0") is (name.removeprefix("own.") not in LEAST_IS_0)


@pytest.mark.parametrize(("page", "start"), PLACES, ids=str)
def test_lines_left_empty_are_never_an_exception(page: str, start: dict[str, str]) -> None:
    shown = opened(page, start)
    changed(shown, dict.fromkeys(texts(shown), ""))
    assert not shown.exception
    assert any("accepted are" in said for said in messages(shown))


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(("page", "name"), [("compare", "designs"), ("solve", "picked")])
def test_what_is_no_design_is_refused(page: str, name: str, value: str) -> None:
    pages = [opened(page, {name: value})]
    if page == "compare":
        pages.append(changed(opened(page), {name: ["paper-smoe", value]}))
    for shown in pages:
        assert not shown.exception
        assert not tables(shown)
        assert is_inert(shown)
        assert any("is not a " in said and "ccepted are" in said for said in messages(shown))


@pytest.mark.parametrize("value", ["9223372036854775807", "9" * 19, "1"])
@pytest.mark.parametrize(("page", "start"), PLACES, ids=str)
def test_extreme_integers_are_answered_or_refused(page: str, start: dict[str, str], value: str) -> None:
    shown = opened(page, start)
    changed(shown, {name: value for name in texts(shown) if name not in ("d_expert", "granularity", "tokens")})
    assert not shown.exception
    assert bool(messages(shown)) or bool(metrics(shown)) or page == "verify"


@given(st.text())
def test_escaped_text_reads_as_it_was_and_holds_no_bare_markup(text: str) -> None:
    one_line = text.replace("\n", " ")
    escaped = plain(one_line)
    bare = escaped.replace("\\\\", "")
    for sign in "`*_{}[]<>()#+-.!|~$:^=&@/":
        assert bare.count(sign) == bare.count(f"\\{sign}")
    assert "".join(part.replace("\\", "") for part in escaped.split("\\\\")) == one_line.replace("\\", "")


@given(st.text(st.sampled_from("`a \n\\")) | st.text())
def test_text_as_typed_is_one_span_of_code_whatever_it_holds(text: str) -> None:
    code = CODE.fullmatch(as_typed(text.replace("\r", "")))
    assert code
    assert code[2] == text.replace("\r", "").replace("\n", " ")
    assert code[1] not in re.findall("`+", code[2])


@given(st.lists(st.sampled_from([":material/", ":", "material", "/", "`", "``", " ", "a"])).map("".join))
def test_text_as_typed_has_no_sign_of_an_icon_and_reads_as_it_was(text: str) -> None:
    typed = as_typed(text)
    assert ":material/" not in typed
    code = CODE.fullmatch(as_one(typed))
    assert code
    assert code[2] == text


@pytest.mark.parametrize(
    "line_end",
    [
        "\n",
        "\r",
        "\r\n",
    ],
    ids=repr,
)
def test_text_as_typed_has_none_of_the_line_ends_of_markdown(line_end: str) -> None:
    assert not set(as_typed(f"a{line_end}{line_end}b")) & {"\r", "\n"}


def test_a_line_break_stays_one() -> None:
    assert plain("a\n# b") == "a  \n\\# b"
