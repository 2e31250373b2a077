"""SymPy's closed form, the integer solver and the ledger agree, and what is printed compiles."""

import shutil
import subprocess
from decimal import Decimal, localcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st

from parity import InfeasibleError, InputError, MoELayer, cost
from parity.builtin import BUILTIN
from parity.conventions import CONVENTIONS
from parity.explain import Derivation, explain
from parity.problem import RawTarget, state
from tests.conftest import Run
from tests.examples import examples

WIDTH, EXPERTS = (sympy.Symbol(name, positive=True) for name in "mE")


Drawn = tuple[MoELayer | RawTarget, int, int, dict[str, bool | int | str]]


@st.composite
def problems(draw: st.DrawFn) -> Drawn:
    """A baseline of random shape, heads and top-k for the design, and some of its other fields."""
    d_model = 12 * draw(st.integers(1, 40), label="d_model / 12")
    shared = draw(st.integers(0, 2), label="shared experts")
    baseline = MoELayer(
        d_model=d_model,
        d_expert=draw(st.integers(50, 3000)),
        num_experts=draw(st.integers(4, 64)),
        top_k=draw(st.integers(1, 4)),
        gated=draw(st.booleans()),
        num_shared_experts=shared,
        d_shared=7 * shared,
    )
    heads = draw(st.sampled_from([1, 2, 3]), label="heads")
    fields: dict[str, bool | int | str] = {"expert_pool": draw(st.sampled_from(["shared", "per_head"]))}
    if draw(st.booleans(), label="latent"):
        fields["d_latent"] = 6 * draw(st.integers(1, 20))
    elif draw(st.booleans(), label="ablated"):
        fields["head_layer"] = draw(st.booleans())
    target: MoELayer | RawTarget = baseline
    if draw(st.booleans(), label="raw targets"):
        priced = cost(baseline)
        target = RawTarget(d_model, priced.flops_per_token, priced.params)
    return target, heads, draw(st.integers(1, 6), label="top_k"), fields


def numbers(derivation: Derivation) -> dict[sympy.Symbol, int]:
    return {symbol: value for symbol, _, value in derivation.symbols}


@examples(60)
@given(problems(), st.sampled_from(list(CONVENTIONS)))
def test_the_closed_form_is_the_exact_solution(problem: Drawn, convention: str) -> None:
    target, heads, top_k, fields = problem
    try:
        derivation = explain(target, heads=heads, top_k=top_k, convention=convention, **fields)
    except InfeasibleError:
        assume(False)
    point = derivation.problem.exact.point
    lines = {line.left: line.right for step in derivation.steps for line in step.lines}
    at = numbers(derivation)
    if point is None:
        discriminant = lines[sympy.Symbol("D", positive=True)].subs(lines).subs(at)
        assert discriminant < 0 or lines[WIDTH].subs(lines).subs(at) <= 0
        return
    width = lines[WIDTH].subs(lines).subs(lines).subs(at)
    experts = lines[EXPERTS].subs(WIDTH, width).subs(at)
    if point.num_experts == 1:
        experts = sympy.Integer(1)
    for closed, solved in ((width, point.d_expert), (experts, point.num_experts)):
        if isinstance(solved, Fraction):
            assert sympy.simplify(closed) == sympy.Rational(solved.numerator, solved.denominator)
        else:
            with localcontext(prec=40):
                assert abs(Decimal(str(sympy.N(closed, 60))) / solved - 1) < Decimal("1e-30")


@examples(60)
@given(problems(), st.sampled_from(list(CONVENTIONS)))
def test_the_lines_of_the_ledger_add_up_to_its_totals(problem: Drawn, convention: str) -> None:
    target, heads, top_k, fields = problem
    try:
        derivation = explain(target, heads=heads, top_k=top_k, convention=convention, **fields)
    except InfeasibleError:
        assume(False)
    for step in derivation.steps:
        parts = [line.right for line in step.lines if line.op]
        if parts:
            assert sympy.expand(sum(parts) - step.lines[-1].right) == 0
            if isinstance(target, MoELayer) and step.title.startswith("The baseline"):
                quantity = "params" if step.lines[-1].left.name == "P_0" else "flops_per_token"
                assert step.lines[-1].value == getattr(cost(target, convention), quantity)


def test_symbols_come_before_numbers(run: Run) -> None:
    text = run("explain", "--heads", 3, "--topk", 3).stdout
    assert text.index("6⋅d⋅k⋅m") < text.index("= 512") < text.index("= 93")


@pytest.mark.parametrize(
    "given", [{"num_experts": 96}, {"d_expert": 512}, {"prefer": "balanced"}, {"width": 3}], ids=str
)
def test_what_is_not_derived_with_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(given))):
        explain(BUILTIN["paper-smoe"].design, heads=3, top_k=3, **given)


def test_an_unsolvable_problem_is_explained_as_such(run: Run) -> None:
    arguments = ("--heads", 3, "--topk", 4, "--convention", "matmul")
    baseline = "d_model=768,d_expert=780,num_experts=3000,top_k=4"
    assert state(BUILTIN["paper-smoe"].design, heads=3, top_k=4, convention="matmul").exact.point is not None
    text = run("explain", *arguments, "--baseline", baseline).stdout
    assert "no real solution" in text


LATEX = [
    ("explain", "--heads", 3, "--topk", 3),
    ("explain", "--heads", 2, "--topk", 2, "--convention", "matmul", "--baseline", "paper-smoe-shared"),
    ("explain", "--heads", 2, "--topk", 2, "--convention", "scalar", "--d-latent", 384),
]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex, which CI installs")
@pytest.mark.parametrize("arguments", LATEX, ids=str)
def test_the_derivation_compiles(run: Run, tmp_path: Path, arguments: tuple[object, ...]) -> None:
    compiled(run(*arguments, "--format", "latex").stdout, tmp_path)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex, which CI installs")
def test_every_table_compiles_without_a_package(run: Run, tmp_path: Path) -> None:
    tables = [("solve", "--heads", 3, "--topk", 3), ("compare", "paper-smoe", "paper-mh-moe-3"), ("audit",)]
    body = "\n\n".join(run(*arguments, "--format", "latex").stdout for arguments in tables)
    compiled(f"\\documentclass{{article}}\\begin{{document}}{body}\\end{{document}}", tmp_path)


def compiled(document: str, folder: Path) -> None:
    (folder / "document.tex").write_text(document)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (folder / "document.pdf").stat().st_size > 1000
