"""Experiments: variants of the paper's tables trained in small, beside what was published."""

from collections import Counter

import streamlit as st

from app import charts, curves
from app.controls import Controls, in_pairs
from app.downloads import downloads
from app.reports import show_notes, show_table
from app.tasks import Reported, reported
from app.work import Work
from parity.experiments.curves import panels
from parity.experiments.figure import learning_curves
from parity.experiments.names import EVENTS, MANIFEST
from parity.experiments.recorded import RECORD, recorded, recorded_suites
from parity.experiments.results import Results
from parity.paper import published
from parity.report.model import Report
from parity.text import integer

OWN = "a folder of your own"
FILES = ["json", "jsonl"]
# Of a file: the losses of some hundred thousand steps.
LARGEST_MEGABYTES = 16
BESIDE_RUNS = (MANIFEST, EVENTS, RECORD)


@st.cache_resource(show_spinner="Reading what was recorded")
def of_suite(suite: str) -> Reported:
    """The recorded runs of a suite, read once."""
    return Reported.of(recorded(suite).results)


def page() -> None:
    """Draw the page."""
    controls = Controls("experiments")
    st.title("Experiments")
    st.markdown("The paper's variants, trained in small by parity's own engine at costs that the last table shows.")
    about = "Runs that ship with parity, by the paper's table, or a folder that `parity experiment run` wrote."
    chosen = controls.choice("results", "Results", [*recorded_suites(), OWN], about)
    found = of_visitor() if chosen == OWN else of_suite(chosen)
    controls.done()
    if chosen != OWN:
        how = recorded(chosen)
        st.markdown(f"Recorded at commit `{how.commit[:10]}` of parity, with this command:")
        st.code(how.command, language="bash", wrap_lines=True)
        show_notes(how.notes)
    if found is not None:
        show(found.results, found.report)


def of_visitor() -> Reported | None:
    """What is in the folder that the visitor drops; None without one, or where it cannot be read."""
    about = "A folder that `parity experiment run --out` wrote. Of it only JSON is read; it stays on this machine."
    dropped = st.file_uploader(
        "Drop a folder of results",
        FILES,
        accept_multiple_files="directory",
        max_upload_size=LARGEST_MEGABYTES,
        key="results zone",
        help=about,
    )
    work = Work("results", tuple(file.file_id for file in dropped))
    if not dropped:
        st.info("no folder yet: accepted is one that is dropped here", icon=":material/edit:")
        return None
    files = {_within(file.name): file for file in dropped}
    if len(files) < len(dropped):
        st.error(f"{len(dropped)} files of several results: accepted is one folder", icon=":material/error:")
        return None
    if not work.started or (work.cancelled and st.button("Read it again", icon=":material/replay:")):
        work.start(reported, {name: file.getvalue() for name, file in files.items()})
    found: Reported | None = work.follow()
    return found


def _within(name: str) -> str:
    """The name without the folder that was dropped: that of a file in a run's folder, or of one beside those."""
    parts = name.split("/")
    return parts[-1] if parts[-1] in BESIDE_RUNS else "/".join(parts[-2:])


def show(results: Results, report: Report) -> None:
    """Draw the verdicts, the differences beside what was published, the curves and the tables."""
    table = published().table(results.plan.suite.name)
    perplexities, differences, claims, costs = report.tables
    st.subheader("Claims of the paper")
    verdicts = Counter(each["verdict"] for each in report.data["claims"])
    with st.container(horizontal=True, gap="medium"):
        for verdict, number in verdicts.items():
            st.metric(verdict, integer(number), width="content")
    show_table(claims)
    st.subheader("Against the baseline, and as published")
    here, theirs = st.columns(2, gap="large")
    with here:
        for name in results.sets:
            words = curves.describe_differences(report, name)
            st.vega_lite_chart(spec=curves.differences(report, name), alt=words)
    with theirs:
        for place, dataset in enumerate(published().datasets):
            words = charts.describe_perplexities(table, place, dataset)
            st.vega_lite_chart(spec=charts.perplexities(table, place, dataset), alt=words)
    st.subheader("Learning curves")
    drawn = panels(results)
    for column, panel in zip(in_pairs(len(drawn)), drawn, strict=False):
        with column:
            st.vega_lite_chart(spec=curves.learning(panel), alt=curves.describe_learning(panel))
    for each in (perplexities, differences, costs):
        show_table(each)
    show_notes(report.notes)
    downloads(f"parity-{results.plan.suite.name}-here", report, lambda: learning_curves(results))


page()
