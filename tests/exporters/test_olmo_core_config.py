"""What OLMo-core's configuration says of a design, or why there is none, without OLMo-core."""

from dataclasses import replace

import pytest
from hypothesis import given

from parity.errors import InputError
from parity.exporters import Computation, Request, export, export_found
from parity.exporters.olmo_core import moe_config
from parity.ref import look_up, resolve
from tests.exporters.strategies import any_requests, expressible_in_olmo_core

LATENT = "d_model=8,d_expert=8,num_experts=4,top_k=2,gated=true,router_input=token"


@given(expressible_in_olmo_core())
def test_the_parts_of_a_layer_are_there_where_the_design_has_them_and_as_wide(request: Request) -> None:
    config, layer = moe_config(request), request.layer
    assert (config["num_experts"], config["hidden_size"]) == (layer.num_experts, layer.d_expert)
    assert config["router"]["top_k"] == layer.top_k
    shared = config.get("shared_mlp", {"hidden_size": 0})["hidden_size"]
    assert shared == layer.num_shared_experts * layer.d_shared
    latent = config.get("latent_moe")
    assert (latent is not None) == layer.head_layer
    if latent is not None:
        assert (latent["latent_dim"], latent["bias"]) == (layer.d_latent, layer.projection_bias)


@given(expressible_in_olmo_core())
def test_that_shared_experts_are_weighed_is_told_where_there_are_any(request: Request) -> None:
    told = any(f"k = {request.layer.top_k}" in note for note in export("olmo-core", request).notes)
    assert told == bool(request.layer.num_shared_experts)


@given(any_requests())
def test_a_layer_is_exported_or_refused_with_what_could_be_done(request: Request) -> None:
    try:
        files, refused = {*export("olmo-core", request).files}, ""
    except InputError as error:
        files, refused = set(), str(error)
    if refused:
        assert "accepted is" in refused
        return
    assert files == {"moe.yaml", "model.yaml", "design.json"}
    assert request.layer.heads == 1


@pytest.mark.parametrize("d_latent", [8, 9])
def test_a_latent_space_that_is_no_narrower_than_the_token_is_refused(d_latent: int) -> None:
    layer = resolve(f"{LATENT},d_latent={d_latent},head_layer=true,merge_layer=true")
    with pytest.raises(InputError, match=f"d_latent={d_latent} behind projections, with d_model=8: .*accepted is"):
        export("olmo-core", Request(layer))
    assert export("olmo-core", Request(replace(layer, d_latent=7)))


def test_of_a_whole_model_there_is_the_layer_and_no_decoder_of_the_papers() -> None:
    made = export_found(look_up("qwen3-30b-a3b"), "olmo-core", Computation())
    assert {*made.files} == {"moe.yaml", "design.json"}
    assert any("Of the model this is the MoE layer" in note for note in made.notes)
