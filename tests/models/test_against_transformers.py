"""Random configs, right ones and damaged ones, against the classes that `transformers` builds of them."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from parity.errors import InputError
from tests.examples import examples
from tests.models.configs import FAMILIES
from tests.models.count import counted
from tests.models.mutations import mutated
from tests.models.strategies import OTHERS, configs, usual

pytest.importorskip("torch")
pytest.importorskip("transformers")
peer: Any = pytest.importorskip("tests.models.peer")


@examples(400, suppress_health_check=[HealthCheck.too_slow])
@given(configs())
def test_every_part_is_as_large_as_in_the_class(config: dict[str, Any]) -> None:
    assert counted(config) == peer.counted(config)


@pytest.mark.parametrize("form", [True, False], ids=["differences", "everything"])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_transformers_saves_of_a_config_comes_to_the_same(family: str, form: bool) -> None:
    config = usual(family)
    if "kv_lora_rank" in config:  # of which the class has another number of key-value heads by default
        config["num_key_value_heads"] = config["num_attention_heads"]
    model = peer.built(config)
    saved = json.loads(model.config.to_json_string(use_diff=form)) | {"architectures": [type(model).__name__]}
    assert counted({"model_type": family, **saved}) == counted(config)


@examples(1500, suppress_health_check=[HealthCheck.too_slow])
@given(configs(), st.integers(0, 2**64))
def test_a_damaged_config_is_refused_or_counted_as_the_class_understands_it(config: dict[str, Any], seed: int) -> None:
    damaged = mutated(config, OTHERS, Random(seed), huge=False)
    try:
        counts = counted(damaged)
    except InputError:
        return
    if damaged["model_type"] not in FAMILIES:
        return
    try:
        built = peer.built(damaged)
    except Exception:
        return
    assert counts == peer.counted_in(built)
