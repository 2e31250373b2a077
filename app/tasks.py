"""What runs in a process of its own, so that neither its time nor its memory is the server's. Nothing here draws."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from app.jobs import Progress
from parity.certificate import Claim, certify, check_bytes, scale_that_fits
from parity.experiments.results import Results, results_of
from parity.report.certificate import check_report
from parity.report.experiment import experiment_report
from parity.report.model import Report


@dataclass(frozen=True)
class Reported:
    """Results of an experiment, and the report on them."""

    results: Results
    report: Report

    @classmethod
    def of(cls, results: Results) -> "Reported":
        """With the report, whose intervals take a moment."""
        return cls(results, experiment_report(results))


def certified(claim: Claim, names: Mapping[str, str], progress: Progress) -> dict[str, Any]:
    """The certificate of a claim, at the largest scale that anyone can check, as `parity certify` makes it.

    Raises:
        InputError: the claim is of what cannot be searched or executed, or beyond what a certificate may hold.
    """
    progress("finding the scale to execute the design at", 0.1)
    fitting = replace(claim, scale_down=scale_that_fits(claim.design, claim.tokens))
    progress("searching, executing the design and checking gradients", 0.3)
    return certify(fitting, names=names)


def checked(data: bytes, progress: Progress) -> Report:
    """Whether a certificate from anyone holds, and what differs, as `parity check` reports it.

    Raises:
        InputError: the bytes are no certificate.
    """
    progress("deriving all of it again from its two designs", 0.3)
    return check_report(check_bytes(data))


def reported(content: Mapping[str, bytes], progress: Progress) -> Reported:
    """The results in files by name, which may be anyone's, as `parity experiment report` reports them.

    Raises:
        InputError: there are none, or a file is not what a run writes.
    """
    progress("reading", 0.1)
    results = results_of(content)
    progress("comparing variants", 0.3)
    return Reported.of(results)
