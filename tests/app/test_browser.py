"""The app as a browser has it: `parity app` served, Chromium in front of it."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from parity import Constraints, MoELayer, cost, solve
from parity.builtin import BUILTIN
from parity.ref import resolve
from parity.text import integer, percent
from tests.app.conftest import PAGES, PATIENCE, Served
from tests.conftest import Answer, Run

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("there is no chromium on the path to show the app in", allow_module_level=True)
playwright = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")
expect = playwright.expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page

DEEP_LINK = re.compile(r"/(explore|compare|verify|paper)/_stcore/(health|host-config)$")
"""What Streamlit asks for, and does not find, when a page other than the first is opened by its address."""
ADDRESS = {page: "" if page == "solve" else page for page in PAGES}


class Tab:
    """A tab, which notes what it asks for and what goes wrong."""

    def __init__(self, context: "BrowserContext", url: str) -> None:
        self.page: Page = context.new_page()
        self._url = url
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", self._note_dialog)
        self.page.on("console", self._note_console)

    def _note_dialog(self, dialog: "Dialog") -> None:
        self.errors.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _note_console(self, message: "ConsoleMessage") -> None:
        if message.type == "error" and not DEEP_LINK.search(message.location["url"]):
            self.errors.append(f"{message.text} {message.location}")

    def open(self, page: str, address: dict[str, str] | None = None) -> "Page":
        """The page at an address with these values, once it is drawn."""
        query = "?" + urlencode({"v": "1", **address}) if address else ""
        self.page.goto(f"{self._url}/{ADDRESS[page]}{query}")
        self.settle(page)
        return self.page

    def settle(self, page: str) -> None:
        """Wait until that page is drawn to its end: what it saves or runs, or why it does not."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(page.capitalize())
        last = self.page.get_by_role("button", name=re.compile("^(JSON|Run)$"))
        expect(last.or_(self.page.get_by_test_id("stAlert")).first).to_be_visible()
        expect(self.page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()

    def numbers(self) -> "Locator":
        """The large numbers."""
        return self.page.get_by_test_id("stMetricValue")

    def charts(self) -> "Locator":
        """The charts that say in words what they show."""
        return self.page.locator("[data-testid=stVegaLiteChart][role=graphics-document][aria-label]")

    def address(self) -> dict[str, str]:
        """The values in the address."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.page.url).query).items()}

    def choose(self, label: str, option: str) -> None:
        """Choose an option of a control."""
        self.page.get_by_role("combobox", name=label, exact=True).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def type(self, label: str, text: str) -> None:
        """Type a text into a control and apply it."""
        line = self.page.get_by_label(label, exact=True)
        line.fill(text)
        line.press("Enter")

    def saved(self, label: str) -> tuple[str, bytes]:
        """The name and the content of what the first button of that label saves."""
        with self.page.expect_download() as started:
            self.page.get_by_role("button", name=label, exact=True).first.click()
        return started.value.suggested_filename, Path(started.value.path()).read_bytes()

    def check(self) -> None:
        """Nothing went wrong, and nothing was asked of another machine."""
        assert [url for url in self.requests if not url.startswith((f"{self._url}/", "data:", "blob:"))] == []
        assert self.errors == []


@pytest.fixture(scope="module")
def chromium() -> Iterator["Browser"]:
    """A browser without a window."""
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium has none for root
    expect.set_options(timeout=1000 * PATIENCE)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def visitor(chromium: "Browser") -> Iterator["BrowserContext"]:
    """Somebody who has been here before, so that the pages load fast."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-US")
    yield context
    context.close()


@pytest.fixture
def tab(visitor: "BrowserContext", served: Served) -> Iterator[Tab]:
    """A tab; that nothing goes wrong in it is checked at the end."""
    tab = Tab(visitor, served.url)
    yield tab
    tab.page.close()
    tab.check()


@pytest.fixture
def stranger(chromium: "Browser", served: Served) -> Iterator[Tab]:
    """A tab of somebody else, who has a dark and narrow screen."""
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", locale="en-US")
    tab = Tab(context, served.url)
    yield tab
    context.close()
    tab.check()


CHARTS = {"solve": 2, "explore": 1, "compare": 3, "verify": 0, "paper": 3}


@pytest.mark.parametrize("page", PAGES)
def test_each_page_opens_at_its_address_without_an_error_or_a_request_to_others(tab: Tab, page: str) -> None:
    shown = tab.open(page)
    assert urlsplit(shown.url).path == f"/{ADDRESS[page]}"
    expect(shown.get_by_test_id("stException")).to_have_count(0)
    expect(shown.get_by_test_id("stAlert")).to_have_count(0)
    expect(shown.locator("input[type=file]")).to_have_count(0)
    expect(shown.get_by_test_id("stVegaLiteChart")).to_have_count(CHARTS[page])
    expect(tab.charts()).to_have_count(CHARTS[page])
    assert tab.address() == {}
    assert tab.requests
    tab.check()


def test_a_changed_number_of_heads_changes_the_answer_to_that_of_the_command_line(tab: Tab, answer: Answer) -> None:
    tab.open("solve")
    for heads in (2, 4):
        best = answer("solve", "--heads", heads, "--topk", 3)["solutions"][0]
        tab.type("heads", str(heads))
        shown = [integer(best["design"][name]) for name in ("d_expert", "num_experts")]
        assert best["error"] == {"flops": "0", "params": "0"}
        expect(tab.numbers()).to_have_text([*shown, "0%", "0%"])
        tab.page.wait_for_url(f"**/?v=1&heads={heads}")


def test_a_copied_link_restores_values_and_numbers_for_somebody_else(tab: Tab, stranger: Tab) -> None:
    tab.open("solve")
    tab.type("heads", "2")
    tab.choose("convention", "matmul")
    tab.page.get_by_text("Constraints", exact=True).click()
    tab.type("max_experts", "48")
    tab.page.wait_for_url(re.compile("max_experts=48"))
    limits = Constraints(max_experts=48)
    best = solve(BUILTIN["paper-smoe"].design, heads=2, top_k=3, convention="matmul", constraints=limits).best
    sizes = (integer(best.design.d_expert), integer(best.design.num_experts))
    numbers = [*sizes, percent(best.flops_error), percent(best.params_error)]
    expect(tab.numbers()).to_have_text(numbers)
    assert tab.address() == {"v": "1", "heads": "2", "convention": "matmul", "max_experts": "48"}
    stranger.open("solve", tab.address())
    expect(stranger.numbers()).to_have_text(numbers)
    expect(stranger.page.get_by_label("heads", exact=True)).to_have_value("2")
    expect(stranger.page.get_by_role("combobox", name="convention", exact=True)).to_have_value("matmul")
    expect(stranger.page.get_by_label("max_experts", exact=True)).to_have_value("48")
    assert stranger.page.url == tab.page.url


def test_designs_typed_into_compare_are_in_its_link_and_its_charts(tab: Tab) -> None:
    typed = "d_model=768,d_expert=512,num_experts=93,top_k=3,heads=3"
    tab.open("compare", {"designs": "paper-smoe"})
    line = tab.page.get_by_role("combobox", name="Designs", exact=True)
    line.fill(typed)
    line.press("Enter")
    tab.page.wait_for_url(re.compile("num_experts"))
    assert tab.address() == {"v": "1", "designs": f"paper-smoe;{typed}"}
    expect(tab.charts().first).to_have_attribute("aria-label", re.compile(typed))


def test_what_solve_saves_is_what_the_command_line_prints(tab: Tab, run: Run) -> None:
    tab.open("solve", {"heads": "2"})
    command = ("solve", "--heads", 2, "--topk", 3, "--format")
    for label, form, ending in (("JSON", "json", "json"), ("CSV", "csv", "csv"), ("LaTeX", "latex", "tex")):
        name, content = tab.saved(label)
        assert name == f"parity-solve.{ending}"
        assert content.decode() == run(*command, form).stdout
    assert tab.saved("PNG")[1].startswith(b"\x89PNG\r\n\x1a\n")
    assert b"<svg" in tab.saved("SVG")[1]


def test_what_explore_saves_is_what_the_command_line_prints(tab: Tab, run: Run) -> None:
    tab.open("explore", {"heads": "2", "top_k": "2-3"})
    command = ("sweep", "--heads", 2, "--topk", "2-3", "--tolerance", 1, "--format")
    assert json.loads(tab.saved("JSON")[1]) == json.loads(run(*command, "json").stdout)
    assert tab.saved("CSV")[1].decode() == run(*command, "csv").stdout
    name, content = tab.saved("Parquet")
    assert name == "parity-sweep.parquet"
    assert (content[:4], content[-4:]) == (b"PAR1", b"PAR1")
    assert tab.saved("PNG")[1].startswith(b"\x89PNG\r\n\x1a\n")


def test_a_design_picked_in_the_chart_opens_in_solve(tab: Tab) -> None:
    tab.open("explore", {"heads": "2", "top_k": "2-3"})
    point = tab.page.locator("[role=graphics-document] .mark-symbol path").nth(2)
    size = re.search(r"d_expert: ([\d,]+); num_experts: ([\d,]+)", str(point.get_attribute("aria-label")))
    assert size
    point.click(force=True)
    experts = f"{size[2]} experts of width {size[1]}"
    choice = tab.page.get_by_role("combobox", name=re.compile("^Pick a design"))
    expect(choice).to_have_value(re.compile(f"{experts}:"))
    tab.page.get_by_role("button", name="Open in Solve").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("Solve")
    expect(tab.page.get_by_text(re.compile(f"^Picked in Explore.*{experts}"))).to_be_visible()
    expect(tab.page.get_by_label("heads", exact=True)).to_have_value("2")
    picked = resolve(tab.address()["picked"])
    assert picked.heads == 2
    assert (integer(picked.d_expert), integer(picked.num_experts)) == (size[1], size[2])
    assert tab.address().get("top_k", "3") == str(picked.top_k)


def test_a_pick_does_not_outlive_the_points_of_the_chart(tab: Tab) -> None:
    tab.open("explore", {"heads": "4", "top_k": "2-3"})
    choice = tab.page.get_by_role("combobox", name=re.compile("^Pick a design"))
    expect(choice).to_have_value(re.compile("^4 heads"))
    first = choice.input_value()
    tab.open("explore", {"heads": "2", "top_k": "2-3"})
    expect(choice).to_have_value(re.compile("^2 heads"))
    unpicked = choice.input_value()
    tab.page.locator("[role=graphics-document] .mark-symbol path").nth(2).click(force=True)
    expect(choice).not_to_have_value(unpicked)
    tab.type("heads", "4")
    expect(choice).to_have_value(re.compile("^4 heads"))
    tab.settle("explore")
    expect(choice).to_have_value(first)


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


def test_every_chart_says_in_words_what_each_op_costs(tab: Tab) -> None:
    tab.open("compare", {"designs": "paper-mh-moe-3"})
    expect(tab.charts()).to_have_count(3)
    for chart, quantity in zip(tab.charts().all(), ("flops_per_token", "params", "active_params"), strict=True):
        for row in cost(BUILTIN["paper-mh-moe-3"].design).rows:
            expect(chart).to_have_attribute("aria-label", re.compile(f"{row.op} {integer(getattr(row, quantity))}"))


def test_a_verification_ends_verified_and_is_saved(tab: Tab) -> None:
    own = {"own.d_model": "12", "own.heads": "2", "own.d_expert": "5", "own.num_experts": "3", "tokens": "4"}
    tab.open("verify", {"design": "own fields", **own})
    tab.page.get_by_role("button", name="Run", exact=True).click()
    expect(tab.page.get_by_text("Verified: every count is equal and the gradients are right.")).to_be_visible()
    saved = json.loads(tab.saved("JSON")[1])
    assert saved["verified"] is True
    assert MoELayer(**saved["design"]) == MoELayer(d_model=12, heads=2, d_expert=5, num_experts=3, top_k=1)


def test_a_verification_shows_its_progress_and_can_be_cancelled(tab: Tab) -> None:
    tab.open("verify", {"design": "paper-smoe", "tokens": "4096"})
    tab.page.get_by_role("button", name="Run", exact=True).click()
    expect(tab.page.get_by_role("progressbar")).to_be_visible()
    tab.page.get_by_role("button", name="Cancel", exact=True).click()
    expect(tab.page.get_by_text("Cancelled.")).to_be_visible()
    expect(tab.page.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)


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
