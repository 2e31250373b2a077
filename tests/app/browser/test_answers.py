"""In a browser: what the pages answer is what the command line prints, and can be saved, linked and picked from."""

import json
import re
from urllib.parse import urlsplit

import pytest

from parity import Constraints, MoELayer, cost, solve
from parity.builtin import BUILTIN
from parity.ref import resolve
from parity.text import integer, percent
from tests.app.browser.conftest import ADDRESS, Tab, expect
from tests.app.conftest import PAGES
from tests.conftest import Answer, Run

CHARTS = {"solve": 2, "explore": 1, "compare": 3, "verify": 0, "experiments": 10, "paper": 3}


@pytest.mark.parametrize("page", PAGES)
def test_each_page_opens_at_its_address_without_an_error_or_a_request_to_others(tab: Tab, page: str) -> None:
    shown = tab.open(page)
    assert urlsplit(shown.url).path == f"/{ADDRESS[page]}"
    expect(shown).to_have_title(f"{page.capitalize()} - parity")
    expect(shown.get_by_test_id("stException")).to_have_count(0)
    expect(shown.get_by_test_id("stAlert")).to_have_count(0)
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
    expect(tab.charts().first).to_have_attribute("aria-label", re.compile("paper-smoe: .*design 2: "))
    expect(tab.page.get_by_text(f"design 2: {typed}")).to_be_visible()


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
