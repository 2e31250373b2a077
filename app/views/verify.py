"""Verify: a design executed in the reference engine, predicted against executed, op by op."""

import streamlit as st

from app import designs
from app.controls import Controls
from app.downloads import downloads
from app.reports import show_notes, show_tables
from app.work import Work
from parity.errors import InputError
from parity.report.verify import verify_report
from parity.text import integer
from parity.verify import Verification, factor_that_fits, scaled_down, verify

# Bytes that one verification takes on a server that others use too, and the most tokens.
ROOM = 300 * 10**6
MOST_TOKENS = 4096


def page() -> None:
    """Draw the page."""
    controls = Controls("verify")
    st.title("Verify")
    st.markdown(
        "Run the layer in the reference engine, forward and backward. The engine counts what it multiplies and knows "
        "no formula; the prediction comes from the cost model. Both must be equal to the last unit."
    )
    asking, answering = st.columns([1, 2], gap="medium")
    with asking:
        picked = designs.pick(controls, "paper-mh-moe-3")
        left, right = st.columns(2)
        with left:
            tokens = controls.required("tokens", "64", f"Random tokens to run, up to {integer(MOST_TOKENS)}.")
        with right:
            seed = controls.required("seed", "0", "Of parameters and tokens.", least=0)
        if tokens is not None and tokens > MOST_TOKENS:
            controls.refuse(InputError(f"tokens={tokens}: accepted are up to {MOST_TOKENS}"))
    controls.done()
    with answering:
        if picked is None or tokens is None or seed is None or controls.refused:
            controls.show_refusals()
            return
        name, design = picked
        factor = factor_that_fits(design, tokens, ROOM)
        if factor is None:
            st.error(
                "No common divisor of the widths makes this layer small enough to run here. "
                "`parity verify` on a machine with more memory can.",
                icon=":material/memory:",
            )
            return
        layer = scaled_down(design, factor)
        if factor > 1:
            st.caption(f"Run at 1/{factor} of its widths, which fits here; `parity verify` runs it whole.")
        work = Work("verify", (layer, tokens, seed))
        if st.button("Run", type="primary", icon=":material/play_arrow:", help="Run the layer and compare."):
            work.start(verify, layer, tokens, seed)
        done = work.follow()
        if done is not None:
            show(done, name if factor == 1 else f"{name} at 1/{factor} width")


def show(done: Verification, name: str) -> None:
    """Draw predicted against executed."""
    report = verify_report(name, done)
    if done.verified:
        st.success("Verified: every count is equal and the gradients are right.", icon=":material/check_circle:")
    else:
        st.error("Not verified: a count differs or a gradient is wrong.", icon=":material/error:")
    show_tables(report)
    show_notes(report.notes[:1])
    downloads("parity-verify", report)


page()
