"""Published claims of parity, checked by computing them."""

from parity.audit.claim import Claim, builtin_claims, read_claims
from parity.audit.verdict import Finding, audit

__all__ = ["Claim", "Finding", "audit", "builtin_claims", "read_claims"]
