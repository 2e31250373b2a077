"""The exported YAML in OLMo-core: its own counters, the layer it builds, the gates of its router, the model around."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from parity.cost import cost
from parity.exporters import Request, export
from parity.exporters.versions import OLMO_CORE
from parity.ref import resolve
from reference.router import route_forward
from tests.engine.strategies import assert_close
from tests.examples import examples
from tests.exporters.strategies import expressible_in_olmo_core

torch: Any = pytest.importorskip("torch")
yaml: Any = pytest.importorskip("yaml")
moe: Any = pytest.importorskip("olmo_core.nn.moe")
transformer: Any = pytest.importorskip("olmo_core.nn.transformer")
pytestmark = pytest.mark.filterwarnings("ignore")  # of what a CPU lacks


def moe_config(request: Request) -> Any:
    return moe.MoEConfig.from_dict(yaml.safe_load(export("olmo-core", request).files["moe.yaml"]))


def test_the_release_is_the_one_that_exports_name() -> None:
    assert version("ai2-olmo-core") == OLMO_CORE


@examples(60, suppress_health_check=[HealthCheck.too_slow])
@given(expressible_in_olmo_core())
def test_its_counters_and_the_layer_it_builds_hold_the_designs_parameters(request: Request) -> None:
    config, layer = moe_config(request), request.layer
    expected = cost(layer, "matmul")
    biases = layer.d_latent + layer.d_model if layer.projection_bias else 0
    assert sum(row.params for row in expected.rows) == config.num_params(layer.d_model)
    assert expected.active_params == config.num_active_params(layer.d_model)
    built = config.build(layer.d_model, init_device="meta")
    found = {"latent": 0, "router": 0, "experts": 0, "shared": 0}
    for name, parameter in built.named_parameters():
        found[name.partition(".")[0].partition("_")[0]] += parameter.numel()
    parts = {row.op: row.params for row in expected.rows}
    assert found["latent"] == parts.pop("head", 0) + parts.pop("merge", 0)
    assert found["latent"] == (2 * layer.d_model * layer.d_latent + biases if layer.head_layer else 0)
    assert {op: found[op] for op in ("router", "experts", "shared")} == {"shared": 0} | parts


@examples(40, suppress_health_check=[HealthCheck.too_slow])
@given(expressible_in_olmo_core(), st.integers(0, 2**32 - 1))
def test_its_gates_are_the_references(request: Request, seed: int) -> None:
    layer, rng = request.layer, np.random.default_rng(seed)
    router = moe_config(request).router.build(layer.d_model, layer.num_experts)
    weight, x = rng.standard_normal((layer.d_model, layer.num_experts)), rng.standard_normal((9, layer.d_model))
    with torch.no_grad():
        router.weight.copy_(torch.tensor(weight.T.ravel()))
        gates, chosen, *_ = router(torch.tensor(x[None], dtype=torch.float32))
    routing = route_forward((x.astype("float32") @ weight.astype("float32")), layer.top_k, request.how.renormalize)
    ours, theirs = np.zeros((2, 9, layer.num_experts))
    np.put_along_axis(ours, routing.chosen, routing.gates, axis=1)
    np.put_along_axis(theirs, chosen[0].numpy(), gates[0].numpy(), axis=1)
    assert_close(theirs, ours, 1e-4)


@pytest.mark.parametrize("ref", ["paper-smoe", "paper-fine-grained", "paper-smoe-shared"])
def test_the_model_around_it_has_the_layer_in_every_second_place(ref: str, tmp_path: Path) -> None:
    (tmp_path / "model.yaml").write_bytes(export("olmo-core", Request(resolve(ref))).files["model.yaml"])
    config = transformer.TransformerConfig.from_yaml(tmp_path / "model.yaml")
    model = config.build(init_device="meta")
    assert sum(parameter.numel() for parameter in model.parameters()) == config.num_params
    sizes = [
        sum(p.numel() for p in block.feed_forward_moe.parameters()) for block in model.blocks.values() if block.is_moe
    ]
    assert sizes == [cost(resolve(ref), "matmul").params] * 6
    assert [block.is_moe for block in model.blocks.values()] == [False, True] * 6
