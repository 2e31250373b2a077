"""The whole decoder: gradients, FLOPs, initial weights, and what its losses may and may not depend on."""

from collections import Counter
from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import EngineError, MoEConfig, tally
from reference.attention import QUERIES
from reference.decoder import init, loss_and_gradients, negative_log_likelihoods
from reference.decoder_config import DecoderConfig
from reference.gradcheck import Evaluated, gradient_errors
from reference.threads import threads
from tests.engine.decoders import DECODERS, batch, decoder, params_of
from tests.engine.strategies import SEEDS, assert_all_close, small_pieces
from tests.examples import examples

NAMES = st.sampled_from(DECODERS)
BITNET = st.booleans()


@pytest.mark.parametrize("name", DECODERS)
def test_gradients_of_the_loss_are_derivatives_with_respect_to_every_parameter(name: str) -> None:
    config = decoder(name, context=7)
    params, tokens = params_of(config), batch(config, 0, sequences=2)
    params["embedding"] *= 5  # of larger numbers the norm is less curved
    grads = loss_and_gradients(params, tokens, config).grads
    assert grads.keys() == params.keys()

    def evaluated() -> Evaluated:
        return Evaluated(loss_and_gradients(params, tokens, config).loss)

    errors = gradient_errors(evaluated, params, grads, np.random.default_rng(0))
    assert max(errors.values()) < 1e-6, errors


@pytest.mark.parametrize("bitnet", [False, True], ids=["exact", "bitnet"])
@pytest.mark.parametrize("name", DECODERS)
def test_flops_are_those_of_the_configuration(name: str, bitnet: bool) -> None:
    config, sequences = decoder(name, bitnet=bitnet, context=QUERIES + 5), 3
    D, N, layers = config.d_model, config.context, config.num_layers
    # A block of queries meets the keys up to its end: 64 x 64 and 5 x 69.
    meetings = QUERIES * QUERIES + 5 * N
    forward = {
        "mixer": 2 * N * layers * 4 * D * D,
        "scores": 2 * layers * 2 * meetings * D,
        "dense": 2 * N * 3 * D * config.d_ffn * (layers if config.moe is None else layers // 2),
        "lm_head": 2 * N * config.vocabulary * D,
    }
    if config.moe is not None:
        moe, L = config.moe, config.moe.d_latent
        forward |= {
            "head": 2 * N * layers // 2 * D * L * moe.head_layer,
            "router": 2 * N * layers // 2 * L * moe.num_experts,
            "experts": 2 * N * layers // 2 * 3 * moe.top_k * L * moe.d_expert,
            "merge": 2 * N * layers // 2 * L * D * moe.merge_layer,
            "shared": 2 * N * layers // 2 * 3 * moe.num_shared_experts * D * moe.d_shared,
        }
    with tally() as counted:
        loss_and_gradients(init(config, 0), batch(config, 0, sequences), config)
    for op, flops in forward.items():
        assert counted.flops(op, "forward") == sequences * flops, op
        assert counted.flops(op, "backward") == 2 * sequences * flops, op
    assert set(counted.ops()) == {op for op, flops in forward.items() if flops}
    with tally() as evaluated:
        negative_log_likelihoods(init(config, 0), batch(config, 0, sequences), config)
    assert evaluated.flops() == evaluated.flops(half="forward") == counted.flops(half="forward")


@examples(50)
@given(NAMES, BITNET, st.integers(1, 3))
def test_bits_of_losses_and_gradients_do_not_depend_on_the_number_of_threads(
    name: str, bitnet: bool, number: int
) -> None:
    config = decoder(name, bitnet=bitnet, dtype="float32")
    params, tokens = params_of(config), batch(config, 0)
    with small_pieces():
        with threads(number + 1):
            many = loss_and_gradients(params, tokens, config)
        with threads(1):
            one = loss_and_gradients(params, tokens, config)
    assert (many.loss, many.cross_entropy, many.balance) == (one.loss, one.cross_entropy, one.balance)
    assert all(np.array_equal(grad, one.grads[name]) for name, grad in many.grads.items())


@examples(40)
@given(NAMES)
def test_blocks_and_pieces_give_what_the_whole_gives(name: str) -> None:
    config = decoder(name)
    params, tokens = params_of(config), batch(config, 0)
    whole = loss_and_gradients(params, tokens, config)
    with small_pieces(), threads(3):
        parts = loss_and_gradients(params, tokens, config)
    assert parts.loss == pytest.approx(whole.loss, rel=1e-12)
    assert_all_close(parts.grads, whole.grads, 1e-11)


@examples(50)
@given(NAMES, BITNET, st.integers(1, 4), st.data())
def test_likelihoods_of_a_sequence_have_the_same_bits_in_any_batch_and_with_any_number_of_threads(
    name: str, bitnet: bool, number: int, data: st.DataObject
) -> None:
    config = decoder(name, bitnet=bitnet, dtype="float32")
    params, tokens = params_of(config), batch(config, 0, sequences=8)
    whole = negative_log_likelihoods(params, tokens, config)
    assert whole.shape == (8, config.context)
    assert whole.dtype == np.float64
    some = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=5), label="sequences")
    with threads(number):
        assert np.array_equal(negative_log_likelihoods(params, tokens[some], config), whole[some])


@given(NAMES, BITNET)
def test_cross_entropy_is_the_mean_of_the_likelihoods_and_loss_adds_the_weighted_balance(
    name: str, bitnet: bool
) -> None:
    config = replace(decoder(name, bitnet=bitnet), balance_coefficient=0.3)
    params, tokens = params_of(config), batch(config, 0)
    found = loss_and_gradients(params, tokens, config)
    assert found.cross_entropy == pytest.approx(negative_log_likelihoods(params, tokens, config).mean(), rel=1e-12)
    assert found.loss == pytest.approx(found.cross_entropy + 0.3 * found.balance, rel=1e-15)
    assert (found.balance > 0) == (config.moe is not None)


@given(NAMES, BITNET, st.integers(0, 10), SEEDS)
def test_a_token_changes_nothing_that_comes_before_it(name: str, bitnet: bool, at: int, seed: int) -> None:
    config = decoder(name, bitnet=bitnet)
    params, tokens = params_of(config), batch(config, seed, sequences=1)
    changed = tokens.copy()
    changed[:, at + 1 :] = (changed[:, at + 1 :] + 1) % config.vocabulary
    before, after = (negative_log_likelihoods(params, each, config) for each in (tokens, changed))
    np.testing.assert_allclose(after[:, :at], before[:, :at], rtol=1e-9)
    assert not np.allclose(after[:, at], before[:, at], rtol=1e-9)


@given(NAMES, SEEDS)
def test_float32_is_close_to_float64(name: str, seed: int) -> None:
    config = decoder(name, dtype="float32")
    params, tokens = params_of(config, seed), batch(config, seed)
    wide = {parameter: array.astype(np.float64) for parameter, array in params.items()}
    found = loss_and_gradients(params, tokens, config)
    expected = loss_and_gradients(wide, tokens, decoder(name))
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    assert {grad.dtype for grad in found.grads.values()} == {np.dtype(np.float32)}
    assert_all_close(found.grads, expected.grads, 1e-3)


@given(NAMES, NAMES, BITNET, SEEDS)
def test_decoders_have_the_same_initial_numbers_wherever_names_and_shapes_agree_and_others_elsewhere(
    one: str, other: str, bitnet: bool, seed: int
) -> None:
    first, second = init(decoder(one), seed), init(decoder(other, bitnet=bitnet), seed)
    agreeing = {name for name in first.keys() & second.keys() if first[name].shape == second[name].shape}
    assert {"embedding", "layers.0.attention.qkv", "layers.2.dense.w_out"} <= agreeing
    assert all(np.array_equal(first[name], second[name]) for name in agreeing)
    matrices = [array.tobytes() for array in first.values() if array.ndim > 1]
    assert max(Counter(matrices).values()) == 1
    again = init(decoder(one), seed + 1)
    assert not any(np.array_equal(array, again[name]) for name, array in first.items() if array.ndim > 1)


@examples(20)
@given(st.sampled_from((24, 96, 384)), st.sampled_from((512, 2048)), BITNET, NAMES, SEEDS)
def test_an_untrained_loss_is_at_most_a_twentieth_above_the_logarithm_of_the_vocabulary(
    width: int, vocabulary: int, bitnet: bool, name: str, seed: int
) -> None:
    config = decoder(name, width=width, vocabulary=vocabulary, bitnet=bitnet, context=64, dtype="float32")
    likelihoods = negative_log_likelihoods(init(config, seed), batch(config, seed, sequences=8), config)
    assert -0.03 < likelihoods.mean() - log(vocabulary) < 0.05


@examples(20)
@given(NAMES, SEEDS)
def test_each_kind_of_matrix_begins_with_the_deviation_that_its_fan_in_gives(name: str, seed: int) -> None:
    config = decoder(name, width=96)
    for parameter, array in init(config, seed).items():
        last = parameter.rpartition(".")[2]
        if array.ndim == 1:
            assert (array == (1 if last == "norm" else 0)).all()
            continue
        fan_in = config.d_model if last == "embedding" else array.shape[-2]
        factor = {"embedding": 0.2, "out": 8**-0.5, "w_out": 8**-0.5, "shared_out": 8**-0.5}.get(last, 1.0)
        assert array.std() * fan_in**0.5 / factor == pytest.approx(1, abs=5 / np.sqrt(2 * array.size))


CONFIG = decoder("mh-moe-2")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (np.zeros((1, 13), int), r"tokens have shape \[1, 13\]: accepted are .* \[sequences, 2 to 12\]"),
        (np.zeros((1, 1), int), r"shape \[1, 1\]"),
        (np.zeros((0, 3), int), r"shape \[0, 3\]"),
        (np.zeros(3, int), r"shape \[3\]"),
        (np.zeros((1, 3)), "tokens are an array of float64: accepted are integers below 37"),
        ([[1, 2]], "tokens are a list"),
        (np.array([[0, 37]]), "tokens have a 37: accepted are integers below 37"),
        (np.array([[0, -1]]), "tokens have a -1"),
    ],
)
def test_what_is_no_batch_is_refused_with_its_value_and_what_is_accepted(tokens: np.ndarray, message: str) -> None:
    for function in (loss_and_gradients, negative_log_likelihoods):
        with pytest.raises(EngineError, match=message):
            function(init(CONFIG, 0), tokens, CONFIG)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"vocabulary": 1}, "vocabulary=1: accepted are integers of at least 2"),
        ({"attention_heads": 5}, "attention_heads=5 with d_model=24"),
        ({"attention_heads": 8}, "attention_heads=8 with d_model=24.*even width"),
        ({"balance_coefficient": -1.0}, "balance_coefficient=-1.0"),
        ({"moe": 3}, "moe is a int"),
        ({"bitnet": True}, "bitnet=True with moe.bitnet=False"),
        ({"moe": MoEConfig(d_model=12, num_experts=2, top_k=1, d_expert=1, dtype="float64")}, "d_model=24 with moe"),
        ({"dtype": "float16"}, "dtype='float16': accepted are float32, float64"),
    ],
)
def test_what_is_no_configuration_is_refused_with_its_value_and_what_is_accepted(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(EngineError, match=message):
        DecoderConfig(**{**vars(CONFIG), **fields})


def test_a_missing_parameter_is_named() -> None:
    params = init(CONFIG, 0)
    del params["layers.1.moe.merge"]
    with pytest.raises(EngineError, match=r"missing layers\.1\.moe\.merge"):
        loss_and_gradients(params, batch(CONFIG, 0), CONFIG)


@pytest.mark.parametrize("bitnet", [False, True], ids=["exact", "bitnet"])
def test_a_decoder_whose_moe_layers_have_one_expert_is_the_dense_one(bitnet: bool) -> None:
    dense = decoder("dense", bitnet=bitnet)
    one = MoEConfig(d_model=24, num_experts=1, top_k=1, d_expert=dense.d_ffn, bitnet=bitnet, dtype="float64")
    single = replace(dense, moe=one)
    params, tokens = params_of(dense), batch(dense, 0)
    names = {
        name: name.replace(".dense.", ".moe.") if name.split(".")[1:2] in (["1"], ["3"]) else name for name in params
    }
    shapes = single.shapes()
    same = {names[name]: array.reshape(shapes[names[name]]) for name, array in params.items()}
    expected = loss_and_gradients(params, tokens, dense)
    found = loss_and_gradients({name: same[name] for name in shapes}, tokens, single)
    assert found.balance == 0
    assert found.loss == found.cross_entropy == pytest.approx(expected.loss, rel=1e-12)
    assert_all_close(
        {name: found.grads[new].reshape(params[name].shape) for name, new in names.items()}, expected.grads, 1e-9
    )
