"""Long work in a process of its own: what it reports, and how it ends."""

from multiprocessing import active_children
from time import monotonic, sleep

import pytest

from app.jobs import Job
from parity import MoELayer
from parity.builtin import BUILTIN
from parity.verify import verify
from tests.app.server import PATIENCE

SMALL = MoELayer(d_model=12, heads=2, d_expert=5, num_experts=3, top_k=1)
TOO_LARGE = MoELayer(d_model=2**40, d_expert=2**40, num_experts=384, top_k=8)


def ended(job: Job) -> Job:
    """The job after it has ended."""
    end = monotonic() + PATIENCE
    while job.running and monotonic() < end:
        sleep(0.05)
    assert not job.running
    return job


def test_work_reports_how_far_it_is_and_gives_its_result() -> None:
    job = ended(Job(verify, SMALL, 4, 3))
    assert job.result == verify(SMALL, 4, 3)
    assert job.error is None
    assert job.stage.startswith("checking the gradient of ")
    assert 0 < job.share < 1
    assert job.seconds > 0


def test_a_refusal_is_reported_as_it_is_said() -> None:
    job = ended(Job(verify, TOO_LARGE, 64, 0))
    assert job.result is None
    assert "accepted are a smaller layer" in str(job.error)


def test_work_that_ends_without_an_answer_is_said_to_have(capfd: pytest.CaptureFixture[str]) -> None:
    job = ended(Job(verify, None, 4, 0))
    assert job.result is None
    assert str(job.error).startswith("the work ended without an answer")
    for process in active_children():
        process.join(PATIENCE)
    assert "Traceback" in capfd.readouterr().err


def test_cancelled_work_has_no_result_and_does_not_go_on() -> None:
    job = Job(verify, BUILTIN["paper-smoe"].design, 4096, 0)
    assert job.running
    job.cancel()
    for process in active_children():
        process.join(PATIENCE)
    assert not active_children()
    assert not job.running
    assert (job.result, job.error) == (None, "cancelled")
