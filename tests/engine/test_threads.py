"""Threads change neither bits nor settings, and layers that run at once do not disturb each other."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Thread, current_thread, main_thread
from typing import Any

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from reference import EngineError, MoEConfig, backward, forward, init
from reference.threads import single_threaded_blas, threads
from tests.engine.strategies import Array, Call, assert_all_close, calls, small_pieces
from tests.examples import examples

NUMBERS = (1, 2, 3, 5)
MANY = calls(tokens=st.integers(2, 40))
CONFIG = MoEConfig(d_model=4, num_experts=2, top_k=1, d_expert=3, dtype="float64")


def bits(results: Mapping[str, Array]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in results.items()}


def blas_threads() -> dict[str, int]:
    """How many threads each BLAS of this process may use."""
    return {each["filepath"]: each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@contextmanager
def blas_of_the_process_on(number: int) -> Iterator[dict[str, int]]:
    """Within, BLAS may use so many threads, and nobody is about to change that: what `blas_threads` then says.

    From threadpoolctl 3.8 on, the thread that changed OpenBLAS's setting first is the only one that can. It is
    made to let go.
    """
    let_go = getattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", lambda **_: None)
    let_go(force=True)
    limits = threadpool_limits(number, user_api="blas")
    let_go(force=True)
    try:
        yield dict.fromkeys(blas_threads(), number)
    finally:
        let_go(force=True)
        limits.restore_original_limits()
        let_go(force=True)


@examples(60)
@given(MANY | calls(tokens=st.integers(2, 40), dtype="float32"))
def test_bits_do_not_depend_on_the_number_of_threads(call: Call) -> None:
    with small_pieces():
        results = []
        for number in NUMBERS:
            with threads(number):
                results.append(bits(call.run()))
    assert results == results[:1] * len(NUMBERS)


@examples(60)
@given(MANY)
def test_blocks_and_pieces_give_what_the_whole_gives(call: Call) -> None:
    whole = call.run()
    with small_pieces(), threads(3):
        assert_all_close(call.run(), whole, 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_of_an_expert_with_thousands_of_rows_do_not_depend_on_the_number_of_threads(dtype: str) -> None:
    config = MoEConfig(d_model=8, heads=2, num_experts=3, top_k=1, d_expert=16, dtype=dtype)  # type: ignore[arg-type]  # a word of two
    call = Call(config, 5000, 0)
    chosen = np.full((call.sub_tokens, 1), 1)
    results = []
    for number in NUMBERS:
        with threads(number):
            results.append(bits(call.run(chosen)))
    assert results == results[:1] * len(NUMBERS)


@given(MANY, st.integers(1, 4))
def test_bits_do_not_depend_on_the_threads_that_blas_may_use(call: Call, number: int) -> None:
    expected = bits(call.run())
    with blas_of_the_process_on(number):
        assert bits(call.run()) == expected


@given(calls())
def test_the_same_seed_gives_the_same_bits(call: Call) -> None:
    assert bits(init(call.config, np.random.default_rng(call.seed))) == bits(call.params)
    assert bits(Call(call.config, call.tokens, call.seed).run()) == bits(call.run())


@examples(20)
@given(st.lists(MANY, min_size=2, max_size=4))
def test_layers_that_run_at_once_give_what_each_gives_alone(at_once: list[Call]) -> None:
    together = Barrier(len(at_once))

    def run(call: Call) -> list[dict[str, bytes]]:
        together.wait()
        return [bits(call.run()) for _ in range(3)]

    with small_pieces(), threads(2):
        alone = [bits(call.run()) for call in at_once]
        with ThreadPoolExecutor(len(at_once)) as pool:
            results = list(pool.map(run, at_once))
    assert results == [[each] * 3 for each in alone]


@given(MANY, MANY)
def test_results_and_caches_of_one_call_survive_the_next(one: Call, other: Call) -> None:
    expected = bits(one.run())
    y, cache = forward(one.params, one.x, one.config)
    other.run()
    dx, grads = backward(one.params, one.dy, cache, one.config)
    other.run()
    assert bits({"y": y, "dx": dx, **grads}) == expected


@pytest.mark.parametrize("setting", [blas_of_the_process_on, threadpool_limits])
@given(MANY, st.sampled_from(NUMBERS))
def test_blas_keeps_its_number_of_threads(setting: Any, call: Call, number: int) -> None:
    with setting(3), threads(number):
        before = blas_threads()
        call.run()
        assert blas_threads() == before
        assert set(before.values()) == {3}


def test_blas_keeps_its_number_of_threads_when_a_product_fails() -> None:
    call = Call(CONFIG, 6, 0)

    def fails(*_: object, **__: object) -> None:
        raise MemoryError

    with blas_of_the_process_on(3) as before:
        for number in NUMBERS:
            with pytest.MonkeyPatch.context() as patch, small_pieces(), threads(number):
                patch.setattr(np, "matmul", fails)
                with pytest.raises(MemoryError):
                    call.run()
            assert blas_threads() == before
            with pytest.raises(EngineError), threads(number):
                forward(call.params, call.x[:, :1], call.config)
            assert blas_threads() == before


@pytest.mark.parametrize("first_to_end", ["one", "other"])
def test_blas_keeps_its_number_of_threads_whichever_of_two_layers_at_once_ends_first(first_to_end: str) -> None:
    call, multiply = Call(CONFIG, 6, 0), np.matmul
    inside, ended = ({name: Event() for name in ("one", "other")} for _ in range(2))

    def in_order(*args: Any, **options: Any) -> Any:
        name = current_thread().name
        inside[name].set()
        assert inside["other"].wait(10)
        assert name == first_to_end or ended[first_to_end].wait(10)
        return multiply(*args, **options)

    def run() -> None:
        with threads(1):
            forward(call.params, call.x, CONFIG)
        ended[current_thread().name].set()

    with blas_of_the_process_on(3) as before, pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "matmul", in_order)
        workers = {name: Thread(target=run, name=name) for name in inside}
        for name, worker in workers.items():  # the one enters before the other
            worker.start()
            assert inside[name].wait(10)
        for worker in workers.values():
            worker.join()
        assert all(event.is_set() for event in ended.values())
        assert blas_threads() == before


def test_blas_keeps_its_number_of_threads_when_layers_run_at_once_and_some_fail() -> None:
    call = Call(CONFIG, 40, 0)
    together = Barrier(4)

    def run(number: int) -> None:
        for _ in range(20):
            together.wait()
            call.run()
            if number % 2:
                with pytest.raises(EngineError):
                    forward(call.params, call.x[:, :1], CONFIG)

    with blas_of_the_process_on(3) as before, threads(2), small_pieces():
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, range(4)))
        assert blas_threads() == before


@pytest.mark.parametrize("setting", [blas_of_the_process_on, threadpool_limits])
@pytest.mark.parametrize("user_threads", [1, 3])
def test_each_product_runs_on_one_thread_of_blas(setting: Any, user_threads: int) -> None:
    call, multiply, seen = Call(CONFIG, 40, 0), np.matmul, set[int]()

    def watched(*args: Any, **options: Any) -> Any:
        seen.update(blas_threads().values())
        return multiply(*args, **options)

    with setting(3), pytest.MonkeyPatch.context() as patch, threads(2), ThreadPoolExecutor(user_threads) as pool:
        patch.setattr(np, "matmul", watched)
        list(pool.map(lambda _: call.run(), range(user_threads)))
        assert seen == {1}


def test_each_product_runs_on_one_thread_of_blas_whatever_the_library_of_limits_offers() -> None:
    with blas_of_the_process_on(3) as before, pytest.MonkeyPatch.context() as patch:
        patch.delattr(threadpoolctl.OpenBLASController, "clear_controlling_thread", raising=False)
        with single_threaded_blas:
            assert set(blas_threads().values()) == {1}
        assert blas_threads() == before


def test_what_fails_in_another_thread_is_raised() -> None:
    call = Call(CONFIG, 40, 0)
    failed, multiply = Event(), np.matmul

    def fails_elsewhere(*args: Any, **options: Any) -> Any:
        if current_thread() is not main_thread():
            failed.set()
            raise MemoryError
        failed.wait(10)
        return multiply(*args, **options)

    with pytest.MonkeyPatch.context() as patch, small_pieces(), threads(2):
        patch.setattr(np, "matmul", fails_elsewhere)
        with pytest.raises(MemoryError):
            call.run()
