"""The report of a checkpoint: whether it agrees with its config, and what was set aside."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from parity.models.checkpoints import (
    Tensor,
    difference,
)
from parity.models.importing import import_config
from parity.report.checkpoint import MOST_ROWS, checkpoint_report
from tests.models.checkpoints import GOLDEN, checkpoint, model_of, shapes_of

CASES = st.sampled_from([(kind, naming) for kind in GOLDEN for naming in ("built", "stored")])


def test_a_report_says_that_packed_weights_do_not_count() -> None:
    shapes = shapes_of("qwen3", "stored")
    del shapes["model.layers.0.mlp.up_proj.weight"]
    packed = Tensor("model.layers.0.mlp.up_proj.qweight", "I32", (3, 40), "model.safetensors")
    for more, said in (((packed,), True), ((), False)):
        notes = checkpoint_report("made", checkpoint(shapes, *more), model_of("qwen3")).notes
        assert any("Packed weights do not count" in note for note in notes) == said


@given(CASES, st.data())
def test_the_report_of_any_part_of_a_checkpoint_is_json_and_says_whether_they_agree(
    case: tuple[str, str], data: Any
) -> None:
    shapes = shapes_of(*case)
    names = data.draw(st.sets(st.sampled_from(sorted(shapes))))
    model = data.draw(st.sampled_from((model_of(case[0]), None)))
    made = checkpoint({name: shapes[name] for name in names})
    report = checkpoint_report("made", made, model)
    content = json.loads(json.dumps(report.data))
    assert content["checkpoint"]["tensors"] == len(names)
    assert content["checkpoint"]["bytes"] == 4 * sum(tensor.elements for tensor in made.tensors)
    assert content["checkpoint"]["params"] == sum(row["checkpoint"] for row in content["ledger"])
    if model is not None:
        assert content["agrees"] == difference(model, made).agrees
        assert sum(row["config"] for row in content["ledger"]) == GOLDEN[case[0]]["params"]
    else:
        assert content["agrees"] is None


def test_a_report_shows_people_some_differences_and_programs_all() -> None:
    config = GOLDEN["llama"]["config"] | {"num_hidden_layers": 100}
    made = checkpoint({f"model.layers.{layer}.input_layernorm.weight": (24,) for layer in range(100)})
    report = checkpoint_report("made", made, import_config(config))
    assert len(report.tables[1].rows) == MOST_ROWS
    assert len(report.data["differences"]) > 100
    assert any("--format json" in note for note in report.notes)
