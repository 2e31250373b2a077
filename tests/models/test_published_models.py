"""Released models against counts that were made without parity: of their classes, or from their official shapes."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from parity import cost
from parity.models import cost_of_model, import_config, import_moe_layer
from parity.report.whole_model import beside_note
from tests.models.count import counted

DATA = Path(__file__).parents[1] / "data" / "models"
with (DATA / "table.csv").open(encoding="utf-8", newline="") as table:
    PUBLISHED = {row.pop("id"): {column: int(count) for column, count in row.items()} for row in csv.DictReader(table)}

COLUMNS = {
    "embedding": "p_embed",
    "positions": "p_pos_embed",
    "mixer": "p_mixer",
    "mixer_norms": "p_norms_in_mixer",
    "dense": "p_dense_mlp",
    "router": "p_router",
    "experts": "p_routed_experts",
    "shared": "p_shared_experts",
    "shared_gate": "p_shared_gate",
    "norms": "p_norms",
    "lm_head": "p_lm_head",
}
"""What the table calls the parts of a model."""


def config(name: str) -> dict[str, Any]:
    """The config of a released model."""
    read: dict[str, Any] = json.loads((DATA / f"{name.replace('/', '__')}.json").read_text("utf-8"))
    return read


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_part_of_a_released_model_is_counted_as_elsewhere(name: str) -> None:
    counts = counted(config(name))
    parts = {column: counts.pop(part, 0) for part, column in COLUMNS.items()}
    published = {column: PUBLISHED[name][column] for column in parts}
    assert parts == published
    assert set(counts) == {"params", "active_params"}  # there are no other parts


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_total_of_a_released_model_is_counted_as_elsewhere(name: str) -> None:
    cost = cost_of_model(import_config(config(name)))
    assert {
        "total_params": cost.params,
        "active_params": cost.active_params,
        "active_no_input_embed": cost.active_params_no_input_embedding,
        "active_no_embed_no_head": cost.active_params_no_embeddings,
    } == {column: count for column, count in PUBLISHED[name].items() if not column.startswith("p_")}


@pytest.mark.parametrize("name", [name for name, counts in PUBLISHED.items() if counts["p_routed_experts"]])
def test_the_moe_layer_by_itself_is_that_of_the_whole_model(name: str) -> None:
    assert {import_moe_layer(config(name))[0]} == import_config(config(name)).layers


OF_THE_MOE_LAYERS = ("p_router", "p_routed_experts", "p_shared_experts", "p_shared_gate")


@pytest.mark.parametrize("name", [name for name, counts in PUBLISHED.items() if counts["p_routed_experts"]])
def test_a_layer_and_what_it_is_said_to_have_beside_are_all_that_the_released_layers_hold(name: str) -> None:
    model = import_config(config(name))
    rows = cost(import_moe_layer(config(name))[0], "matmul").rows
    held = sum(row.params for row in rows if row.op not in ("head", "merge"))  # which the table has elsewhere
    beside = sum(part.params for part in import_moe_layer(config(name))[1])
    assert model.moe_layers * (held + beside) == sum(PUBLISHED[name][column] for column in OF_THE_MOE_LAYERS)
    said = " ".join(beside_note(model.beside))
    assert (f" {beside:,} parameters" in said) == bool(beside)
