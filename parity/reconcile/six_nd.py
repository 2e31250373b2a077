"""6·N·D: six FLOPs for each parameter and token of training, whatever the parameter does."""

from collections.abc import Callable
from dataclasses import dataclass

from parity.design import MoELayer
from parity.models.description import Model
from parity.reconcile.entries import LOOKED_UP, NORMS, Entry, entries, score_lines
from parity.reconcile.result import Line, Reconciliation

SOURCE = "arXiv:2001.08361, sec. 2.1 (N without embeddings); arXiv:2203.15556 (as 6·N·D)"
UNIT = "training FLOPs per token"


@dataclass(frozen=True)
class Meaning:
    """One meaning of N: which parameters it counts."""

    name: str
    counts: Callable[[Entry], int]


MEANINGS = (
    Meaning("all parameters", lambda entry: entry.params),
    Meaning("active parameters", lambda entry: entry.active),
    Meaning("active, no embeddings or head", lambda entry: 0 if entry.op in (*LOOKED_UP, "lm_head") else entry.active),
)


def six_nd(design: Model | MoELayer, sequence_length: int | None) -> tuple[Reconciliation, ...]:
    """6·N beside three times the forward, for each meaning of N that is another number than those before it."""
    rows, found, seen = entries(design), [], set()
    for meaning in MEANINGS:
        n = sum(map(meaning.counts, rows))
        if n not in seen:
            seen.add(n)
            lines = [line for entry in rows for line in _lines(entry, meaning.counts(entry))]
            scores = score_lines(design, sequence_length, 3, lambda *_: 0, lambda *_: "products without parameters")
            found.append(Reconciliation(f"6·N, N = {meaning.name}", SOURCE, UNIT, (*lines, *scores)))
    return tuple(found)


def _lines(entry: Entry, counted: int) -> list[Line]:
    executed, reached = 3 * entry.flops, 6 * min(counted, entry.active)
    lines = [
        Line(entry.what, executed, reached, "" if executed == reached else _why(entry)),
        Line(f"{entry.what} not reached", 0, 6 * counted - reached, "held, not multiplied"),
    ]
    return [line for line in lines if line.parity or line.theirs]


def _why(entry: Entry) -> str:
    if entry.op in LOOKED_UP:
        return "looked up, not multiplied"
    if entry.op == "state":
        return "products without parameters"
    if not entry.multiplied:
        return "scale features, no product" if entry.op in NORMS else "added or scaled, no product"
    if entry.op == "lm_head":
        return "multiplied, not in N" if entry.params else "multiplied, held as the embedding"
    return "held once, used by each sub-token"
