"""Compare shows what `parity compare` and `parity cost` say of the designs, and refuses what is no design."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import parity.ref
from parity.builtin import BUILTIN
from parity.conventions import CONVENTIONS
from parity.cost import cost
from parity.ref import resolve
from parity.report.compare import compare_report
from parity.report.layer import ledger_table
from parity.report.model import Report
from parity.text import integer
from tests.app.conftest import answers, cells, changed, charts, control, link, messages, opened, tables
from tests.conftest import Run

FIRST = ("paper-smoe", "paper-fine-grained", "paper-mh-moe-2", "paper-mh-moe-3")
TYPED = "d_model=768,d_expert=512,num_experts=93,top_k=3,heads=3"
LONG = [
    f"d_model=768,d_expert={width},num_experts=93,top_k=3,heads=3,d_latent=768,gated=true,num_shared_experts=1,"
    "d_shared=2048,head_layer=true,merge_layer=true,router_input=sub_token,expert_pool=shared"
    for width in range(500, 512)
]


def expected(refs: Sequence[str]) -> list[list[list[str]]]:
    """The cells of the comparison and of each convention's ledger."""
    layers = [(ref, resolve(ref)) for ref in refs]
    called = [
        (f"design {place}" if ref.startswith("d_model=") else ref, layer)
        for place, (ref, layer) in enumerate(layers, 1)
    ]
    ledgers = tuple(ledger_table(called, name) for name in CONVENTIONS)
    return cells(compare_report(layers)) + cells(Report({}, ledgers))


@pytest.mark.parametrize(
    "refs",
    [
        FIRST,
        ("paper-dense",),
        ("paper-smoe", TYPED),
        (TYPED, "paper-smoe"),
        (
            "d_model=768,d_expert=1,num_experts=1,top_k=1",
            "d_model=9223372036854775807,d_expert=1,num_experts=1,top_k=1",
        ),
        tuple(BUILTIN),
    ],
    ids=str,
)
def test_the_tables_are_those_of_the_command_line_for_any_designs(refs: tuple[str, ...]) -> None:
    shown = changed(opened("compare"), {"designs": list(refs)})
    assert not shown.exception
    assert not messages(shown)
    assert tables(shown) == expected(refs)
    again = opened("compare", link(shown))
    assert answers(again) == answers(shown)
    assert control(again, "designs").value == list(refs)
    assert (link(shown) == {}) is (refs == FIRST)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_the_charts_count_by_the_convention_chosen(convention: str) -> None:
    shown = changed(opened("compare"), {"convention": convention})
    quantities = ("flops_per_token", "params", "active_params")
    assert len(charts(shown)) == len(quantities)
    for words, quantity in zip(charts(shown), quantities, strict=True):
        for name in FIRST:
            ops = ", ".join(
                f"{row.op} {integer(getattr(row, quantity))}" for row in cost(BUILTIN[name].design, convention).rows
            )
            assert f"{name}: {ops}" in words
    assert link(shown) == ({} if convention == "paper" else {"v": "1", "convention": convention})
    assert answers(opened("compare", link(shown))) == answers(shown)


def test_a_design_named_twice_is_compared_with_itself() -> None:
    shown = opened("compare", {"designs": "paper-smoe;paper-smoe"})
    assert not shown.exception
    assert tables(shown)[0] == expected(["paper-smoe", "paper-smoe"])[0]


@pytest.mark.parametrize("refs", [[], [*BUILTIN, TYPED, *LONG]], ids=len)
def test_no_designs_and_too_many_are_refused_with_how_many_may_be(refs: list[str]) -> None:
    shown = changed(opened("compare"), {"designs": refs})
    assert not shown.exception
    assert f"{len(refs)} designs: accepted are 1 to 12" in messages(shown)
    assert not tables(shown)


def test_as_many_designs_as_may_be_are_kept_while_the_page_goes_on() -> None:
    shown = changed(opened("compare"), {"designs": LONG})
    assert not messages(shown)
    changed(shown, {"convention": "matmul"})
    assert control(shown, "designs").value == LONG
    assert control(opened("compare", link(shown)), "designs").value == LONG


@pytest.mark.parametrize(
    ("ref", "problem"),
    [
        (
            "paper-smo",
            "'paper-smo' is not a design: did you mean paper-smoe or paper-smoe-shared? Accepted are a built-in",
        ),
        ("../../etc/passwd", "'../../etc/passwd' is not a design: accepted are a built-in name"),
        ("/etc/passwd", "'/etc/passwd' is not a design: accepted are a built-in name"),
        ("design.json", "'design.json' is not a design: accepted are a built-in name"),
        ("d_model=768", "d_model=768 lacks d_expert, num_experts, top_k: required are"),
        ("d_model=768,d_expert=0,num_experts=8,top_k=1", "d_expert=0: accepted are integers from 1"),
        ("d_model=768,d_expert=1,num_experts=8,top_k=9", "top_k=9 exceeds num_experts=8: accepted is"),
        ("colour=red", "colour is not a field of a design: accepted are d_model"),
    ],
)
def test_what_is_no_design_is_refused_with_what_is(ref: str, problem: str) -> None:
    shown = changed(opened("compare"), {"designs": ["paper-smoe", ref]})
    assert not shown.exception
    assert any(text.startswith(problem) for text in messages(shown))
    assert not tables(shown)


def test_no_page_reads_a_file_that_a_visitor_names(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "design.json"
    assert run("cost", "paper-smoe", "--format", "json", "--output", path).exit_code == 0
    assert run("cost", path).exit_code == 0
    named_like_fields = tmp_path / "d_model=1"
    named_like_fields.write_text(path.read_text())
    opened_files: list[str] = []
    monkeypatch.setattr(parity.ref, "read_json", opened_files.append)
    monkeypatch.chdir(tmp_path)
    for ref in (str(path), path.name, f"./{path.name}", named_like_fields.name):
        for page, name in (("compare", "designs"), ("solve", "picked")):
            shown = opened(page, {name: ref})
            assert not shown.exception
            assert not tables(shown)
            assert any("accepted are" in text or "required are" in text for text in messages(shown))
    assert opened_files == []
