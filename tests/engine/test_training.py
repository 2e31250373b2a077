"""Training: steps of the optimizer, the learning rate, and runs that go on where they were."""

from collections.abc import Mapping
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from reference import EngineError
from reference.decoder import init
from reference.optim import CHUNK, AdamW, Schedule, global_norm
from reference.threads import threads
from reference.train import TrainConfig, Trainer
from tests.engine.decoders import DECODERS, batch, decoder, params_of, text
from tests.engine.strategies import SEEDS, small_pieces
from tests.examples import examples

TRAIN = TrainConfig(steps=20, warmup=3, peak_learning_rate=3e-3)
SIZES = st.sampled_from(((1,), (3, 2), (CHUNK + 3, 1), (2, 20, CHUNK)))


def bits(state: Mapping[str, NDArray[Any]]) -> dict[str, bytes]:
    return {name: array.tobytes() for name, array in state.items()}


@examples(30)
@given(st.sampled_from(DECODERS), st.booleans(), st.integers(0, 4), st.integers(0, 3))
def test_a_restored_trainer_goes_on_bit_for_bit(name: str, bitnet: bool, before: int, after: int) -> None:
    config = decoder(name, bitnet=bitnet, dtype="float32")
    undisturbed = Trainer(config, TRAIN, params_of(config))
    for step in range(before):
        undisturbed.step(batch(config, step))
    kept = {name: array.copy() for name, array in undisturbed.state().items()}
    restored = Trainer.restored(config, TRAIN, kept)
    assert restored.steps_done == before
    steps = [batch(config, before + step) for step in range(after)]
    assert [restored.step(tokens) for tokens in steps] == [undisturbed.step(tokens) for tokens in steps]
    assert bits(restored.state()) == bits(undisturbed.state())
    assert bits(kept) == bits(Trainer.restored(config, TRAIN, kept).state())  # what it was restored from is left alone


@examples(15)
@given(st.sampled_from(DECODERS), st.booleans(), st.integers(2, 5))
def test_bits_of_a_run_do_not_depend_on_the_number_of_threads(name: str, bitnet: bool, number: int) -> None:
    config = decoder(name, bitnet=bitnet, dtype="float32")
    states = []
    for each in (1, number):
        trainer = Trainer(config, TRAIN, params_of(config))
        with small_pieces(), threads(each):
            records = [trainer.step(batch(config, step)) for step in range(3)]
        states.append((records, bits(trainer.state())))
    assert states[0] == states[1]


@pytest.mark.parametrize("bitnet", [False, True], ids=["exact", "bitnet"])
@pytest.mark.parametrize("name", ["dense", "smoe", "mh-moe-3"])
def test_a_small_text_is_learnt_by_heart(name: str, bitnet: bool) -> None:
    config = decoder(name, width=48, bitnet=bitnet, dtype="float32")
    trainer = Trainer(config, TrainConfig(steps=150, warmup=10, peak_learning_rate=1e-2), init(config, 0))
    tokens = batch(config, 0)
    tokens[:, 0] = range(len(tokens))  # so that the first token tells the sequence
    records = [trainer.step(tokens) for _ in range(150)]
    assert records[0].cross_entropy == pytest.approx(np.log(config.vocabulary), abs=0.2)
    assert records[-1].cross_entropy < 0.02


@examples(30)
@given(SIZES, SEEDS, st.floats(1e-4, 1e-1), st.floats(1e-3, 1e3))
def test_the_first_step_goes_against_the_sign_of_each_gradient_and_only_matrices_decay(
    shape: tuple[int, ...], seed: int, rate: float, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    before = rng.standard_normal(shape)
    gradient = rng.choice((-2.0, 0.5), shape)
    params = {"w": before.copy()}
    AdamW(params, (0.9, 0.95), 1e-12, 0.1).step(params, {"w": gradient}, rate, scale)
    decayed = before * (1 - 0.1 * rate) if len(shape) > 1 else before
    np.testing.assert_allclose(params["w"], decayed - rate * np.sign(gradient), rtol=1e-7, atol=1e-9)


@examples(30)
@given(SIZES, SEEDS, st.integers(1, 4))
def test_the_norm_is_that_of_all_gradients_together(shape: tuple[int, ...], seed: int, number: int) -> None:
    rng = np.random.default_rng(seed)
    grads = {"a": rng.standard_normal(shape, dtype=np.float32), "b": np.full(2, 3e3, np.float32)}
    together = np.concatenate([grad.ravel() for grad in grads.values()]).astype(np.float64)
    with threads(number):
        assert global_norm(grads) == pytest.approx(sqrt((together**2).sum()), rel=1e-6)


@given(st.floats(1e-3, 0.3))
def test_gradients_above_the_norm_are_scaled_down_to_it_so_larger_ones_move_no_further(clip: float) -> None:
    config = decoder("smoe")
    params, tokens = params_of(config), text(config, 0)
    record, state = _first_step(config, params, tokens, clip)
    assert record.grad_norm > clip
    first = [array for name, array in state.items() if name.startswith("optimizer.first.")]
    moment = sqrt(sum(float((array**2).sum()) for array in first))
    assert moment == pytest.approx((1 - TRAIN.betas[0]) * clip, rel=1e-2)


def _first_step(config: Any, params: Any, tokens: Any, clip: float) -> tuple[Any, Any]:
    how = TrainConfig(steps=20, warmup=3, peak_learning_rate=3e-3, clip_norm=clip)
    trainer = Trainer(config, how, params)
    return trainer.step(tokens), trainer.state()


@given(st.integers(1, 300), st.integers(0, 200), st.floats(1e-6, 1), st.just(0.0) | st.floats(1e-6, 1))
def test_the_learning_rate_rises_linearly_to_its_peak_and_falls_to_its_last_fraction(
    steps: int, warmup: int, peak: float, fraction: float
) -> None:
    rate = Schedule(steps, warmup, peak, fraction)
    rates = [rate(step) for step in range(1, steps + 1)]
    assert all(0 < each <= peak * (1 + 1e-12) or fraction == 0 for each in rates)
    rising = rates[: min(warmup, steps)]
    np.testing.assert_allclose(rising, [peak * step / warmup for step in range(1, len(rising) + 1)])
    falling = rates[max(warmup - 1, 0) :]
    assert all(later <= earlier * (1 + 1e-12) for earlier, later in pairwise(falling))
    if steps > warmup:
        assert rates[-1] == pytest.approx(fraction * peak, abs=1e-12)
        middle = warmup + (steps - warmup) / 2
        if middle == int(middle):
            assert rate(int(middle)) == pytest.approx(peak * (1 + fraction) / 2)


def test_a_trainer_leaves_the_arrays_it_was_given_as_they_are() -> None:
    config = decoder("mh-moe-2")
    params = init(config, 0)
    before = bits(params)
    trainer = Trainer(config, TRAIN, params)
    trainer.step(batch(config, 0))
    assert bits(params) == before
    assert bits(trainer.params) != before


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"steps": 0}, "steps=0: accepted are integers of at least 1"),
        ({"warmup": -1}, "warmup=-1: accepted are integers of at least 0"),
        ({"peak_learning_rate": 0.0}, "peak_learning_rate=0.0: accepted are finite numbers above 0"),
        ({"peak_learning_rate": float("nan")}, "peak_learning_rate=nan"),
        ({"final_fraction": 2}, "final_fraction=2: accepted are numbers from 0 to 1"),
        ({"betas": (0.9, 1.0)}, r"betas=\(0.9, 1.0\): accepted are two numbers"),
        ({"weight_decay": -0.1}, "weight_decay=-0.1"),
        ({"clip_norm": float("inf")}, "clip_norm=inf"),
        ({"eps": "small"}, "eps='small'"),
    ],
)
def test_what_is_no_training_is_refused_with_its_value_and_what_is_accepted(fields: Any, message: str) -> None:
    with pytest.raises(EngineError, match=message):
        TrainConfig(**{"steps": 1, "warmup": 0, "peak_learning_rate": 1e-3, **fields})


def test_a_state_with_an_array_missing_is_refused() -> None:
    config = decoder("dense")
    state = Trainer(config, TRAIN, init(config, 0)).state()
    for missing in ("params.norm", "optimizer.first.norm", "optimizer.steps"):
        with pytest.raises(EngineError, match=missing.partition(".")[2]):
            Trainer.restored(config, TRAIN, {name: array for name, array in state.items() if name != missing})
    with pytest.raises(EngineError, match=r"first\.norm"):
        Trainer.restored(config, TRAIN, {**state, "optimizer.first.norm": np.zeros(3)})
