"""The app's server: seconds of a rerun of Solve, seconds to the first page, and ten sessions at once."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from statistics import median, quantiles
from time import perf_counter, sleep
from urllib.request import urlopen

from playwright.sync_api import Browser, sync_playwright
from streamlit.testing.v1 import AppTest

import app
from benchmarks.measure import arguments
from parity import solve
from parity.builtin import BUILTIN
from parity.text import integer

GOAL_RERUN_SECONDS, GOAL_FIRST_PAGE_SECONDS, SESSIONS = 0.15, 2.0, 10
SOLVE = str(Path(app.__file__).parent / "views" / "solve.py")
DESIGNS = [(heads, top_k) for heads in (1, 2, 3, 4, 6, 8, 12) for top_k in range(1, 9)]


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, runs=100)
    reruns = rerun_seconds(given.runs)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        first_page, correct = median(first_page_seconds(browser) for _ in range(5)), sessions_correct(browser)
    result = {
        "runs": given.runs,
        "rerun_seconds": {"median": median(reruns), "p95": quantiles(reruns, n=20)[-1]},
        "first_page_seconds": first_page,
        "sessions_at_once": SESSIONS,
        "sessions_correct": correct,
        "goals": {"rerun_p95_seconds": GOAL_RERUN_SECONDS, "first_page_seconds": GOAL_FIRST_PAGE_SECONDS},
    }
    print(json.dumps(result, indent=2))


def rerun_seconds(runs: int) -> list[float]:
    """Seconds of the script of Solve, run on the server without a browser, each time with another heads and top-k."""
    page = AppTest.from_file(SOLVE, default_timeout=60).run()
    seconds = []
    for run in range(1 + runs):
        heads, top_k = DESIGNS[run % len(DESIGNS)]
        page.text_input(key="solve.heads").set_value(str(heads))
        page.text_input(key="solve.top_k").set_value(str(top_k))
        start = perf_counter()
        page.run()
        seconds.append(perf_counter() - start)
    return seconds[1:]


def first_page_seconds(browser: Browser) -> float:
    """Seconds from the start of `parity app` until Solve shows its answer in a browser that is already open."""
    page = browser.new_page()
    start = perf_counter()
    with served() as address:
        page.goto(address)
        page.get_by_test_id("stMetricValue").first.wait_for()
        return perf_counter() - start


def sessions_correct(browser: Browser) -> int:
    """How many of ten sessions, opened at once, each with other heads and top-k, show what `parity.solve` says."""
    correct = 0
    with served() as address:
        pages = [browser.new_context().new_page() for _ in range(SESSIONS)]
        for page, (heads, top_k) in zip(pages, DESIGNS[::5], strict=False):
            page.goto(f"{address}/?v=1&heads={heads}&top_k={top_k}", wait_until="commit")
        for page, (heads, top_k) in zip(pages, DESIGNS[::5], strict=False):
            page.get_by_test_id("stMetricValue").nth(3).wait_for()
            shown = page.get_by_test_id("stMetricValue").all_inner_texts()
            best = solve(BUILTIN["paper-smoe"].design, heads=heads, top_k=top_k).best.design
            correct += shown[:2] == [integer(best.d_expert), integer(best.num_experts)]
    return correct


@contextmanager
def served() -> Iterator[str]:
    """`parity app` on a free port, ready to answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "parity.cli", "app", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while not _answers(port):
                sleep(0.02)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


if __name__ == "__main__":
    main()
