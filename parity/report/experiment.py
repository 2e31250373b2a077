"""The report of `parity experiment report`: the paper's table as it came out here, and what follows from it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from parity.experiments.claims import Judged, claims_of, contrasted, judge
from parity.experiments.evaluate import FINAL_TOKENS
from parity.experiments.model import cost_of_variant
from parity.experiments.results import Results
from parity.experiments.statistics import Difference, perplexity
from parity.experiments.suites import Variant
from parity.paper import PaperTable, Row, published
from parity.report.experiment_designs import designs_table
from parity.report.model import Cell, Report, Table
from parity.text import counted, integer

PAPER_TOKENS_PER_STEP = 500_000
"""arXiv:2411.16205, sec. 3.1."""

NO_DIFFERENCE = {"mean": 0.0, "low": 0.0, "high": 0.0}


def experiment_report(results: Results) -> Report:
    """Perplexities beside the published ones, paired differences to the baseline, claims and costs."""
    table = published().table(results.plan.suite.name)
    rows = [_Row(variant, results, table) for variant in results.plan.suite.variants]
    judged = [judge(claim, results) for claim in claims_of(results.plan.suite.name)]
    tables = (
        _perplexities(results, table, rows),
        _differences(results, rows),
        _claims(results, judged),
        designs_table(results.plan.suite, results.plan.scale),
    )
    return Report(_data(results, rows, judged), tables, tuple(_notes(results, table)), _records(results, rows))


class _Row:
    """One variant."""

    def __init__(self, variant: Variant, results: Results, table: PaperTable) -> None:
        self.variant = variant
        self.seeds = results.finished(variant.name)
        self.priced = cost_of_variant(results.plan.scale, variant)
        self.published = [row for row in table.rows if row.variant == variant.published_as]
        self.perplexities = {
            name: [perplexity(results.final(variant.name, seed)[name]) for seed in self.seeds] for name in results.sets
        }
        baseline = results.plan.suite.baseline
        self.is_baseline = variant.name == baseline
        self.differences = {} if self.is_baseline else contrasted({variant.name: 1, baseline: -1}, results)

    def mean(self, name: str) -> float | None:
        """Mean perplexity on a set; None before the first seed is done."""
        values = self.perplexities[name]
        return sum(values) / len(values) if values else None

    def data(self, results: Results) -> dict[str, Any]:
        """The row as JSON has it."""
        differences = {name: _difference(found) for name, found in self.differences.items()}
        if self.is_baseline and self.seeds:
            differences = {name: dict(NO_DIFFERENCE) for name in results.sets}
        return {
            "variant": self.variant.name,
            "seeds": len(self.seeds),
            "steps": results.plan.steps,
            "tokens": results.plan.tokens,
            "params": self.priced.params,
            "flops_per_token": self.priced.flops_per_token,
            "perplexity": {
                name: {"mean": self.mean(name), "per_seed": values} for name, values in self.perplexities.items()
            },
            "difference_to_baseline": differences,
            "published": [{"steps": row.steps, "perplexity": _by_set(row)} for row in self.published],
            "design": self.variant.layer.to_dict(),
            "bitnet": self.variant.bitnet,
        }


def _by_set(row: Row) -> dict[str, float]:
    return dict(zip(published().datasets, row.perplexity, strict=True))


def _difference(found: Difference) -> dict[str, Any]:
    low, high = found.interval or (None, None)
    return {
        "mean": found.mean,
        "low": low,
        "high": high,
        "seeds": found.seeds,
        "over_text": {"low": found.over_text[0], "high": found.over_text[1]},
    }


def _perplexities(results: Results, table: PaperTable, rows: list[_Row]) -> Table:
    plan = results.plan
    last = max(row.steps for row in table.rows)
    datasets = published().datasets
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        printed = next((p for p in row.published if p.steps == last), None)
        theirs = [_rounded(value) for value in printed.perplexity] if printed else [None] * len(datasets)
        cells.append((row.variant.name, len(row.seeds), *(_rounded(row.mean(name)) for name in results.sets), *theirs))
    return Table(
        f"{plan.suite.name}, {table.title}: mean perplexity here, at scale {plan.scale.name} after "
        f"{integer(plan.steps)} steps of {integer(plan.tokens // plan.steps)} tokens; as published, after "
        f"{integer(last)} of {integer(PAPER_TOKENS_PER_STEP)}",
        ("variant", "seeds", *results.sets, *(f"{name} (publ.)" for name in datasets)),
        tuple(cells),
        repeated=1,
    )


def _differences(results: Results, rows: list[_Row]) -> Table:
    baseline = results.plan.suite.baseline
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        if not row.is_baseline:
            shown = [_interval(row.differences.get(name)) for name in results.sets]
            seeds = next((found.seeds for found in row.differences.values()), 0)
            cells.append((f"{row.variant.name} - {baseline}", seeds, *shown))
    return Table(
        f"Perplexity less that of {baseline}, paired by seed: mean and 95 % interval",
        ("difference", "seeds", *results.sets),
        tuple(cells),
        words=frozenset({0, *range(2, 2 + len(results.sets))}),
        repeated=1,
    )


def _claims(results: Results, judged: list[Judged]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (each.claim.text, each.verdict, *(_interval(each.by_set.get(name)) for name in results.sets)) for each in judged
    ]
    return Table(
        "Claims of the paper; one holds here where the 95 % interval of the difference is below 0 on every set, "
        "and does not where it is above 0 on any",
        ("claim", "verdict", *results.sets),
        tuple(rows),
        words=frozenset(range(2 + len(results.sets))),
        repeated=1,
    )


def _interval(found: Difference | None) -> str:
    if found is None:
        return "-"
    if found.interval is None:
        return f"{found.mean:+.2f} [one seed]"
    return f"{found.mean:+.2f} [{found.interval[0]:+.2f}, {found.interval[1]:+.2f}]"


def _rounded(value: float | None) -> Cell:
    return None if value is None else f"{value:.2f}"


def _records(results: Results, rows: list[_Row]) -> Table:
    """A line for each variant and set."""
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        for name in results.sets:
            found = None if row.is_baseline else row.differences.get(name)
            low, high = (found.interval if found else None) or (None, None)
            numbers = (row.mean(name), found.mean if found else None, low, high)
            costs = (row.priced.params, str(row.priced.flops_per_token))
            cells.append(
                (row.variant.name, name, len(row.seeds), *(_exact(n) for n in numbers), results.plan.steps, *costs)
            )
    columns = (
        "variant",
        "set",
        "seeds",
        "perplexity",
        "difference",
        "low",
        "high",
        "steps",
        "params",
        "flops_per_token",
    )
    return Table("", columns, tuple(cells))


def _exact(value: float | None) -> Cell:
    return None if value is None else Decimal(repr(value))


def _data(results: Results, rows: list[_Row], judged: list[Judged]) -> dict[str, Any]:
    plan = results.plan
    return {
        "suite": plan.suite.name,
        "scale": plan.scale.name,
        "baseline": plan.suite.baseline,
        "planned_seeds": plan.seeds,
        "complete": not list(_missing(results)),
        "corpora": [dict(each) for each in results.corpus],
        "convention": "matmul",
        "rows": [row.data(results) for row in rows],
        "claims": [
            {
                "claim": each.claim.text,
                "verdict": each.verdict,
                "contrast": dict(each.claim.contrast),
                "by_set": {name: _difference(found) for name, found in each.by_set.items()},
            }
            for each in judged
        ],
    }


def _missing(results: Results) -> Iterator[str]:
    plan = results.plan
    for variant, seed in plan.runs():
        run = results.runs.get((variant, seed))
        if run is None:
            yield f"{variant} with seed {seed} (not begun)"
        elif run.final is None:
            yield f"{variant} with seed {seed} (at step {integer(len(run.training))})"


def _notes(results: Results, table: PaperTable) -> Iterator[str]:
    plan, scale = results.plan, results.plan.scale
    if missing := list(_missing(results)):
        listed = ", ".join(missing[:6]) + (f" and {len(missing) - 6} more" if len(missing) > 6 else "")
        yield f"Incomplete: {listed} of {len(list(plan.runs()))} runs; the same `parity experiment run` goes on."
    largest = max(cost_of_variant(scale, variant).params for variant in plan.suite.variants)
    paper_tokens = max(row.steps for row in table.rows) * PAPER_TOKENS_PER_STEP
    yield (
        f"This is scale {scale.name}: {counted(scale.num_layers, 'layer')} of width {scale.d_model}, at most "
        f"{largest / 1e6:.1f} million parameters, {integer(plan.tokens)} tokens of training; the paper has 12 layers "
        f"of width 768 and {integer(paper_tokens)} tokens, so perplexities cannot be compared with the published ones: "
        "only the order of variants can."
    )
    for each in results.corpus:
        words = [
            f"{counted(of['documents'], 'document')} and {counted(of['tokens'], 'token')}"
            for of in (each["training"], each["validation"])
        ]
        yield (
            f"{each['name']}: {words[0]} for training, {words[1]} for validation, of which up to "
            f"{integer(FINAL_TOKENS)} are evaluated."
        )
    yield _about_intervals(results)
    if plan.suite.name == "table4":
        yield "The paper does not print the design of its MH-MoE row; this one has the costs of SMoE in both groups."
    if plan.suite.name == "table5":
        yield "Rows of table 5 differ in costs, as layers are left out; differences are against the row with both."


def _about_intervals(results: Results) -> str:
    if results.plan.seeds == 1:
        return (
            "One seed says nothing of what another would give, so no interval can be given over seeds and every claim "
            "is undecided; JSON has intervals over the evaluated text (over_text)."
        )
    return (
        "Intervals: bootstrap over pairs of runs with the same seed and over the evaluated text, widened for the few "
        f"seeds ({results.plan.seeds} here) as Student's t would; each is at 95 % by itself. Few seeds make them wide, "
        "not wrong: a difference whose interval contains 0 is undecided, not absent."
    )
