"""The ledger of claims, claim by claim: both designs, the ratios of their costs, printed figures, and its words."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from parity.audit import Finding, Nearest
from parity.audit.printed import Group, grouped, outcome
from parity.audit.ratios import NAMES
from parity.conventions import CONVENTIONS
from parity.design import FIELDS
from parity.report.model import Cell, Share, Table
from parity.text import counted, percent

ABOUT = (
    "Papers say that two models are equal in FLOPs or parameters. Here such claims are computed, each from the two "
    "designs, exactly, and given a verdict. The verdicts come out of the computation alone; some claims do not hold."
)
RATIOS_ARE = (
    "Ratios are the design's cost over the baseline's. Printed figures are compared at their printed precision and do "
    "not enter the verdict. Claims marked as inferred are not printed in the paper."
)
VERDICTS = Table(
    "What the verdicts mean",
    ("verdict", "two designs", "equation"),
    (
        (
            "holds",
            "all that is claimed is equal under matmul, the router included",
            "printed and computed are equal",
        ),
        ("holds-without-router", "not so, but under paper, where the router does not count", ""),
        (
            "holds-at-capacity-1",
            "as one of these, until experts are padded to the larger capacity that the paper uses",
            "",
        ),
        ("holds-in-leading-order", "", "they differ in terms of lower degree in the widths"),
        ("off", "none of these", "none of these"),
        ("not-computable", "a number is missing", "a number is missing"),
    ),
    words=frozenset({0, 1, 2}),
)
RATIOS = {"flops_ratio": "FLOPs", "params_ratio": "parameters", "active_params_ratio": "active parameters"}
"""What is computed of two designs, and how it is called."""
_HOW = {"flops at most": "no more"}
IN_OVERVIEW = tuple((convention, name) for convention in ("paper", "matmul") for name in list(RATIOS)[:2])
"""The ratios that the overview has."""


def verdict_counts(findings: Sequence[Finding]) -> str:
    """How many claims there are, and how many have each verdict."""
    verdicts = Counter(finding.verdict for finding in findings)
    return f"{len(findings)} claims: {', '.join(f'{number} {verdict}' for verdict, number in verdicts.items())}."


def overview(findings: Sequence[Finding]) -> Table:
    """A row for each claim: its verdict, how far the designs are apart under two conventions, and its source."""
    rows = tuple((f.claim.id, f.verdict, *_apart(f), f.claim.paper, f.claim.where) for f in findings)
    columns = ("claim", "verdict", *(f"{RATIOS[name]}, {convention}" for convention, name in IN_OVERVIEW))
    places = frozenset({0, 1, len(columns), len(columns) + 1})
    return Table("Errors of the design against the baseline", (*columns, "paper", "where"), rows, words=places)


def said(finding: Finding) -> str:
    """What a claim says to be equal, or the equation that it prints."""
    equation = finding.claim.equation
    if equation is not None:
        return f"{equation.quantity} under {equation.convention} is {equation.printed}"
    return ", ".join(f"{_HOW.get(claimed, 'equal')} {NAMES[claimed]}" for claimed in finding.claim.claims)


def claim_tables(finding: Finding) -> Iterator[Table]:
    """Both designs, and where there is such: the ratios of their costs, the equation, and what the paper prints."""
    yield designs_table(finding)
    yield from (table for table in (ratios_table(finding), equation_table(finding), printed_table(finding)) if table)


def designs_table(finding: Finding) -> Table:
    """The fields that the claim gives of both designs, and of the nearest design that would hold."""
    given: dict[str, Mapping[str, Any]] = {"baseline": finding.claim.baseline, "design": finding.claim.design}
    if finding.nearest is not None:
        near = finding.nearest
        given[f"{'holds' if near.holds else 'closest'} under {near.convention}"] = near.design.to_dict()
    named = [name for name in FIELDS if name in finding.claim.baseline or name in finding.claim.design]
    rows = tuple((name, *(_spelled(fields.get(name)) for fields in given.values())) for name in named)
    return Table(_designs_title(finding.nearest), ("field", *given), rows)


def ratios_table(finding: Finding) -> Table | None:
    """The design's cost over the baseline's under each convention, exactly and in percent; None of an equation."""
    computed = finding.computed
    if not isinstance(computed, Mapping):
        return None
    rows = tuple((convention, *(_ratio(computed[convention][name]) for name in RATIOS)) for convention in CONVENTIONS)
    return Table("The design's cost over the baseline's", ("convention", *RATIOS.values()), rows)


def equation_table(finding: Finding) -> Table | None:
    """What is printed and what is computed; None of a claim about two designs."""
    equation = finding.claim.equation
    if equation is None:
        return None
    rows: list[tuple[Cell, ...]] = [("printed", equation.printed)]
    if isinstance(finding.computed, str):
        rows.append(("computed", finding.computed))
        rows.append(("computed less printed", finding.off_by if isinstance(finding.off_by, str) else "0"))
    title = f"{equation.quantity} under {equation.convention}"
    return Table(title, ("", "expression"), tuple(rows), words=frozenset({0, 1}))


def printed_table(finding: Finding) -> Table | None:
    """Each figure that the paper prints, and what is computed; None where it prints none."""
    if not finding.printed:
        return None
    columns = ("figure", "printed", "of", "convention", "computed", "the printed figure")
    rows = tuple(_figure(group) for group in grouped(finding.printed))
    layers = finding.claim.moe_layers
    title = "What the paper prints" + (f" of {counted(layers, 'MoE layer')}" if layers else "")
    return Table(title, columns, rows, words=frozenset({0, 1, 2, 3, 5}))


def _figure(group: Group) -> tuple[Cell, ...]:
    first = group.first
    words = outcome(first) if first.computed is not None else f"is not compared: {first.why_not}"
    return first.name, first.printed, " and ".join(group.sides), " and ".join(group.conventions), first.computed, words


def _designs_title(near: Nearest | None) -> str:
    if near is None:
        return "Both designs"
    if near.holds:
        return "Both designs, and the nearest of which the claim holds"
    left = " and ".join(f"{NAMES[claimed]} off by {percent(error)}" for claimed, error in near.off_by.items() if error)
    return f"Both designs, and the closest that was found, which leaves {left}"


def _apart(finding: Finding) -> Iterator[Cell]:
    for convention, name in IN_OVERVIEW:
        computed = finding.computed
        yield Share(Fraction(computed[convention][name]) - 1) if isinstance(computed, Mapping) else None


def _spelled(value: Any) -> Cell:
    return str(value).lower() if isinstance(value, bool) else value


def _ratio(exact: str) -> str:
    ratio = Fraction(exact)
    return exact if ratio == 1 else f"{exact} ({percent(ratio - 1)})"
