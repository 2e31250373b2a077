"""What an exported config says, read back by parity: the design, and nothing beside it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer
from parity.cost import cost
from parity.errors import InputError
from parity.exporters import Computation, Export, Request, export, export_found
from parity.exporters.hf.forms import FORMS
from parity.models import import_config
from parity.models.builtin import builtin_models
from parity.models.cost import rows_of_block
from parity.ref import look_up, resolve
from tests.exporters.strategies import COMPUTATIONS, any_requests, expressible_in_hf
from tests.models.strategies import usual

OPS = ("head", "router", "experts", "merge", "shared")


def config_of(made: Export) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(made.files["config.json"])
    return config


def costs(layer: MoELayer) -> dict[str, tuple[int, int]]:
    """FLOPs and parameters of each op, which do not depend on how shared experts are divided."""
    return {row.op: (row.flops_per_token, row.params) for row in cost(layer, "matmul").rows}


def is_the_layer(found: MoELayer, layer: MoELayer) -> bool:
    """Whether they are one layer, however its shared experts are divided, and whatever the router of whole tokens."""
    same_fields = ("d_model", "d_expert", "num_experts", "top_k", "gated", "d_latent", "heads", "head_layer")
    return costs(found) == costs(layer) and all(getattr(found, f) == getattr(layer, f) for f in same_fields)


@given(expressible_in_hf())
def test_the_config_read_back_is_the_design_in_every_second_layer(request: Request) -> None:
    model = import_config(config_of(export("hf", request)))
    (found,) = model.layers
    assert is_the_layer(found, request.layer)
    if request.layer.num_experts > 1:
        (placed,) = model.moe_blocks
        assert placed.times == 6
        assert {row.op for row in rows_of_block(placed.block)} <= set(OPS)
        # In nemotron_h a layer of the decoder is two, each with one block.
        attention = [p for p in model.blocks if p.layers and any(part.op == "mixer" for part in p.block.parts)]
        assert sum(p.times for p in attention) == 12


@given(expressible_in_hf())
def test_gates_and_activation_are_as_asked(request: Request) -> None:
    config = config_of(export("hf", request))
    activation = request.how.activation or ("silu" if request.layer.gated else "relu")
    assert config["mlp_hidden_act" if config["model_type"] == "nemotron_h" else "hidden_act"] == activation
    if request.layer.num_experts > 1:
        assert config["norm_topk_prob"] == (request.how.renormalize and request.layer.top_k > 1)


@given(any_requests())
def test_a_layer_is_exported_as_it_is_or_refused_with_what_could_be_done(request: Request) -> None:
    try:
        made = export("hf", request)
    except InputError as error:
        assert "--to torch" in str(error)  # noqa: PT017  # others are exported
        return
    (found,) = import_config(config_of(made)).layers
    assert is_the_layer(found, request.layer)


@given(st.sampled_from(sorted(n for n, m in builtin_models().items() if m.config["model_type"] in FORMS)), st.data())
def test_a_host_keeps_all_but_its_moe_layers(name: str, data: st.DataObject) -> None:
    host = builtin_models()[name]
    its = next(iter(host.model.layers))
    several = data.draw(st.integers(1, 3)) if its.num_shared_experts else 0
    layer = replace(
        its,
        d_expert=data.draw(st.integers(1, 99)),
        num_experts=data.draw(st.integers(2, 99)),
        top_k=2,
        num_shared_experts=several,
    )
    layer = replace(layer, d_shared=layer.d_expert if several else 0)
    how = Computation(renormalize=FORMS[host.config["model_type"]].renormalizes is not False)
    model = import_config(config_of(export("hf", Request(layer, how, host=host.config))))
    (found,) = model.layers
    assert is_the_layer(found, layer)
    assert model.moe_layers == host.model.moe_layers

    def beside(blocks: Any) -> list[Any]:
        return [(placed.block, placed.times) for placed in blocks if placed.block.layer is None]

    assert beside(model.blocks) == beside(host.model.blocks)


@pytest.mark.parametrize(
    ("host", "ref", "shows"),
    [
        ("qwen1.5-moe-a2.7b", "d_model=2048,d_expert=512,num_experts=8,top_k=2", "shared expert gate"),
        ("mixtral-8x7b-v0.1", "d_model=4096,d_expert=512,num_experts=8,top_k=1", "top_k=1"),
        ("mixtral-8x7b-v0.1", "paper-fine-grained", "hidden_size=4096"),
        (
            "mixtral-8x7b-v0.1",
            "d_model=4096,d_expert=8,num_experts=8,top_k=2,num_shared_experts=1,d_shared=8",
            "shared",
        ),
        ("meta-llama-3-8b", "d_model=4096,d_expert=512,num_experts=8,top_k=2", "no MoE layers"),
        ("mixtral-8x7b-v0.1", "d_model=4096,d_expert=512,num_experts=8,top_k=2,gated=false", "gated=false"),
    ],
)
def test_a_host_that_cannot_hold_the_design_is_refused_and_told_why(host: str, ref: str, shows: str) -> None:
    with pytest.raises(InputError, match=shows):
        export("hf", Request(resolve(ref), host=builtin_models()[host].config))


@pytest.mark.parametrize(
    ("host", "renormalize", "shows"),
    [
        ("mixtral-8x7b-v0.1", False, "gates not divided by their sum, where it always does so"),
        ("deepseek-v2-lite", True, "gates divided by their sum, where it always leaves them as they are"),
    ],
)
def test_a_host_whose_gates_are_otherwise_is_refused(host: str, renormalize: bool, shows: str) -> None:
    builtin = builtin_models()[host]
    (its,) = builtin.model.layers
    with pytest.raises(InputError, match=f"it cannot have {shows}; accepted is"):
        export("hf", Request(its, Computation(renormalize=renormalize), host=builtin.config))
    assert export("hf", Request(its, Computation(renormalize=not renormalize), host=builtin.config))


def test_a_host_of_a_family_that_is_not_written_is_refused_with_those_that_are() -> None:
    host = usual("dbrx")
    with pytest.raises(InputError, match=r"--host of model_type=dbrx: accepted are models of .*mixtral"):
        export("hf", Request(MoELayer(d_model=24, d_expert=8, num_experts=8, top_k=2, gated=True), host=host))


def test_a_model_that_transformers_builds_with_another_class_is_written_as_that() -> None:
    its = builtin_models()["kimi-k2-instruct"]
    made = export_found(look_up("kimi-k2-instruct"), "hf")
    config = config_of(made)
    assert its.config["model_type"] == "kimi_k2"
    assert config["model_type"] == "deepseek_v3"
    assert "auto_map" not in config
    assert import_config(config).blocks == its.model.blocks
    assert any("transformers builds kimi_k2 as deepseek_v3" in note for note in made.notes)


def test_a_target_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(InputError, match="'jax' is not a target: accepted are hf, megatron, olmo-core, torch"):
        export("jax", Request(resolve("paper-smoe")))


@pytest.mark.parametrize(
    ("ref", "shows"),
    [
        ("paper-mh-moe-3", "heads=3"),
        ("d_model=8,d_latent=4,d_expert=8,num_experts=8,top_k=2,router_input=token", "d_latent=4"),
        ("d_model=8,d_latent=4,d_expert=8,num_experts=8,top_k=2,gated=false", "router_input=sub_token"),
        ("d_model=8,d_expert=8,num_experts=8,top_k=2,head_layer=true", "merge_layer=false"),
        ("d_model=8,d_expert=8,num_experts=8,top_k=2,gated=false", "num_shared_experts=0"),
        ("d_model=8,d_expert=8,num_experts=8,top_k=2,num_shared_experts=1,d_shared=12", "d_shared=12"),
        ("d_model=8,d_expert=8,num_experts=1,top_k=1,num_shared_experts=1,d_shared=8", "num_experts=1"),
    ],
)
def test_what_no_family_has_is_refused_by_its_field(ref: str, shows: str) -> None:
    with pytest.raises(InputError, match=shows) as refused:
        export("hf", Request(resolve(ref)))
    assert "--to torch" in str(refused.value)


@given(COMPUTATIONS)
def test_a_router_with_other_scores_than_the_references_is_told(how: Computation) -> None:
    told = "sigmoid"
    assert any(told in note for note in export("hf", Request(resolve("paper-smoe-shared"), how)).notes)
    assert not any(told in note for note in export("hf", Request(resolve("paper-smoe"), how)).notes)
