"""In a browser: a solved design is saved for other software and certified, and a dropped certificate is checked."""

import json
import re
from pathlib import Path

from parity.exporters import TARGETS
from tests.app.browser.conftest import Tab, expect
from tests.app.saved import unzipped
from tests.certificates import example, signed, with_part
from tests.conftest import Run

HOLDS = "holds: all of it follows from its two designs."


def test_an_export_and_a_certificate_that_are_saved_are_those_of_the_command_line(
    tab: Tab, stranger: Tab, run: Run, tmp_path: Path
) -> None:
    shown = tab.open("solve", {"heads": "1", "top_k": "2"})
    for target in TARGETS:
        name, content = tab.saved(target)
        folder = tmp_path / target
        assert run("export", "paper-fine-grained", "--to", target, folder).exit_code == 0
        assert name == f"parity-{target}.zip"
        assert unzipped(content) == {path.name: path.read_bytes() for path in folder.iterdir()}
    shown.get_by_role("button", name="Make a certificate", exact=True).click()
    expect(shown.get_by_role("progressbar")).to_be_visible()
    expect(shown.get_by_role("button", name="Certificate", exact=True)).to_be_visible()
    name, content = tab.saved("Certificate")
    path = tmp_path / name
    path.write_bytes(content)
    assert run("check", path).exit_code == 0
    paper = stranger.open("paper")
    paper.get_by_text("Check a certificate", exact=True).click()
    stranger.drop(name, content)
    expect(paper.get_by_text(HOLDS)).to_be_visible()
    assert paper.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_what_is_dropped_is_checked_and_markup_in_it_does_nothing(tab: Tab) -> None:
    markup = "<img src=x onerror=window.hacked=1>"
    shown = tab.open("paper")
    shown.get_by_text("Check a certificate", exact=True).click()
    tab.drop(f"{markup}.json", b"[" * 1000)
    said = shown.get_by_test_id("stAlert")
    expect(said).to_contain_text("nested too deeply")
    altered = with_part(example("best"), ("costs", "paper", "design", "params"), 1) | {markup: 1}
    tab.drop(f"{markup}.json", signed(altered))
    expect(said).to_contain_text(f"{markup}.json does not hold: below is what differs.")
    for where in ("costs.paper.design.params", markup):
        expect(shown.locator("[role=gridcell]").filter(has_text=where)).to_have_count(1)
    tab.settle("paper")
    report = json.loads(tab.saved("JSON")[1])
    assert report["holds"] is False
    assert [part["path"] for part in report["differences"]] == [markup, "costs.paper.design.params"]
    assert shown.evaluate("window.hacked") is None


def test_every_claim_opens_and_none_makes_a_narrow_page_scroll_sideways(stranger: Tab) -> None:
    shown = stranger.open("paper")
    claims = shown.locator("summary").filter(has_text=re.compile("mhmoe|dsmoe|latentmoe"))
    for claim in claims.all():
        claim.click()
    expect(shown.get_by_role("link", name="LatentMoE")).to_be_visible()
    expect(shown.get_by_test_id("stTable").first).to_be_attached()
    assert shown.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
