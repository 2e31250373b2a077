"""The exported YAML in Megatron-Core: its configuration, the layer it builds on a CPU, and the gates of its router."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from parity.cost import cost
from parity.exporters import Request, export
from parity.exporters.versions import MEGATRON_CORE
from reference.router import route_forward
from tests.engine.strategies import assert_close
from tests.examples import examples
from tests.exporters.strategies import expressible_in_megatron, latent_layers

torch: Any = pytest.importorskip("torch")
yaml: Any = pytest.importorskip("yaml")
pytest.importorskip("megatron.core")
pytestmark = pytest.mark.filterwarnings("ignore")  # of what a CPU lacks


@pytest.fixture(scope="module", autouse=True)
def one_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Megatron builds layers inside process groups: here of one process."""
    from megatron.core import parallel_state

    meeting: Path = tmp_path_factory.mktemp("megatron") / "meeting"
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=0, world_size=1)
    parallel_state.initialize_model_parallel()
    yield
    parallel_state.destroy_model_parallel()
    torch.distributed.destroy_process_group()


def config_of(request: Request, **changed: Any) -> Any:
    """Megatron-Core's configuration from the exported file, the activation as Megatron-LM reads it."""
    from megatron.core.transformer.transformer_config import TransformerConfig

    content = yaml.safe_load(export("megatron", request).files["megatron.yaml"])
    fields = content["language_model"] | (content["model_parallel"] or {})
    activations = {
        "swiglu": {"activation_func": torch.nn.functional.silu, "gated_linear_unit": True},
        "gelu": {"activation_func": torch.nn.functional.gelu},
    }
    return TransformerConfig(**fields | activations[fields["activation_func"]] | changed)


def test_the_release_is_the_one_that_exports_name() -> None:
    assert version("megatron-core") == MEGATRON_CORE


@examples(60, suppress_health_check=[HealthCheck.too_slow])
@given(expressible_in_megatron() | st.builds(Request, latent_layers()))
def test_the_configuration_is_accepted_and_has_the_designs_numbers(request: Request) -> None:
    config, layer = config_of(request), request.layer
    assert (config.num_moe_experts, config.moe_router_topk) == (layer.num_experts, layer.top_k)
    assert (config.hidden_size, config.moe_ffn_hidden_size) == (layer.d_model, layer.d_expert)
    assert config.moe_latent_size == (layer.d_latent if layer.head_layer else None)


@examples(40, suppress_health_check=[HealthCheck.too_slow])
@given(expressible_in_megatron())
def test_the_layer_that_is_built_holds_the_designs_parameters(request: Request) -> None:
    from megatron.core.models.gpt.moe_module_specs import get_moe_module_spec
    from megatron.core.transformer.spec_utils import build_module

    # On a CPU there is neither a grouped product nor an exchange between ranks.
    config = config_of(
        request, use_cpu_initialization=True, moe_grouped_gemm=False, moe_token_dispatcher_type="allgather"
    )
    spec = get_moe_module_spec(use_te=False, num_experts=request.layer.num_experts, moe_grouped_gemm=False)
    found = {"router": 0, "experts": 0, "shared": 0}
    for name, parameter in build_module(spec, config=config).named_parameters():
        found[name.partition(".")[0].partition("_")[0]] += parameter.numel()
    assert found == {"shared": 0} | {row.op: row.params for row in cost(request.layer, "matmul").rows}


@examples(60)
@given(expressible_in_megatron(), st.integers(0, 2**32 - 1))
def test_its_gates_are_the_references(request: Request, seed: int) -> None:
    from megatron.core.transformer.moe.moe_utils import topk_routing_with_score_function

    config, layer = config_of(request), request.layer
    logits = np.random.default_rng(seed).standard_normal((9, layer.num_experts))
    gates, _ = topk_routing_with_score_function(
        torch.tensor(logits),
        config.moe_router_topk,
        use_pre_softmax=config.moe_router_pre_softmax,
        score_function=config.moe_router_score_function,
    )
    routing = route_forward(logits, layer.top_k, request.how.renormalize)
    expected = np.zeros_like(logits)
    np.put_along_axis(expected, routing.chosen, routing.gates, axis=1)
    assert_close(gates.numpy(), expected, 1e-5)  # Megatron takes the softmax in single precision
