"""Damaged configs of released models: a count, or a refusal that can be shown."""

import json
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parity.errors import InputError
from parity.models import ModelCost, cost_of_model, import_config, import_moe_layer
from tests.examples import examples
from tests.models.mutations import mutated
from tests.models.released import RELEASED
from tests.models.strategies import OTHERS

DATA = Path(__file__).parents[1] / "data" / "models"
CONFIGS: list[dict[str, Any]] = [
    *(json.loads(path.read_text("utf-8")) for path in sorted(DATA.glob("*.json"))),
    *map(dict, RELEASED.values()),
]

damaged = st.builds(
    lambda config, seed: mutated(config, OTHERS, Random(seed)), st.sampled_from(CONFIGS), st.integers(0, 2**64)
)


def counted_or_refused(config: dict[str, Any], length: int) -> ModelCost | str:
    """What a config costs, or why it is refused."""
    try:
        return cost_of_model(import_config(config), length)
    except InputError as refused:
        return str(refused)


@examples(500)
@given(damaged, st.integers(1, 2**62))
def test_a_damaged_config_is_counted_or_refused(config: dict[str, Any], length: int) -> None:
    cost = counted_or_refused(config, length)
    if isinstance(cost, str):
        assert cost.isprintable()
        assert 0 < len(cost) < 5000
        return
    assert 0 < cost.active_params <= cost.params == sum(row.params for row in cost.rows)
    assert 0 <= cost.active_params_no_embeddings <= cost.active_params_no_input_embedding <= cost.active_params
    assert cost.flops_per_token > 0
    assert min(min(row.flops_per_token, row.params, row.active_params) for row in cost.rows) >= 0


@examples(200)
@given(damaged)
def test_a_damaged_config_has_an_moe_layer_or_is_refused(config: dict[str, Any]) -> None:
    try:
        layer, _ = import_moe_layer(config)
    except InputError:
        return
    assert 1 <= layer.top_k <= layer.num_experts


@given(st.sampled_from(CONFIGS), st.text(max_size=30), st.integers(0, 6000))
def test_a_refusal_can_be_shown_however_odd_a_field_is(config: dict[str, Any], name: str, digits: int) -> None:
    cost = counted_or_refused(config | {name: 10**digits}, 1)
    assert not isinstance(cost, str) or cost.isprintable()
