"""In a browser: a config.json that is dropped solves, and what is hostile is refused and never rendered as HTML."""

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from parity.ref import reference_to, resolve
from parity.text import integer, percent
from tests.app.browser.conftest import Tab, expect
from tests.app.conftest import CONFIGS, MIXTRAL
from tests.conftest import Answer

DROPPED = "config.json"
START = {
    "solve": {"baseline": DROPPED},
    "explore": {"baseline": DROPPED, "heads": "2", "top_k": "2"},
    "verify": {"design": DROPPED},
    "compare": {"designs": f"{DROPPED};paper-smoe"},
}
CONFIG = json.loads(MIXTRAL.read_bytes())
MARKUP = {
    "image": "<img src=x onerror=window.hacked=1>",
    "dialog": "<img src=x onerror=alert(1)>",
    "script": "<script>window.hacked=1</script>",
    "frame": "<iframe src=javascript:window.hacked=1></iframe>",
    "mathematics": "$x$ $$y$$",
    "link": "[a](http://evil.example) ![b](http://evil.example/x.png)",
    "address": "http://evil.example www.evil.example a@evil.example",
    "icon": ":material/home: :smile: :red[x] :red-badge[y]",
    "emphasis": "*x* **y** ~~z~~ `c` ``d``",
    "entities": "&lt;b&gt; &#x3c;i&#x3e; a -> b",
}
LIVE = "img, script, iframe, .katex, [class*=badge], [data-testid=stIconMaterial], a[href*=evil], a[href^=mailto]"
"""What Markdown makes of such text in a paragraph."""


def spelled(value: str) -> bytes:
    """Mixtral's config with this text where its width stands."""
    return json.dumps(CONFIG | {"hidden_size": "@"}).replace('"@"', value).encode()


HOSTILE = {
    "empty": b"",
    "not JSON": b"model_type: mixtral",
    "binary": bytes(range(256)) * 64,
    "list": b"[" + MIXTRAL.read_bytes() + b"]",
    "nested deeply": b"[" * 100_000 + b"]" * 100_000,
    "value nested deeply": spelled("[" * 100_000 + "]" * 100_000),
    "list for a number": spelled("[4096]"),
    "negative": spelled("-4096"),
    "1e999": spelled("1e999"),
    "NaN": spelled("NaN"),
    "10,000 digits": spelled("9" * 10_000),
}


MARKED = {
    "family": CONFIG | {"model_type": "@"},
    "number": CONFIG | {"hidden_size": "@"},
    "field": CONFIG | {"@": 1},
}
"""Configs, with where markup stands in them."""


def opened_to_drop(tab: Tab, page: str) -> Any:
    """The page where a file can be dropped on it."""
    shown = tab.open(page, START[page] | ({"derivation": "yes"} if page == "solve" else {}))
    if page == "compare":
        shown.get_by_text("A model of your own", exact=True).click()
    return shown


def large_numbers(tab: Tab, answer: Answer, path: Path) -> None:
    """The page shows the numbers that the command line finds for the file."""
    heads = tab.page.get_by_label("heads", exact=True).input_value()
    best = answer("solve", "--baseline", path, "--heads", heads, "--topk", 3)["solutions"][0]
    sizes = [integer(best["design"][name]) for name in ("d_expert", "num_experts")]
    expect(tab.numbers()).to_have_text([*sizes, *(percent(Fraction(best["error"][of])) for of in ("flops", "params"))])


@pytest.mark.parametrize("name", ["mistralai__Mixtral-8x7B-v0.1", "deepseek-ai__DeepSeek-V3", "Qwen__Qwen3-30B-A3B"])
def test_a_config_that_is_dropped_solves_and_its_link_works_for_somebody_else(
    tab: Tab, stranger: Tab, answer: Answer, name: str
) -> None:
    path = CONFIGS[name]
    shown = tab.open("solve", START["solve"])
    expect(shown.get_by_text("no file yet: accepted is a config.json that is dropped here").first).to_be_visible()
    tab.drop(path.name, path.read_bytes())
    expect(tab.numbers()).to_have_count(4)
    large_numbers(tab, answer, path)
    expect(shown.get_by_test_id("stAlert")).to_have_count(0)
    shown.wait_for_url(re.compile("layer="))
    assert tab.address() == {"v": "1", **START["solve"], "layer": reference_to(resolve(str(path)))}
    stranger.open("solve", tab.address())
    expect(stranger.numbers()).to_have_text(tab.numbers().all_text_contents())
    expect(stranger.page.get_by_text("The link has the MoE layer of a config.json, and not the file.")).to_be_visible()


def test_a_file_that_is_dropped_on_one_page_is_there_on_the_others(tab: Tab, answer: Answer) -> None:
    tab.open("solve", START["solve"])
    tab.drop(MIXTRAL.name, MIXTRAL.read_bytes())
    expect(tab.numbers()).to_have_count(4)
    for page, chooser in (("Explore", "Baseline"), ("Verify", "Design")):
        tab.page.get_by_role("link", name=page).click()
        expect(tab.page.get_by_role("heading", level=1)).to_have_text(page)
        tab.page.get_by_role("combobox", name=chooser, exact=True).fill(DROPPED)
        tab.page.get_by_role("option", name=DROPPED, exact=True).click()
        expect(tab.page.get_by_text(re.compile("Mixtral: 32 layers, 32 of them MoE; 46,702,792,704"))).to_be_visible()
        tab.settle(page.lower())
        expect(tab.page.get_by_test_id("stAlert")).to_have_count(0)
    tab.page.get_by_role("link", name="Compare").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Compare")
    tab.page.get_by_role("combobox", name="Designs", exact=True).fill(DROPPED)
    tab.page.get_by_role("option", name=DROPPED, exact=True).click()
    sentence = answer("compare", "paper-smoe", MIXTRAL)["summary"][0].replace("design 2", f"{DROPPED} layer")
    expect(tab.page.get_by_text(sentence)).to_be_visible()


def test_a_file_that_is_taken_away_is_forgotten(tab: Tab) -> None:
    shown = tab.open("solve", START["solve"])
    tab.drop(MIXTRAL.name, MIXTRAL.read_bytes())
    expect(tab.numbers()).to_have_count(4)
    shown.get_by_test_id("stFileUploader").get_by_role("button", name=re.compile("Remove|Delete")).click()
    expect(shown.get_by_text("no file yet: accepted is a config.json that is dropped here").first).to_be_visible()
    expect(tab.numbers()).to_have_count(0)


@pytest.mark.parametrize("page", START)
def test_what_is_no_config_is_refused_with_what_is_and_the_page_goes_on(tab: Tab, page: str) -> None:
    shown = opened_to_drop(tab, page)
    for place, content in enumerate(HOSTILE.values()):
        tab.drop(f"file-{place}.json", content)
        said = shown.get_by_test_id("stAlert").filter(has_text=re.compile(rf"file-{place}\.json.*: accepted (is|are) "))
        expect(said.first).to_be_visible()
        expect(shown.get_by_test_id("stException")).to_have_count(0)
    tab.drop(MIXTRAL.name, MIXTRAL.read_bytes())
    expect(shown.get_by_test_id("stAlert")).to_have_count(0)
    tab.settle(page)


@pytest.mark.parametrize("content", MARKED.values(), ids=MARKED)
def test_markup_in_a_config_is_shown_as_it_stands_and_does_nothing(tab: Tab, content: dict[str, object]) -> None:
    shown = tab.open("solve", START["solve"])
    for text in MARKUP.values():
        tab.drop(DROPPED, json.dumps(content).replace("@", json.dumps(text)[1:-1]).encode())
        said = shown.get_by_test_id("stAlert").get_by_test_id("stMarkdownContainer")
        expect(said.filter(has_text=text).first).to_be_visible()
        expect(said.locator(f"{LIVE}, a, em, strong, del, [style*=color]")).to_have_count(0)
        assert shown.evaluate("window.hacked") is None


@pytest.mark.parametrize("page", START)
def test_markup_in_the_name_of_a_file_is_shown_as_it_stands_and_does_nothing(tab: Tab, page: str) -> None:
    shown = opened_to_drop(tab, page)
    for text in MARKUP.values():
        name = text.replace("/", "")
        tab.drop(f"{name}.json", MIXTRAL.read_bytes())
        told = shown.get_by_test_id("stMarkdownContainer").filter(has_text="46,702,792,704 parameters")
        expect(told.locator("code")).to_have_text(f"{name}.json")
        tab.settle(page)
        expect(shown.get_by_test_id("stAlert")).to_have_count(0)
        expect(shown.get_by_test_id("stMarkdownContainer").filter(has_text=name).locator(LIVE)).to_have_count(0)
        assert shown.evaluate("window.hacked") is None


def test_a_long_name_of_a_file_does_not_make_a_narrow_page_scroll_sideways(stranger: Tab) -> None:
    shown = stranger.open("solve", START["solve"])
    stranger.drop(f"{'x' * 240}.json", MIXTRAL.read_bytes())
    expect(stranger.numbers()).to_have_count(4)
    assert shown.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_a_file_of_50_mb_is_refused_with_how_large_it_may_be_and_is_not_sent(tab: Tab, tmp_path: Path) -> None:
    large = tmp_path / DROPPED
    large.write_bytes(b" " * 50_000_000 + MIXTRAL.read_bytes())
    shown = tab.open("solve", START["solve"])
    shown.locator("input[type=file]").set_input_files(large)
    expect(shown.get_by_text("File must be 1.0MB or smaller.")).to_be_visible()
    assert not [url for url in tab.requests if "upload_file" in url and DROPPED in url]
    tab.drop(MIXTRAL.name, MIXTRAL.read_bytes())
    expect(tab.numbers()).to_have_count(4)


def test_a_file_of_4_mb_that_is_sent_all_the_same_is_refused_by_the_server(tab: Tab) -> None:
    shown = tab.open("solve", START["solve"])
    with shown.expect_request(lambda request: request.method == "PUT" and "upload_file" in request.url) as sent:
        tab.drop(MIXTRAL.name, MIXTRAL.read_bytes())
    expect(tab.numbers()).to_have_count(4)
    headers = {name: value for name, value in sent.value.all_headers().items() if name in ("x-xsrftoken", "cookie")}
    statuses = []
    for content in (MIXTRAL.read_bytes(), b" " * 4_000_000):
        file: Any = {"name": DROPPED, "mimeType": "application/json", "buffer": content}
        statuses.append(shown.request.put(sent.value.url, headers=headers, multipart={"file": file}).status)
    assert statuses == [204, 413]
    expect(tab.numbers()).to_have_count(4)


def test_a_file_that_is_not_called_json_is_refused_with_what_is(tab: Tab) -> None:
    shown = tab.open("solve", START["solve"])
    tab.drop("<img src=x onerror=window.hacked=1>.safetensors", MIXTRAL.read_bytes())
    expect(shown.get_by_text("files are not allowed")).to_be_visible()
    expect(tab.numbers()).to_have_count(0)
    assert shown.evaluate("window.hacked") is None
