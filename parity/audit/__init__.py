"""Published claims of parity, checked by computing them."""

from parity.audit.claim import Claim, builtin_claims, read_claims
from parity.audit.finding import Finding, Nearest
from parity.audit.verdict import audit

__all__ = ["Claim", "Finding", "Nearest", "audit", "builtin_claims", "read_claims"]
