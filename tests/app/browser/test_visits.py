"""In a browser: hostile addresses, narrow and dark screens, the keyboard, the browser's buttons and the menu."""

import re

import pytest

from tests.app.browser.conftest import Tab, expect
from tests.app.conftest import PAGES

HOSTILE = {
    "own.d_model": "<script>window.hacked=1</script>",
    "own.d_latent": "<img src=x onerror=window.hacked=1>",
    "own.heads": ":red[x] :red-badge[y]",
    "own.num_experts": "$x$ $$y$$",
    "own.top_k": "[a](javascript:window.hacked=1)",
    "own.d_expert": "&lt;b&gt; &#x3c;i&#x3e;",
    "own.num_shared_experts": "*x* **y** ~~z~~ `c` ``d``",
    "own.d_shared": "![x](x.png)",
    "heads": "http://evil.example/x",
    "top_k": "www.evil.example",
    "max_experts": "a@evil.example",
    "ep": "![x](http://evil.example/x.png)",
    "tp": "a -> b <- c -- d",
    "tolerance": ":streamlit: :smile: :rainbow[x]",
    "experts_multiple_of": "# x",
    "d_expert_multiple_of": "#ff0000",
}
LIVE = "a, img, script, em, strong, del, h1, ul, svg, .katex, [class*=badge], [style*=color]"
"""What Markdown makes of text that is not inert."""


def test_values_of_an_address_are_shown_as_typed_and_do_nothing(tab: Tab) -> None:
    shown = tab.open("solve", {"baseline": "own fields", **HOSTILE})
    said = shown.get_by_test_id("stAlert").get_by_test_id("stMarkdownContainer")
    for name, value in HOSTILE.items():
        start = f"{name.removeprefix('own.')}={value}: accepted are "
        expect(said.filter(has_text=start).first).to_be_attached()
    expect(said.locator(LIVE)).to_have_count(0)
    assert shown.evaluate("window.hacked") is None


@pytest.mark.parametrize(("page", "name"), [("compare", "designs"), ("verify", "v")])
def test_other_values_of_an_address_are_shown_as_typed_and_do_nothing(tab: Tab, page: str, name: str) -> None:
    value = "<script>window.hacked/**/</script> ![x](http://evil.example/x.png) a -> b :red[x]"
    shown = tab.open(page, {name: value})
    said = shown.get_by_test_id("stAlert").get_by_test_id("stMarkdownContainer")
    expect(said.first).to_contain_text(value)
    expect(said.locator(LIVE)).to_have_count(0)


def test_a_break_in_an_address_does_not_end_what_is_shown_as_typed(tab: Tab) -> None:
    broken = "x\r\r**y**"
    shown = tab.open("solve", {"convention": broken, broken: "z"})
    said = shown.get_by_test_id("stAlert").first.get_by_test_id("stMarkdownContainer")
    expect(said).to_contain_text("which this page does not know")
    assert said.locator(LIVE).count() == 0


def test_a_narrow_dark_page_does_not_scroll_sideways(stranger: Tab) -> None:
    long = {"heads": "x" * 200}
    for page, address in (*((page, None) for page in PAGES), ("solve", long)):
        shown = stranger.open(page, address)
        if address:
            expect(shown.get_by_test_id("stAlert").first).to_be_visible()
        colour = shown.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
        assert max(map(int, re.findall(r"\d+", colour)[:3])) < 64
        assert shown.evaluate("document.documentElement.scrollWidth") <= 390
        assert shown.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_the_keyboard_alone_reaches_and_changes_the_controls(tab: Tab) -> None:
    expect(tab.open("solve").get_by_label("top_k", exact=True)).to_be_visible()
    reached: list[str] = []
    while "top_k" not in reached:
        tab.page.keyboard.press("Tab")
        reached.append(str(tab.page.evaluate("document.activeElement.getAttribute('aria-label')")))
        assert len(reached) < 40, reached
    controls = [label for label in dict.fromkeys(reached) if label in ("Baseline", "heads", "top_k")]
    assert controls == ["Baseline", "heads", "top_k"]
    tab.page.keyboard.press("Control+a")
    tab.page.keyboard.type("2")
    tab.page.keyboard.press("Enter")
    expect(tab.numbers().first).to_have_text("768")
    tab.page.wait_for_url("**/?v=1&top_k=2")


def test_the_back_button_restores_what_was_and_the_defaults(tab: Tab) -> None:
    tab.open("solve")
    for heads, experts in (("2", "62"), ("4", "124")):
        tab.type("heads", heads)
        expect(tab.numbers().nth(1)).to_have_text(experts)
        tab.page.wait_for_url(f"**/?v=1&heads={heads}")
    for heads, experts in (("2", "62"), ("3", "93")):
        tab.page.go_back()
        expect(tab.numbers().nth(1)).to_have_text(experts)
        expect(tab.page.get_by_label("heads", exact=True)).to_have_value(heads)


def test_a_page_that_is_left_by_the_menu_and_returned_to_is_as_it_was(tab: Tab) -> None:
    tab.open("explore", {"heads": "2"})
    expect(tab.numbers()).to_have_count(3)
    before = tab.numbers().all_text_contents()
    tab.page.get_by_role("link", name="Paper").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Paper")
    tab.page.get_by_role("link", name="Explore").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Explore")
    expect(tab.page.get_by_label("heads", exact=True)).to_have_value("2")
    expect(tab.numbers()).to_have_text(before)
    assert tab.address() == {"v": "1", "heads": "2"}
