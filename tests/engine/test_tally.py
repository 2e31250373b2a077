"""Every matrix product of the engine is noted, once, where it is executed and nowhere else."""

import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from reference import EngineError, MoEConfig, Tally, forward, tally
from reference.tally import Executed, product
from reference.threads import threads
from tests.engine.strategies import Call, calls
from tests.examples import examples

NAMES = frozenset(
    {"matmul", "dot", "vdot", "vecdot", "inner", "outer", "tensordot", "einsum", "kron", "matvec", "vecmat", "linalg"}
    | {"multi_dot", "matrix_power", "convolve", "correlate", "cov", "corrcoef", "trapezoid"}
)
"""What multiplies matrices or adds up products in NumPy."""

MODULES = sorted(Path(reference.__file__).parent.rglob("*.py"))
CONFIG = MoEConfig(d_model=6, heads=2, num_experts=3, top_k=2, d_expert=4, num_shared_experts=1, d_shared=2)


def products_of(source: str) -> list[str]:
    """Operators and names in this code that multiply matrices."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.BinOp(op=ast.MatMult()) | ast.AugAssign(op=ast.MatMult()):
                found.append("@")
            case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name) if name in NAMES:
                found.append(name)
    return found


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("a @ b; a @= b", ["@", "@"]),
        ("np.dot(a, b); a.dot(b)", ["dot", "dot"]),
        ("from numpy import einsum as f", ["einsum"]),
        ("'a @ b, np.dot'; a * b; product(a, b)", []),
    ],
)
def test_a_product_in_code_is_found(source: str, found: list[str]) -> None:
    assert products_of(source) == found


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_only_the_tally_multiplies_matrices(module: Path) -> None:
    expected = ["matmul"] if module.name == "tally.py" else []
    assert products_of(module.read_text("utf-8")) == expected


FUNCTIONS = (np.dot, np.vdot, np.inner, np.outer, np.tensordot, np.einsum, np.kron)
UFUNCS = {np.matmul, *(getattr(np, name) for name in ("vecdot", "matvec", "vecmat") if hasattr(np, name))}

noted: list[bool] = []
"""For each product that a watched array took part in, whether `reference.tally.product` executed it."""


def plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(plain, value))
    return value.view(np.ndarray) if isinstance(value, Watched) else value


def note() -> None:
    frame = sys._getframe()
    while frame.f_back and frame.f_code is not product.__code__:
        frame = frame.f_back
    noted.append(frame.f_code is product.__code__)


class Watched(np.ndarray[Any, Any]):
    """An array that notes the products it takes part in, by whatever name or operator, and that passes this on."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: Any, *inputs: Any, **options: Any) -> Any:
        if ufunc in UFUNCS:
            note()
        given = {name: plain(value) for name, value in options.items()}
        result = getattr(ufunc, method)(*plain(inputs), **given)
        return watched(result) if isinstance(result, np.ndarray) else result

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in FUNCTIONS:
            note()
        return super().__array_function__(function, types, args, kwargs)

    def dot(self, *args: Any, **options: Any) -> Any:
        note()
        return plain(self).dot(*plain(args), **options)


def watched(array: Any) -> Watched:
    return np.asarray(array).view(Watched)


@contextmanager
def every_array_watched() -> Iterator[None]:
    """NumPy's ways to make an array make watched ones."""

    def makes(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: function(*args, **kwargs).view(Watched)

    noted.clear()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("ascontiguousarray", "empty", "empty_like", "zeros", "zeros_like"):
            patch.setattr(np, name, makes(getattr(np, name)))
        yield


@pytest.mark.parametrize(
    "multiply", [lambda a: a @ a, lambda a: a.T.dot(a), lambda a: np.einsum("ij,jk", a, a), lambda a: np.inner(a, a)]
)
def test_a_product_of_watched_arrays_that_goes_around_is_noticed(multiply: Callable[[Any], Any]) -> None:
    noted.clear()
    multiply(watched(np.eye(2)))
    assert False in noted


@given(st.lists(st.integers(1, 3), max_size=3), *[st.integers(1, 5)] * 3)
def test_a_stack_of_products_is_counted_as_each_of_them(stack: list[int], m: int, k: int, n: int) -> None:
    with tally() as counted:
        product("op", "forward", np.ones((*stack, m, k)), np.ones((*stack, k, n)))
    assert counted.rows == [Executed("op", "forward", m, n, k)] * int(np.prod(stack))


@examples(100)
@given(calls())
def test_no_product_goes_around_the_tally_and_none_is_noted_twice(call: Call) -> None:
    expected = {name: array.tobytes() for name, array in call.run().items()}
    with every_array_watched(), tally() as counted:
        results = call.run()
    assert noted == [True] * len(counted.rows)
    assert {name: array.tobytes() for name, array in results.items()} == expected


@given(calls())
def test_rows_are_the_shapes_of_the_arrays_and_flops_are_two_for_each_multiply_add(call: Call) -> None:
    with tally() as counted:
        call.run()
    total = 0
    for op, half, m, n, k in counted.rows:
        assert op in ("head", "router", "experts", "merge", "shared")
        assert half in ("forward", "backward")
        assert all(type(size) is int for size in (m, n, k))
        total += 2 * m * n * k
    assert counted.flops() == total
    assert total == sum(counted.flops(op) for op in counted.ops())
    assert total == counted.flops(half="forward") + counted.flops(half="backward")


@given(calls(), calls())
def test_an_outer_tally_counts_what_an_inner_one_counts_and_what_is_around_it(one: Call, other: Call) -> None:
    with tally() as first:
        one.run()
    with tally() as second:
        other.run()
    with tally() as outer:
        one.run()
        with tally() as inner:
            other.run()
        one.run()
    assert Counter(inner.rows) == Counter(second.rows)
    assert Counter(outer.rows) == Counter(first.rows * 2 + second.rows)


@given(calls())
def test_nothing_is_noted_outside_even_after_an_error(call: Call) -> None:
    counted = Tally()

    def fails() -> None:
        nonlocal counted
        with tally() as counted:
            call.run()
            forward(call.params, np.empty((1, 0)), call.config)

    with pytest.raises(EngineError):
        fails()
    rows = list(counted.rows)
    call.run()
    assert counted.rows == rows


@given(calls(tokens=st.integers(1, 40)), st.integers(2, 4))
def test_the_same_products_are_counted_whatever_the_number_of_threads(call: Call, number: int) -> None:
    rows = []
    for each in (1, number):
        with pytest.MonkeyPatch.context() as patch, threads(each), tally() as counted:
            patch.setattr("reference.moe.BLOCK", 4)
            patch.setattr("reference.experts.MOST_ROWS", 3)
            call.run()
        rows.append(Counter(counted.rows))
    assert rows[0] == rows[1]


def test_each_thread_counts_its_own_products_only() -> None:
    together = Barrier(3)

    def rows_of(tokens: int) -> Counter[Executed]:
        with tally() as counted:
            Call(CONFIG, tokens, 0).run()
        return Counter(counted.rows)

    def count(tokens: int) -> Counter[Executed]:
        total: Counter[Executed] = Counter()
        for _ in range(20):
            together.wait()
            total.update(rows_of(tokens))
        return total

    sizes = (5, 7, 11)
    with ThreadPoolExecutor(len(sizes)) as pool, threads(2):
        counts = list(pool.map(count, sizes))
    assert counts == [Counter({row: 20 * n for row, n in rows_of(tokens).items()}) for tokens in sizes]
