"""What runs in a process of its own, so that neither its time nor its memory is the server's. Nothing here draws."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.jobs import Progress
from parity.certificate import Claim, certify, check_bytes, scale_that_fits
from parity.report.certificate import check_report
from parity.report.model import Report


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
