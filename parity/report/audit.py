"""The report of `parity audit`."""

import json

from parity.audit import Finding
from parity.report.model import Report, Table


def audit_report(findings: list[Finding]) -> Report:
    """Each claim with its verdict, and the reasons below."""
    data = {
        "claims": [
            {
                "id": finding.claim.id,
                "verdict": finding.verdict,
                "reason": finding.reason,
                "computed": finding.computed,
                "inferred": finding.claim.inferred,
                "paper": finding.claim.paper,
                "arxiv": finding.claim.arxiv,
                "where": finding.claim.where,
            }
            for finding in findings
        ]
    }
    rows = tuple((f.claim.id, f.verdict, f.claim.where) for f in findings)
    table = Table(
        "Published claims of parity, computed", ("claim", "verdict", "where"), rows, words=frozenset({0, 1, 2})
    )
    records = Table(
        table.title,
        ("claim", "verdict", "where", "reason", "computed"),
        tuple((f.claim.id, f.verdict, f.claim.where, f.reason, json.dumps(f.computed)) for f in findings),
    )
    return Report(data, (table,), tuple(f"{f.claim.id}: {f.reason}" for f in findings), records)
