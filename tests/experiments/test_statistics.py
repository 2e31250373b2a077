"""Intervals: what they cover, what they depend on, and what one seed cannot say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.experiments.statistics import Difference, difference, perplexity

Runs = list[np.ndarray]


def runs(rng: np.random.Generator, seeds: int, windows: int = 64, level: float = 3.0) -> Runs:
    return [level + 0.1 * rng.standard_normal(windows) for _ in range(seeds)]


@given(st.integers(1, 4), st.integers(0, 99))
def test_the_mean_is_the_difference_of_mean_perplexities(seeds: int, number: int) -> None:
    rng = np.random.default_rng(number)
    a, b = runs(rng, seeds), runs(rng, seeds)
    found = difference({"a": 1, "b": -1}, {"a": a, "b": b})
    means = [np.mean([perplexity(losses) for losses in of]) for of in (a, b)]
    assert found.mean == pytest.approx(means[0] - means[1], abs=1e-9)


def test_an_interval_contains_its_mean_and_turns_with_its_sign() -> None:
    rng = np.random.default_rng(1)
    losses = {"a": runs(rng, 3), "b": runs(rng, 3, level=3.1)}
    one, other = (difference({"a": sign, "b": -sign}, losses) for sign in (1, -1))
    assert one.interval is not None
    assert other.interval is not None
    assert one.interval[0] < one.mean < one.interval[1]
    assert np.allclose(one.interval, [-other.interval[1], -other.interval[0]], rtol=0.2)


def test_one_seed_has_an_interval_over_text_only() -> None:
    rng = np.random.default_rng(2)
    found = difference({"a": 1, "b": -1}, {"a": runs(rng, 1), "b": runs(rng, 1)})
    assert found.interval is None
    assert found.over_text[0] < found.mean < found.over_text[1]


def test_a_difference_that_every_seed_and_text_has_is_certain() -> None:
    base = runs(np.random.default_rng(3), 3)
    base = [base[0]] * 3
    found = difference({"a": 1, "b": -1}, {"a": [losses - 0.5 for losses in base], "b": base})
    assert found.interval is not None
    assert found.interval[1] < 0


def test_equal_calls_give_equal_intervals() -> None:
    losses = {"a": runs(np.random.default_rng(4), 2), "b": runs(np.random.default_rng(5), 2)}
    assert difference({"a": 1, "b": -1}, losses) == difference({"a": 1, "b": -1}, losses)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_intervals_cover_the_truth_as_often_as_they_say(seeds: int) -> None:
    """Normal differences between seeds about a true one of 0: 95 % of the time, within three standard errors."""
    rng = np.random.default_rng(seeds)
    trials = 400
    covered = 0
    for _ in range(trials):
        shifts = 0.05 * rng.standard_normal(seeds)
        a = [np.full(8, 3.0 + shift) for shift in shifts]
        found: Difference = difference({"a": 1, "b": -1}, {"a": a, "b": [np.full(8, 3.0)] * seeds})
        assert found.interval is not None
        covered += found.interval[0] <= 0 <= found.interval[1]
    assert abs(covered / trials - 0.95) < 3 * (0.95 * 0.05 / trials) ** 0.5
