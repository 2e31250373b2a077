"""Certificates of how close a design comes to a baseline, which anyone can check again.

`certify` writes down what follows from a `Claim`: two designs and what is asked about them. `check_bytes` takes
a certificate from anyone, derives everything again and names what differs; it believes no number and no digest.
"""

from parity.certificate.canonical import canonical
from parity.certificate.certify import certify
from parity.certificate.check import Checked, Difference, check_bytes
from parity.certificate.claim import Claim
from parity.certificate.execution import scale_that_fits

__all__ = ["Checked", "Claim", "Difference", "canonical", "certify", "check_bytes", "scale_that_fits"]
