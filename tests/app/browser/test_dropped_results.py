"""In a browser: a folder of results that is dropped is shown, its checkpoints stay where they are."""

from importlib.resources import files
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

from parity.experiments.recorded import recorded, recorded_suites
from parity.report.experiment import experiment_report
from tests.app.browser.conftest import Tab, expect

OWN = "a folder of your own"


def test_a_dropped_folder_shows_its_claims_and_sends_no_checkpoint(tab: Tab, tmp_path: Path) -> None:
    suite = recorded_suites()[0]
    folder = tmp_path / "results"
    with ZipFile(BytesIO(files("parity").joinpath(f"data/recorded/{suite}.zip").read_bytes())) as archive:
        archive.extractall(folder)
    for run in folder.iterdir():
        if run.is_dir():
            (run / "checkpoint.safetensors").write_bytes(b"0" * 1000)
    page = tab.open("experiments", {"results": OWN})
    page.locator("input[type=file]").set_input_files(folder)
    expect(page.get_by_role("heading", name="Learning curves")).to_be_visible(timeout=60_000)
    report = experiment_report(recorded(suite).results)
    verdicts = [each["verdict"] for each in report.data["claims"]]
    expect(tab.numbers().first).to_have_text(str(verdicts.count(verdicts[0])))
    refused = page.get_by_test_id("stFileUploader").get_by_text("not allowed")
    expect(refused).to_have_count(len(list(folder.glob("*/checkpoint.safetensors"))))
    sent = {url for url in tab.requests if "upload_file" in url}
    assert len(sent) == len(list(folder.rglob("*.json*")))
