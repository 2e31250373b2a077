"""The app as a browser has it: `parity app` served, Chromium in front of it."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.app.conftest import PAGES
from tests.app.server import PATIENCE, Served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Dialog, Locator, Page


def playwright() -> Any:
    """What drives the browser; where it is not installed the test is skipped: only the `dev` extra has it."""
    return pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is not installed")


def expect(*of: Any) -> Any:
    """Playwright's assertion, which waits until it holds."""
    return playwright().expect(*of)


DEEP_LINK = re.compile(rf"/({'|'.join(PAGES)})/_stcore/(health|host-config)$")
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

    def drop(self, name: str, content: bytes) -> None:
        """Drop a file where files can be dropped."""
        self.page.locator("input[type=file]").set_input_files(
            {"name": name, "mimeType": "application/json", "buffer": content}
        )

    def saved(self, label: str) -> tuple[str, bytes]:
        """The name and the content of what the first button of that label saves."""
        with self.page.expect_download() as started:
            self.page.get_by_role("button", name=label, exact=True).first.click()
        return started.value.suggested_filename, Path(started.value.path()).read_bytes()

    def check(self) -> None:
        """Nothing went wrong, and nothing was asked of another machine."""
        assert [url for url in self.requests if not url.startswith((f"{self._url}/", "data:", "blob:"))] == []
        assert self.errors == []


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """A browser without a window."""
    sandbox = [] if os.geteuid() else ["--no-sandbox"]  # Chromium has none for root
    path = shutil.which("chromium")
    if path is None:
        # It comes from the system, not from pip; CI installs it, and a newcomer need not.
        pytest.skip("there is no chromium on the path to show the app in")
    playwright().expect.set_options(timeout=1000 * PATIENCE)
    with playwright().sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
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
