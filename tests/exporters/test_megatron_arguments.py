"""What Megatron's two files say: one and the same, all that it silently requires, or why not."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.errors import InputError
from parity.exporters import Computation, Export, Request, export, export_found
from parity.models.builtin import builtin_models
from parity.models.reading import LARGEST_LAYER_LIST
from parity.ref import look_up, resolve
from tests.exporters.strategies import any_requests, expressible_in_megatron

SPELLED = {"num_experts": "num_moe_experts", "disable_bias_linear": "add_bias_linear"}


def fields_of(made: Export) -> dict[str, Any]:
    """The YAML, whose values are those of JSON, without its sections."""
    lines = [line.strip() for line in made.files["megatron.yaml"].decode().splitlines() if not line.startswith("#")]
    pairs = (line.partition(":")[::2] for line in lines)
    return {name: json.loads(value) for name, value in pairs if value.strip() and json.loads(value) != {}}


def arguments_of(made: Export) -> dict[str, Any]:
    """The flags as a shell expands them, by the names of the fields."""
    script = f'{made.files["megatron.sh"].decode()}\nprintf "%s\\n" "${{PARITY_ARGS[@]}}"'
    words = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    found: dict[str, Any] = {}
    for word in words:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            found[SPELLED.get(name, name)] = True
        else:
            found[list(found)[-1]] = word
    return found


@given(expressible_in_megatron())
def test_the_arguments_and_the_yaml_say_the_same(request: Request) -> None:
    made = export("megatron", request)
    arguments, fields = arguments_of(made), fields_of(made)
    assert arguments.pop("swiglu", False) == (fields.pop("activation_func") == "swiglu") == request.layer.gated
    assert arguments.pop("add_bias_linear") is True  # the flag disables
    assert fields.pop("add_bias_linear") is False
    assert eval(arguments.pop("moe_layer_freq")) == fields.pop("moe_layer_freq") == [0, 1] * 6
    assert arguments == {name: value if value is True else str(value) for name, value in fields.items()}


@given(expressible_in_megatron())
def test_a_softmax_before_the_choice_is_asked_for_where_gates_are_not_divided(request: Request) -> None:
    divided = request.how.renormalize and request.layer.top_k > 1
    assert ("moe_router_pre_softmax" in fields_of(export("megatron", request))) == (not divided)


@given(any_requests(), st.integers(1, 6))
def test_a_layer_is_exported_or_refused_with_what_could_be_done(request: Request, ep: int) -> None:
    layer = request.layer
    try:
        fields = fields_of(export("megatron", Request(layer, request.how, ep=ep)))
    except InputError as error:
        assert "accepted" in str(error)  # noqa: PT017  # others are exported
        return
    assert layer.heads == 1
    assert fields.get("num_moe_experts", 1) == layer.num_experts
    assert fields.get("moe_shared_expert_intermediate_size", 0) == layer.num_shared_experts * layer.d_shared
    assert layer.num_experts % ep == 0


def test_experts_that_ranks_do_not_divide_are_refused_with_the_ranks_that_do() -> None:
    with pytest.raises(InputError, match="ep=4 does not divide num_experts=93: accepted are 1, 3, 31, 93"):
        export("megatron", Request(resolve("d_model=8,d_expert=8,num_experts=93,top_k=2"), ep=4))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("qwen3-30b-a3b", [1] * 48),
        ("deepseek-v3", [0] * 3 + [1] * 58),
        ("llama-4-maverick-17b-128e-instruct", [0, 1] * 24),
    ],
)
def test_a_models_own_pattern_is_kept(name: str, pattern: list[int]) -> None:
    made = export_found(look_up(name), "megatron", Computation())
    assert eval(arguments_of(made)["moe_layer_freq"]) == fields_of(made)["moe_layer_freq"] == pattern
    assert sum(pattern) == builtin_models()[name].model.moe_layers


@pytest.mark.parametrize(
    ("ref", "how", "shows"),
    [
        ("num_experts=1,top_k=1,num_shared_experts=1,d_shared=8", Computation(), "num_experts=1 beside other parts"),
        ("num_experts=1,top_k=1,d_latent=4", Computation(), "num_experts=1 beside other parts"),
        ("num_experts=4,top_k=2,gated=false", Computation(activation="relu"), "activation=relu"),
        ("num_experts=4,top_k=2,gated=false", Computation(activation="silu"), "activation=silu"),
        ("num_experts=4,top_k=2,gated=true", Computation(activation="gelu"), "activation=gelu"),
    ],
)
def test_what_megatron_has_not_is_refused_by_its_field(ref: str, how: Computation, shows: str) -> None:
    with pytest.raises(InputError, match=f"{shows}: .*accepted is"):
        export("megatron", Request(resolve(f"d_model=8,d_expert=8,{ref}"), how))


def test_a_latent_space_has_its_width_and_is_told_to_need_transformer_engine() -> None:
    plain = "d_model=8,d_expert=8,num_experts=4,top_k=2"
    for ref, width in ((plain, None), (f"{plain},d_latent=4,router_input=token", 4)):
        made = export("megatron", Request(resolve(ref)))
        assert fields_of(made).get("moe_latent_size") == width
        assert any("Transformer Engine" in note for note in made.notes) == (width is not None)


def test_more_layers_than_can_be_listed_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    layers = LARGEST_LAYER_LIST + 1
    path.write_text(json.dumps({**builtin_models()["mixtral-8x7b-v0.1"].config, "num_hidden_layers": layers}))
    with pytest.raises(InputError, match=f"num_hidden_layers={layers}: accepted are up to {LARGEST_LAYER_LIST}"):
        export_found(look_up(str(path)), "megatron", Computation())


def test_an_encoder_is_refused() -> None:
    with pytest.raises(InputError, match="encoder"):
        export_found(look_up("switch-base-8"), "megatron", Computation())
