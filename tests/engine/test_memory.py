"""Memory is handed out again exactly when nobody can see it any more."""

import gc

import numpy as np
import pytest

from reference import MoEConfig, backward, forward, init
from reference.memory import LARGE, empty, release

SHAPE = (LARGE // 4,)


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    release()


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


def test_memory_that_is_referred_to_is_never_handed_out() -> None:
    first = empty(SHAPE, np.float32)
    view = first.reshape(2, -1)[:, 1:]
    taken = address(first)
    del first
    others = [empty(SHAPE, np.float32) for _ in range(3)]
    assert taken not in map(address, others)
    assert len(set(map(address, others))) == 3
    assert view.base is not None


def test_memory_that_is_forgotten_is_handed_out_again() -> None:
    first = empty(SHAPE, np.float32)
    taken = address(first)
    del first
    assert address(empty(SHAPE, np.float64)[:0]) != taken  # twice as large
    assert address(empty(SHAPE, np.int32)) == taken


def test_results_of_one_call_survive_the_next() -> None:
    config = MoEConfig(d_model=96, heads=3, num_experts=4, top_k=2, d_expert=700)
    rng = np.random.default_rng(0)
    params, x = init(config, rng), rng.standard_normal((600, 96), dtype=np.float32)
    y, cache = forward(params, x, config)
    dx, grads = backward(params, y, cache, config)
    assert cache.experts.hidden.nbytes > LARGE
    kept = {name: array.copy() for name, array in {"y": y, "dx": dx, **grads}.items()}
    for _ in range(3):
        again, other = forward(params, -x, config)
        backward(params, again, other, config)
        del other
        gc.collect()
    for name, array in {"y": y, "dx": dx, **grads}.items():
        assert np.array_equal(array, kept[name]), name
    assert np.array_equal(backward(params, y, cache, config)[0], kept["dx"])
