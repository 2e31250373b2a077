"""Long work of a page: started when it is asked for, followed while the page asks the same, ended when it does not."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.jobs import Job
from app.text import as_typed, plain


class Work:
    """The one piece of long work of that name in this visit, as far as it answers `asked`."""

    def __init__(self, name: str, asked: object) -> None:
        """Take up the work that was started for what is asked now; work for something else is ended."""
        self._key = f"{name} job"
        self._asked = asked
        started_for, job = st.session_state.get(self._key, (None, None))
        self._job: Job | None = job if started_for == asked else None
        if job is not None and self._job is None:
            _end(job)

    @property
    def started(self) -> bool:
        """Whether it was started, and goes on or has ended."""
        return self._job is not None

    @property
    def cancelled(self) -> bool:
        """Whether it was ended before it had an answer."""
        return self._job is not None and self._job.cancelled

    def start(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Start `work(*arguments, progress)` in a process of its own, in place of what was started before."""
        if self._job is not None:
            _end(self._job)
        self._job = Job(work, *arguments)
        st.session_state[self._key] = (self._asked, self._job)

    def follow(self) -> Any | None:
        """The result; None while there is none, and then how far it is or why it ended is drawn."""
        job = self._job
        if job is None:
            return None
        if job.running:
            _watch(job)
        elif job.cancelled:
            st.warning("Cancelled.", icon=":material/cancel:")
        elif job.error is not None:
            st.error(as_typed(job.error), icon=":material/error:")
        return job.result


def _end(job: Job) -> None:
    if job.running:
        job.cancel()


@st.fragment(run_every=0.5)
def _watch(job: Job) -> None:
    """Draw the progress by itself, until the job ends."""
    if not job.running:
        st.rerun()
    st.progress(job.share, f"{plain(job.stage)}, {job.seconds:.0f} s")
    if st.button("Cancel", icon=":material/stop:", help="End the run."):
        job.cancel()
        st.rerun()
