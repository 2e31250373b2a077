"""The exported torch layer against the reference engine, as a trainer, and as a file."""

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from parity.exporters import Computation, Request, export
from parity.ref import resolve
from reference import backward, forward, init
from reference.losses import load_balancing_forward
from tests.engine.strategies import Array, assert_all_close, assert_close
from tests.examples import examples
from tests.exporters.strategies import any_requests, reference_config

torch: Any = pytest.importorskip("torch")

RELATIVE = 1e-10
SEEDS = st.integers(0, 2**32 - 1)
TOOLS = [tool for tool in ("ruff", "mypy") if shutil.which(tool, path=str(Path(sys.executable).parent))]


def module_of(request: Request) -> Any:
    """The file that is exported, as a module."""
    module = ModuleType("layer")
    exec(export("torch", request).files["layer.py"], module.__dict__)
    return module


def loaded(request: Request, params: dict[str, Array]) -> Any:
    """The exported layer in float64 with these parameters, which have to be exactly its own."""
    layer = module_of(request).MoELayer().double()
    layer.load_state_dict({name: torch.tensor(array) for name, array in params.items()}, strict=True)
    return layer


@examples(150)
@given(any_requests(), st.sampled_from((0, 1)) | st.integers(2, 12), SEEDS)
def test_outputs_and_every_gradient_are_those_of_the_reference(request: Request, tokens: int, seed: int) -> None:
    config, rng = reference_config(request), np.random.default_rng(seed)
    params = init(config, rng)
    x, dy = rng.standard_normal((2, tokens, config.d_model))
    y, cache = forward(params, x, config)
    dx, grads = backward(params, dy, cache, config)

    layer, x_torch = loaded(request, params), torch.tensor(x, requires_grad=True)
    y_torch = layer(x_torch)
    y_torch.backward(torch.tensor(dy))
    found = {"y": y_torch.detach().numpy(), "dx": x_torch.grad.numpy()}
    found |= {name: p.grad.numpy() if p.grad is not None else np.zeros(p.shape) for name, p in layer.named_parameters()}
    assert_all_close(found, {"y": y, "dx": dx, **grads}, RELATIVE)


@examples(60)
@given(any_requests().filter(lambda r: r.layer.num_experts > 1), st.integers(1, 12), SEEDS)
def test_the_load_balancing_loss_is_that_of_the_reference_averaged_over_pools(
    request: Request, tokens: int, seed: int
) -> None:
    config, rng = reference_config(request), np.random.default_rng(seed)
    params, x = init(config, rng), rng.standard_normal((tokens, config.d_model))
    routing = forward(params, x, config)[1].routing
    assert routing is not None
    expected = np.mean([load_balancing_forward(routing[pool :: config.pools]) for pool in range(config.pools)])
    layer = loaded(request, params)
    layer(torch.tensor(x))
    assert_close(layer.load_balancing_loss.detach().numpy(), np.array(expected), RELATIVE)
    assert layer.load_balancing_loss.requires_grad


@examples(30)
@given(any_requests(), SEEDS)
def test_equal_logits_send_to_the_lower_number(request: Request, seed: int) -> None:
    config, rng = reference_config(request), np.random.default_rng(seed)
    params, x = init(config, rng), rng.standard_normal((5, config.d_model))
    if config.routed:
        params["router"][...] = 0
    y, _ = forward(params, x, config)
    assert_close(loaded(request, params)(torch.tensor(x)).detach().numpy(), y, RELATIVE)


@given(any_requests())
def test_names_and_shapes_are_the_references(request: Request) -> None:
    layer = module_of(request).MoELayer()
    assert {name: tuple(p.shape) for name, p in layer.named_parameters()} == reference_config(request).shapes()


def test_initial_values_have_the_references_spread() -> None:
    torch.manual_seed(0)
    request = Request(resolve("d_model=96,d_expert=64,num_experts=12,top_k=2,heads=3,projection_bias=true"))
    ours = init(reference_config(request), np.random.default_rng(0))
    for name, parameter in module_of(request).MoELayer().named_parameters():
        spread = ours[name].std()
        assert parameter.std().item() == pytest.approx(spread, rel=0.1), name
        assert parameter.mean().item() == pytest.approx(0, abs=0.1 * spread), name


TRAINED = (
    "d_model=16,d_expert=24,num_experts=6,top_k=2",
    "d_model=16,d_expert=24,num_experts=6,top_k=1,gated=false",
    "d_model=16,d_expert=24,num_experts=1,top_k=1",
    "d_model=16,d_expert=24,num_experts=6,top_k=2,heads=4,num_shared_experts=2,d_shared=8",
    "d_model=16,d_expert=24,num_experts=6,top_k=2,heads=2,expert_pool=per_head,projection_bias=true",
    "d_model=16,d_latent=8,d_expert=24,num_experts=6,top_k=2,router_input=token",
)


@pytest.mark.parametrize("ref", TRAINED)
def test_fifty_steps_of_training_lower_the_loss(ref: str) -> None:
    torch.manual_seed(1)
    layer = module_of(Request(resolve(ref))).MoELayer()
    x, target = torch.randn(2, 4, 16, 16)
    optimizer, losses = torch.optim.AdamW(layer.parameters(), lr=3e-3), []
    for _ in range(50):
        loss = (layer(x) - target).square().mean()
        losses.append(loss.item())
        optimizer.zero_grad()
        (loss + 0.01 * getattr(layer, "load_balancing_loss", 0)).backward()
        optimizer.step()
    tens = [sum(losses[start : start + 10]) for start in range(0, 50, 10)]
    assert tens == sorted(tens, reverse=True)
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_grouped_product_is_that_of_the_loop(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    module = module_of(Request(resolve("d_model=32,d_expert=16,num_experts=5,top_k=2,heads=2")))
    layer, x = module.MoELayer().to(getattr(torch, dtype)), torch.randn(9, 32, dtype=getattr(torch, dtype))

    def outcome() -> list[Any]:
        layer.zero_grad()
        y = layer(x)
        y.backward(torch.ones_like(y))
        return [y.detach(), *(p.grad.clone() for p in layer.parameters())]

    one_kernel, calls = torch.nn.functional.grouped_mm, []

    def counted(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments)
        return one_kernel(*arguments, **named)

    monkeypatch.setattr(torch.nn.functional, "grouped_mm", counted)
    grouped = outcome()
    assert len(calls) == 2
    monkeypatch.delattr(torch.nn.functional, "grouped_mm")
    for one, other in zip(grouped, outcome(), strict=True):
        assert torch.allclose(
            one, other, rtol=0.05 if dtype == "bfloat16" else 1e-4, atol=0.05 if dtype == "bfloat16" else 1e-5
        )


@pytest.mark.parametrize("ref", TRAINED)
def test_mixed_precision_runs_and_keeps_close(ref: str) -> None:
    torch.manual_seed(3)
    layer, x = module_of(Request(resolve(ref), Computation(renormalize=True))).MoELayer(), torch.randn(8, 16)
    exact = layer(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y = layer(x)
    y.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    assert (y - exact).square().mean() < 0.05 * exact.square().mean()


@pytest.mark.skipif(len(TOOLS) < 2, reason="needs ruff and mypy beside PyTorch")
def test_the_files_pass_ruff_and_strict_types(tmp_path: Path) -> None:
    written: set[bytes] = set()

    @examples(60, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(any_requests())
    def write(request: Request) -> None:
        written.add(export("torch", request).files["layer.py"])

    write()
    for number, text in enumerate(sorted(written)):
        (tmp_path / f"layer_{number}.py").write_bytes(text)
    bin_folder, root = Path(sys.executable).parent, Path(__file__).parents[2]
    for tool, *arguments in (
        ("ruff", "check", "--isolated", "."),
        ("ruff", "format", "--isolated", "--check", "."),
        ("ruff", "check", "--config", str(root / "pyproject.toml"), "."),
        ("ruff", "format", "--config", str(root / "pyproject.toml"), "--check", "."),
        ("mypy", "--strict", "--config-file=", "."),
    ):
        done = subprocess.run(
            [bin_folder / tool, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
