"""Exported configs in transformers itself: what it builds of them, and what the layer computes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from parity.builtin import BUILTIN
from parity.cost import cost
from parity.exporters import Computation, Request, export, files_in
from parity.exporters.versions import TORCH, TRANSFORMERS
from parity.models.builtin import builtin_models
from reference import forward, init
from tests.engine.strategies import assert_close
from tests.examples import examples
from tests.exporters.strategies import COMPUTATIONS, expressible_in_hf, plain_layers, reference_config
from tests.exporters.test_hf_laws import config_of

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers")
peer: Any = pytest.importorskip("tests.models.peer")

MOE_LAYERS = 6


def layers_parts(request: Request) -> dict[str, int]:
    """Parameters of the six MoE layers, by the names that counts of transformers' classes use."""
    parts = {row.op: row.params for row in cost(request.layer, "matmul").rows}
    return {op: MOE_LAYERS * parts.get(op, 0) for op in ("experts", "router", "shared")}


def test_the_releases_are_those_that_exports_name() -> None:
    assert transformers.__version__ == TRANSFORMERS
    assert torch.__version__.split("+")[0] == TORCH


@examples(60, suppress_health_check=[HealthCheck.too_slow])
@given(expressible_in_hf().filter(lambda request: request.layer.num_experts > 1))
def test_experts_router_and_shared_parameters_are_the_designs(request: Request) -> None:
    counts = peer.counted(config_of(export("hf", request)))
    assert {op: counts.get(op, 0) for op in ("experts", "router", "shared")} == layers_parts(request)
    assert "shared_gate" not in counts


@examples(20, suppress_health_check=[HealthCheck.too_slow])
@given(expressible_in_hf().filter(lambda request: request.layer.num_experts == 1))
def test_a_dense_design_is_the_block_of_every_layer(request: Request) -> None:
    layer = request.layer
    counts = peer.counted(config_of(export("hf", request)))
    assert counts["dense"] == 12 * (3 if layer.gated else 2) * layer.d_model * layer.d_expert
    assert "router" not in counts


@pytest.mark.parametrize("name", ["paper-dense", "paper-smoe", "paper-fine-grained", "paper-smoe-shared"])
def test_auto_config_loads_the_folder(name: str, tmp_path: Path) -> None:
    with files_in(str(tmp_path / "out"), export("hf", Request(BUILTIN[name].design)).files):
        pass
    config = transformers.AutoConfig.from_pretrained(tmp_path / "out")
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
    assert type(model).__name__ != "PreTrainedModel"
    assert config.hidden_size == 768


def block_of(request: Request) -> Any:
    """The first MoE block that transformers builds, in float64."""
    config = config_of(export("hf", request)) | {"num_hidden_layers": 2, "vocab_size": 8}
    made = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
    model = transformers.AutoModelForCausalLM.from_config(made, dtype=torch.float64, experts_implementation="eager")
    return next(block for block in (layer.mlp for layer in model.model.layers) if hasattr(block, "experts"))


@examples(30, suppress_health_check=[HealthCheck.too_slow])
@given(st.builds(Request, plain_layers(), COMPUTATIONS), st.integers(0, 2**32 - 1))
def test_a_family_with_a_softmax_computes_what_the_reference_does(request: Request, seed: int) -> None:
    rng, config = np.random.default_rng(seed), reference_config(request)
    params = init(config, rng)
    x = rng.standard_normal((7, config.d_model))
    block = block_of(request)
    with torch.no_grad():
        block.gate.weight.copy_(torch.tensor(params["router"].T))
        block.experts.gate_up_proj.copy_(torch.tensor(params["w_in"].transpose(0, 2, 1).copy()))
        block.experts.down_proj.copy_(torch.tensor(params["w_out"].transpose(0, 2, 1).copy()))
        y = block(torch.tensor(x)[None])
    y = y[0] if isinstance(y, tuple) else y
    # transformers takes the softmax in single precision.
    assert_close(y.reshape(7, -1).numpy(), forward(params, x, config)[0], 1e-5)


@pytest.mark.parametrize("name", sorted(builtin_models()))
def test_a_built_in_model_exports_as_what_transformers_builds_or_is_refused(name: str) -> None:
    from parity.errors import InputError
    from parity.exporters import export_found
    from parity.ref import look_up

    found = look_up(name)
    try:
        made = export_found(found, "hf", Computation())
    except InputError as error:
        assert "not by transformers" in str(error)  # noqa: PT017  # others are exported
        return
    assert config_of(made)["model_type"] in transformers.models.auto.configuration_auto.CONFIG_MAPPING
