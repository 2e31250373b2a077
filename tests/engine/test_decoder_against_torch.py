"""The decoder and its training, written for PyTorch: same gradients, same FLOPs, same losses step by step."""

from collections.abc import Iterator
from typing import Any

import pytest

from reference import tally
from reference.decoder import loss_and_gradients
from reference.decoder_config import DecoderConfig
from reference.train import TrainConfig, Trainer
from tests.engine.decoders import DECODERS, batch, decoder, params_of, text
from tests.engine.strategies import assert_all_close

torch: Any = pytest.importorskip("torch")
flop_counter: Any = pytest.importorskip("torch.utils.flop_counter")
torch_decoder: Any = pytest.importorskip("benchmarks.torch_decoder")

TRAIN = TrainConfig(steps=40, warmup=5, peak_learning_rate=3e-3, clip_norm=0.5)
TRAINED = ["dense", "smoe", "fine-grained", "mh-moe-2", "mh-moe-3", "mh-moe-2-biased", "mh-moe-2-shared"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def peer(config: DecoderConfig, form: str = "loop") -> Any:
    return torch_decoder.TorchDecoder(params_of(config), config, TRAIN, form)


def loss_of(model: Any, tokens: Any) -> Any:
    cross_entropy, balance = model.losses(torch.from_numpy(tokens))
    return cross_entropy + model.config.balance_coefficient * balance


@pytest.mark.parametrize("bitnet", [False, True], ids=["exact", "bitnet"])
@pytest.mark.parametrize("name", DECODERS)
def test_loss_and_every_gradient_are_those_of_autograd_and_rounding_is_passed_straight_through(
    name: str, bitnet: bool
) -> None:
    config = decoder(name, bitnet=bitnet)
    tokens, model = batch(config, 1), peer(config)
    loss = loss_of(model, tokens)
    loss.backward()
    found = loss_and_gradients(params_of(config), tokens, config)
    assert found.loss == pytest.approx(loss.item(), rel=1e-12)
    assert_all_close(found.grads, {name: weight.grad.numpy() for name, weight in model.weights.items()}, 1e-10)


@pytest.mark.parametrize(
    ("bitnet", "dtype", "relative"), [(False, "float32", 1e-4), (True, "float64", 1e-12)], ids=["exact", "bitnet"]
)
@pytest.mark.parametrize("name", TRAINED)
def test_losses_of_the_first_twenty_steps_are_those_of_torch(
    name: str, bitnet: bool, dtype: Any, relative: float
) -> None:
    """BitNet in float64: in float32 a last bit turns roundings around, and losses are 1e-3 apart within twenty steps.

    PyTorch's own are, when each number of the embedding moves to the next one.
    """
    config = decoder(name, bitnet=bitnet, width=48, dtype=dtype)
    model, trainer = peer(config), Trainer(config, TRAIN, params_of(config))
    batches = [text(config, step) for step in range(20)]
    records = [trainer.step(tokens) for tokens in batches]
    losses = [model.step(tokens, record.learning_rate) for tokens, record in zip(batches, records, strict=True)]
    assert [record.loss for record in records] == pytest.approx(losses, rel=relative)
    assert losses[-1] < 0.97 * losses[0]
    assert max(record.grad_norm for record in records) > TRAIN.clip_norm


@pytest.mark.parametrize("name", ["dense", "smoe", "mh-moe-2", "mh-moe-3"])
def test_with_bitnet_in_float32_losses_at_the_same_weights_are_those_of_torch_but_where_a_rounding_flips(
    name: str,
) -> None:
    """Two orders of a sum may round an activation to the one or the other of its neighbours in 8 bits."""
    config = decoder(name, bitnet=True, width=48, context=32, dtype="float32")
    model, trainer = peer(config), Trainer(config, TRAIN, params_of(config))
    errors = []
    for step in range(20):
        with torch.no_grad():
            for weight_name, weight in model.weights.items():
                weight.copy_(torch.from_numpy(trainer.params[weight_name]))
            tokens = text(config, step, sequences=32)
            expected = float(loss_of(model, tokens))
        errors.append(abs(trainer.step(tokens).loss - expected) / expected)
    assert max(errors) < 1e-3
    assert sum(error > 1e-4 for error in errors) <= 2


@pytest.mark.parametrize("name", DECODERS)
def test_flops_are_those_that_torch_counts_which_leaves_out_the_scores(name: str) -> None:
    config = decoder(name)
    tokens, model = batch(config, 1), peer(config)
    with flop_counter.FlopCounterMode(display=False) as counted_by_torch:
        loss_of(model, tokens).backward()
    with tally() as counted:
        loss_and_gradients(params_of(config), tokens, config)
    assert counted.flops() - counted.flops("scores") == counted_by_torch.get_total_flops()
