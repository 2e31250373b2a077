"""Solve: the design that matches a baseline, exactly and in integers, with the proof and the derivation."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import streamlit as st

from app import charts, designs, pictures
from app.certificates import make_certificate
from app.command import command
from app.constraints import constraints
from app.controls import Controls
from app.downloads import downloads
from app.exports import ask_host, show_exports
from app.reports import show_costs, show_notes, show_tables
from parity.constraints import Constraints
from parity.conventions import CONVENTIONS
from parity.cost import Cost, cost
from parity.design import MEANING, MoELayer
from parity.ref import resolve
from parity.report.solve import solve_report
from parity.solve import Solution, SolveResult, solve
from parity.text import counted, integer, percent

QUANTITIES = charts.QUANTITIES[:2]
# Numbers that the design has from the baseline or by default unless they are given.
OWN = ("d_latent", "num_shared_experts", "d_shared")
# What a derivation, which is over the reals with both unknowns open, does not depend on.
NOT_DERIVED = ("d_expert", "num_experts", "prefer", "constraints")


def page() -> None:
    """Draw the page."""
    controls = Controls("solve")
    st.title("Solve")
    st.markdown("Find the design that matches a baseline in FLOPs **and** parameters.")
    asking, answering = st.columns([1, 2], gap="medium")
    with asking:
        baseline, asked = ask(controls)
        with st.expander("Export", icon=":material/output:"):
            host = ask_host(controls)
        derived = controls.switch("derivation", "Show the derivation", "The equations in symbols and then in numbers.")
    picked = controls.carried("picked", lambda ref: resolve(ref, files=False))
    controls.done()
    with answering:
        result = controls.attempt(partial(solve, baseline.target, **asked) if baseline else None)
        if result is None or baseline is None:
            return
        answer(result, baseline, asked, picked, controls)
        if derived:
            st.subheader("Derivation")
            st.markdown(derivation(baseline, asked))
        st.subheader("The best design in other software")
        show_exports(result.best.design, host, asked["constraints"].ep)
        st.subheader("Certificate")
        make_certificate(result.best.design, baseline, asked)


def ask(controls: Controls) -> tuple[designs.Baseline | None, dict[str, Any]]:
    """Draw the controls: what to match, and the arguments of `solve`."""
    baseline = designs.baseline(controls)
    left, right = st.columns(2)
    with left:
        heads = controls.required("heads", first_heads(baseline), MEANING["heads"])
    with right:
        top_k = controls.required("top_k", "3", MEANING["top_k"])
    meanings = "; ".join(f"{rule.name}: {rule.used_for}" for rule in CONVENTIONS.values())
    convention = controls.choice("convention", "convention", list(CONVENTIONS), f"How to count. {meanings}.")
    with st.expander("Constraints", icon=":material/rule:"):
        limits = constraints(controls)
        prefer = controls.choice(
            "prefer", "prefer", ["flops", "balanced"], "Rank by the FLOPs error first, or by the larger of the two."
        )
    with st.expander("The design itself", icon=":material/tune:"):
        given = designs.numbers(controls, "", ("d_expert", "num_experts", *OWN), placeholders=designs.SOLVED_FOR)
        given |= designs.switches(controls, "")
    asked = {"heads": heads, "top_k": top_k, "convention": convention, "prefer": prefer, **given}
    return baseline, {**asked, "constraints": Constraints(**limits)}


def first_heads(baseline: designs.Baseline | None) -> str:
    """The paper's three heads, or two where three do not divide the width, as in most models."""
    d_model = baseline.target.d_model if baseline else 3
    return str(next((heads for heads in (3, 2) if d_model % heads == 0), 1))


def answer(
    result: SolveResult,
    baseline: designs.Baseline,
    asked: dict[str, Any],
    picked: MoELayer | None,
    controls: Controls,
) -> None:
    """Draw the best design and its alternatives, where its costs go, and the proof."""
    best = result.best
    report = solve_report(result, baseline.name, baseline.model)
    with st.container(horizontal=True, gap="medium"):
        for label, value in _headline(best):
            st.metric(label, value, width="content")
    show_tables(report)
    if picked is not None:
        show_picked(Solution.of(picked, result.problem.convention, result.problem.target), controls)
    st.subheader("Where every FLOP and parameter goes")
    costs = dict(_costs(result, picked))
    show_costs(costs, QUANTITIES)
    st.subheader("Why this one")
    show_notes(report.notes)

    st.subheader("Take it along")
    options = {key: value for key, value in asked.items() if key != "constraints"}
    st.code(command("solve", baseline, options, asked["constraints"]), language="bash", wrap_lines=True)
    downloads("parity-solve", report, lambda: pictures.costs(costs, QUANTITIES))


def derivation(baseline: designs.Baseline, asked: dict[str, Any]) -> str:
    """The derivation as Markdown with mathematics; SymPy is loaded for it, which takes a moment the first time."""
    from parity.explain import explain
    from parity.report.explain import to_markdown

    both_open = {key: value for key, value in asked.items() if key not in NOT_DERIVED}
    return to_markdown(explain(baseline.target, **both_open), baseline.name)


def show_picked(picked: Solution, controls: Controls) -> None:
    """Draw what was picked in Explore beside the best."""
    x = picked.design
    errors = f"{percent(picked.flops_error)} in FLOPs and {percent(picked.params_error)} in parameters"
    shape = (
        f"{counted(x.heads, 'head')}, top-{x.top_k}, {counted(x.num_experts, 'expert')} of width {integer(x.d_expert)}"
    )
    st.markdown(f"**Picked in Explore**: {shape}; errors {errors}.")
    st.button(
        "Forget it",
        help="Take the picked design off the page and its address.",
        on_click=controls.forget,
        args=("picked",),
    )


def _headline(best: Solution) -> Iterator[tuple[str, str]]:
    yield "d_expert", integer(best.design.d_expert)
    yield "num_experts", integer(best.design.num_experts)
    yield "FLOPs error", percent(best.flops_error)
    yield "parameter error", percent(best.params_error)


def _costs(result: SolveResult, picked: MoELayer | None) -> Iterator[tuple[str, Cost]]:
    """The baseline, the best, and the design that was picked in Explore."""
    problem = result.problem
    if isinstance(problem.baseline, MoELayer):
        yield "baseline", cost(problem.baseline, problem.convention)
    yield "best", result.best.cost
    if picked is not None:
        yield "picked", cost(picked, problem.convention)


page()
