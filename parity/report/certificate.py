"""The reports of `parity certify` and `parity check`: a certificate as a paragraph and tables for a paper."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from parity.certificate import Checked
from parity.constraints import Constraints
from parity.design import MoELayer, shown
from parity.ref import reference_to
from parity.report.model import Cell, Report, Share, Table
from parity.text import flag, integer, percent

TOTALS = ("flops_per_token", "params", "active_params")
LONGEST = 24
"""Characters of a value that a table shows; JSON has it whole."""

RANKED_BY = {
    "flops": "the |FLOPs error|, then the |parameter error|",
    "balanced": "the larger of the two |errors|, then their sum",
}


def certificate_report(certificate: Mapping[str, Any]) -> Report:
    """The certificate, for people; its own digest and argument are shown."""
    informative = certificate["informative"]
    notes = _paragraphs(certificate, informative["argument"], informative["names"])
    digest = f"Certificate SHA-256 {certificate['digest']}; parity check derives all of it again from the two designs."
    return Report(dict(certificate), _tables(certificate), (*notes, digest))


def check_report(checked: Checked) -> Report:
    """Whether a certificate holds, and what it then says; or what differs."""
    data: dict[str, Any] = {
        "holds": checked.holds,
        "digest": checked.digest,
        "differences": [vars(difference) for difference in checked.differences],
    }
    if checked.holds and checked.derived is not None:
        content = checked.derived.data()
        paragraphs = _paragraphs(content, checked.derived.optimality.argument(), {})
        holds = (
            f"The certificate with SHA-256 {checked.digest} holds: all of it was derived again from the two designs."
        )
        return Report({**data, "recomputed": content}, _tables(content), (*paragraphs, holds))
    rows = [(d.path, _brief(d.stored), _brief(d.recomputed), d.reason) for d in checked.differences]
    table = Table(
        "What differs", ("where", "stored", "recomputed", "what is wrong"), tuple(rows), words=frozenset(range(4))
    )
    count = len(rows)
    return Report(
        data, (table,), (f"The certificate does NOT hold: {count} {'part differs' if count == 1 else 'parts differ'}.",)
    )


def _brief(value: Any) -> str:
    text = shown(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _tables(content: Mapping[str, Any]) -> tuple[Table, ...]:
    rows: list[tuple[Cell, ...]] = []
    for convention, costs in content["costs"].items():
        rows += [(convention, which, *(costs[which][name] for name in TOTALS)) for which in ("baseline", "design")]
        rows.append((convention, "error", *(Share(Fraction(costs["error"][name])) for name in TOTALS)))
    columns = ("convention", "", "FLOPs per token", "parameters", "active parameters")
    costs_table = Table("The design and its baseline", columns, tuple(rows), words=frozenset({0, 1}))
    return (costs_table, *_executed_table(content))


def _executed_table(content: Mapping[str, Any]) -> Iterator[Table]:
    executed = content["executed"]
    if executed is None:
        return
    rows: list[tuple[Cell, ...]] = [
        (op["op"], half, op[half]["predicted"], op[half]["executed"])
        for op in executed["ops"]
        for half in ("forward", "backward")
    ]
    rows.append(("parameters", "allocated", executed["params"]["predicted"], executed["params"]["allocated"]))
    title = f"FLOPs of {integer(content['execution']['tokens'])} tokens{_at_scale(content)}, matmul convention"
    yield Table(title, ("op", "half", "predicted", "executed"), tuple(rows), words=frozenset({0, 1}))


def _paragraphs(content: Mapping[str, Any], argument: Sequence[str], names: Mapping[str, str]) -> Iterator[str]:
    yield " ".join(_closeness(content, names))
    yield " ".join([*_place(content), *argument])
    yield " ".join(_execution(content))


def _closeness(content: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[str]:
    convention = content["convention"]
    costs = content["costs"][convention]
    design, baseline = (_called(content[which], names.get(which)) for which in ("design", "baseline"))
    yield f"The MoE layer {design} is held against the MoE layer {baseline}, each by itself, {convention} convention."
    flops, params = (
        f"{integer(costs['design'][name])} {what} against {integer(costs['baseline'][name])} "
        f"({_exactly(costs['error'][name])})"
        for name, what in (("flops_per_token", "forward FLOPs per token"), ("params", "parameters"))
    )
    yield f"It takes {flops} and {params}."


def _called(fields: Mapping[str, Any], name: str | None) -> str:
    reference = reference_to(MoELayer(**fields)).replace(",", ", ")
    return reference if name in (None, reference) else f"of {name} ({reference})"


def _exactly(error: str) -> str:
    return "equal" if error == "0" else f"an error of exactly {error}, {percent(Fraction(error))}"


def _place(content: Mapping[str, Any]) -> Iterator[str]:
    search, found = content["search"], content["optimality"]
    given = [flag(name, value) for name, value in _in_force(search["constraints"])]
    constraints = f" and meet {' '.join(given)}" if given else ""
    unknowns = " and ".join(name for name in ("d_expert", "num_experts") if name != search["fixed"])
    among = f"designs that differ from it in {unknowns} alone{constraints}, ranked by {RANKED_BY[search['prefer']]}"
    best = found["best"]
    if found["violated"]:
        yield f"The design itself does not meet {' '.join(flag(name) for name in found['violated'])}."
    if found["on_the_other_side"]:
        yield "Its experts are narrower than where FLOPs are least along parameter parity, and none there are ranked."
    if found["paired_experts"] not in (None, content["design"]["num_experts"]):
        yield f"Its d_expert is ranked with num_experts={found['paired_experts']}, nearest to parameter parity."
    if found["optimal"]:
        yield f"Of all {among}, none comes before it."
    elif best is None:
        yield f"There are no {among}."
    else:
        surely = "is the best" if found["best_proven"] else "is the best that was seen"
        yield f"Of all {among}, d_expert={best['d_expert']}, num_experts={best['num_experts']} {surely}."
        before = ", ".join(f"d_expert={b['d_expert']} with num_experts={b['num_experts']}" for b in found["before"])
        if before:
            yield f"On the Pareto front of the two |errors| these come before the design: {before}."


def _in_force(constraints: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in constraints.items():
        if value != getattr(Constraints, name):
            yield name, f"{percent(Fraction(value)).lstrip('+')}" if name == "tolerance" else value


def _execution(content: Mapping[str, Any]) -> Iterator[str]:
    executed = content["executed"]
    if executed is None:
        yield "It was not executed: at no scale is it small enough for that."
        return
    tokens = integer(content["execution"]["tokens"])
    outcome = (
        "the FLOPs of each op, forward and backward, and the parameters allocated are those predicted"
        if executed["equal"]
        else "what was executed is NOT what was predicted"
    )
    yield f"Executed in the reference engine on {tokens} tokens{_at_scale(content)}, {outcome}."


def _at_scale(content: Mapping[str, Any]) -> str:
    scale = content["execution"]["scale_down"]
    return "" if scale == 1 else f" at 1/{scale} of its widths"
