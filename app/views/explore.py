"""Explore: every design at parity inside ranges, and the frontier to hover over and pick from."""

from functools import partial
from typing import Any

import streamlit as st

from app import charts, designs
from app.address import VERSION
from app.command import command
from app.constraints import constraints
from app.controls import Controls, in_pairs
from app.downloads import downloads
from app.reports import show_notes, show_tables
from parity.constraints import Constraints
from parity.conventions import CONVENTIONS
from parity.design import CHOICES, MEANING
from parity.ref import reference_to
from parity.report.sweep import designs_as_csv, designs_as_parquet, sweep_report
from parity.solve import Solution
from parity.sweep import SweepResult, nearest, sweep
from parity.text import counted, integer, percent

# Feasible designs that one look takes at most on a server that others use too: about a second.
MOST = 5_000_000
RANGES = ("heads", "top_k", "d_expert", "num_experts", "granularity", "d_latent", "num_shared_experts", "d_shared")
STARTS_WITH = {"heads": "1-16", "top_k": "1-8"}


def page() -> None:
    """Draw the page."""
    controls = Controls("explore")
    st.title("Explore")
    st.markdown("Every integer design inside the ranges whose costs are within the tolerance, and the frontier.")
    asking, answering = st.columns([1, 2], gap="medium")
    with asking:
        baseline, asked = ask(controls)
    controls.done()
    with answering:
        look = partial(sweep, baseline.target, most=MOST, keep=False, **asked) if baseline else None
        result = controls.attempt(look)
        if result is not None and baseline is not None:
            answer(result, baseline, asked, controls)


def ask(controls: Controls) -> tuple[designs.Baseline | None, dict[str, Any]]:
    """Draw the controls: what to match, and the arguments of `sweep`."""
    baseline = designs.baseline(controls)
    asked: dict[str, Any] = {}
    for name, place in zip(RANGES, in_pairs(len(RANGES)), strict=False):
        about = MEANING.get(name, "Instead of d_expert: the baseline's d_expert over the design's.")
        with place:
            least = 0 if name in ("num_shared_experts", "d_shared") else 1
            asked[name] = controls.ranges(
                name, name, STARTS_WITH.get(name, ""), about + " A list, a range, or both.", least
            )
    pools = ["default", *CHOICES["expert_pool"], "both"]
    pool = controls.choice("expert_pool", "expert_pool", pools, MEANING["expert_pool"])
    asked["expert_pool"] = {"default": None, "both": CHOICES["expert_pool"]}.get(pool, pool)
    convention = controls.choice("convention", "convention", list(CONVENTIONS), "How to count.")
    with st.expander("Constraints", icon=":material/rule:", expanded=True):
        limits = constraints(controls, tolerance="1")
    given = {name: value for name, value in asked.items() if value is not None}
    return baseline, {**given, "convention": convention, "constraints": Constraints(**limits)}


def answer(result: SweepResult, baseline: designs.Baseline, asked: dict[str, Any], controls: Controls) -> None:
    """Draw the counts, the chart, what is picked, and the tables."""
    closest = None if result.feasible else nearest(baseline.target, most=MOST, **asked)
    report = sweep_report(result, baseline.name, closest)
    with st.container(horizontal=True, gap="medium"):
        st.metric("feasible designs", integer(result.feasible), width="content")
        st.metric("on the frontier", integer(len(result.frontier)), width="content")
        about = "Combinations of heads, top-k and pool that have a feasible design."
        st.metric("groups", integer(len(result.groups)), width="content", help=about)
    if result.feasible:
        points = charts.frontier_points(result)
        # A selection is a place among the points, so other points are another chart.
        key = f"explore chart {hash(tuple(solution.design for solution, _ in points))}"
        selected = st.vega_lite_chart(
            spec=charts.frontier(points), key=key, on_select="rerun", alt=charts.describe_frontier(result)
        )
        pick(points, selected.selection.get("picked", []), controls.address.link())
    show_tables(report)
    show_notes(report.notes)
    st.subheader("Take it along")
    options = {name: _spelled(value) for name, value in asked.items() if name != "constraints"}
    st.code(command("sweep", baseline, options, asked["constraints"]), language="bash", wrap_lines=True)

    def whole() -> SweepResult:
        return sweep(baseline.target, most=MOST, **asked)

    listed = {"CSV": lambda: "".join(designs_as_csv(whole())), "Parquet": lambda: designs_as_parquet(whole())}
    downloads("parity-sweep", report, result.figure if result.feasible else None, listed)


def pick(points: list[tuple[Solution, bool]], selected: list[dict[str, Any]], link: dict[str, str]) -> None:
    """Draw the choice of a design, by the chart or by the list, and the way to Solve with the values in `link`."""
    place = int(selected[0]["place"]) if selected and int(selected[0].get("place", -1)) < len(points) else 0
    chosen = st.selectbox(
        "Pick a design, here or in the chart",
        range(len(points)),
        index=place,
        format_func=lambda index: _described(points[index][0]),
        help="Opens in Solve with its heads and top-k.",
    )
    design = points[chosen][0].design
    shared = {name: value for name, value in link.items() if name not in (*RANGES, "expert_pool", "tolerance")}
    own = ("heads", "top_k", *(name for name in ("d_latent", "num_shared_experts", "d_shared") if name in link))
    picked = {"v": VERSION, "picked": reference_to(design), **{name: str(getattr(design, name)) for name in own}}
    picked |= {"expert_pool": design.expert_pool} if "expert_pool" in link else {}
    if st.button("Open in Solve", icon=":material/balance:", help="Solve with these heads and top-k."):
        st.switch_page("views/solve.py", query_params=shared | picked)


def _described(solution: Solution) -> str:
    design = solution.design
    errors = f"{percent(solution.flops_error)} FLOPs, {percent(solution.params_error)} parameters"
    experts = f"{counted(design.num_experts, 'expert')} of width {integer(design.d_expert)}"
    return f"{counted(design.heads, 'head')}, top-{design.top_k}, {experts}: {errors}"


def _spelled(value: object) -> object:
    return ",".join(value) if isinstance(value, tuple) else value


page()
