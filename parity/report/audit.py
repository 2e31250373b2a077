"""The report of `parity audit`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import Any

from parity.audit import Finding, Nearest
from parity.report.claims import RATIOS
from parity.report.model import Cell, Report, Share, Table
from parity.text import percent


def audit_report(findings: list[Finding]) -> Report:
    """Each claim with its verdict, how far the designs are apart, and the reasons below."""
    title = "Published claims of parity, computed"
    verdicts = tuple((f.claim.id, f.verdict, _source(f)) for f in findings)
    tables = [Table(title, ("claim", "verdict", "where"), verdicts, words=frozenset({0, 1, 2}))]
    if apart := tuple(row for finding in findings for row in _apart(finding)):
        columns = ("claim", "convention", "FLOPs", "parameters", "active parameters")
        tables.append(Table("Errors of the design against the baseline", columns, apart, words=frozenset({0, 1})))
    data = {"claims": [_as_json(finding) for finding in findings]}
    return Report(data, tuple(tables), tuple(f"{f.claim.id}: {f.reason}" for f in findings), _records(title, data))


def _source(finding: Finding) -> str:
    paper = f"arXiv:{finding.claim.arxiv}, " if finding.claim.arxiv else ""
    return f"{paper}{finding.claim.where}"


def _apart(finding: Finding) -> Iterator[tuple[Cell, ...]]:
    """A row for each convention, of a claim about two designs that can be computed."""
    if isinstance(finding.computed, Mapping):
        for convention, found in finding.computed.items():
            yield finding.claim.id, convention, *(Share(Fraction(found[name]) - 1) for name in RATIOS)


def _as_json(finding: Finding) -> dict[str, Any]:
    claim = finding.claim
    return {
        "id": claim.id,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "computed": finding.computed,
        "inferred": claim.inferred,
        "paper": claim.paper,
        "arxiv": claim.arxiv,
        "where": claim.where,
        "in_words": claim.in_words,
        "claims": list(claim.claims),
        "equation": asdict(claim.equation) if claim.equation else None,
        "baseline": dict(claim.baseline),
        "design": dict(claim.design),
        "missing": list(finding.missing),
        "off_by": _off_by(finding.off_by),
        "nearest": _nearest(finding.nearest),
        "printed": [asdict(entry) for entry in finding.printed],
    }


def _off_by(off_by: Mapping[str, Mapping[str, Fraction]] | str | None) -> Any:
    if off_by is None or isinstance(off_by, str):
        return off_by
    return {convention: _errors(errors) for convention, errors in off_by.items()}


def _errors(errors: Mapping[str, Fraction]) -> dict[str, dict[str, str]]:
    return {claimed: {"exact": str(error), "percent": percent(error)} for claimed, error in errors.items()}


def _nearest(near: Nearest | None) -> dict[str, Any] | None:
    if near is None:
        return None
    return {
        "holds": near.holds,
        "convention": near.convention,
        "design": near.design.to_dict(),
        "changed": {name: {"from": before, "to": after} for name, (before, after) in near.changed.items()},
        "off_by": _errors(near.off_by),
    }


def _records(title: str, data: dict[str, Any]) -> Table:
    """A row for each claim with everything that was found; what has parts is JSON."""
    words = ("verdict", "where", "reason")
    parts = ("computed", "claims", "equation", "baseline", "design", "missing", "off_by", "nearest", "printed")
    more = ("paper", "arxiv", "in_words")
    columns = ("claim", *words, *parts, *more)
    rows = tuple(
        (entry["id"], *(entry[n] for n in words), *(json.dumps(entry[n]) for n in parts), *(entry[n] for n in more))
        for entry in data["claims"]
    )
    return Table(title, columns, rows)
