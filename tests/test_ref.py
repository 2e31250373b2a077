"""A reference is a design, or refused: never anything in between."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from parity import InputError, MoELayer
from parity.builtin import BUILTIN
from parity.design import FIELDS, LARGEST_INTEGER
from parity.ref import reference_to, resolve
from tests.conftest import Run
from tests.strategies import layers

WORDS = st.sampled_from([*FIELDS, "width", "", "d_model "])
VALUES = st.sampled_from(["0", "1", "768", "true", "false", "token", "shared", "-1", "1.5", str(2**63), "", " 3", "x"])
REFS = st.lists(st.builds("{}={}".format, WORDS, VALUES), max_size=6).map(",".join)


def outcome_of(text: str) -> MoELayer | str:
    """The design, or the message of the refusal."""
    try:
        return resolve(text)
    except InputError as error:
        return str(error)


@given(layers())
def test_a_layer_written_as_fields_reads_as_itself(layer: MoELayer) -> None:
    text = ",".join(f"{name}={str(value).lower()}" for name, value in layer.to_dict().items())
    assert resolve(text) == layer


@given(layers())
def test_the_reference_to_a_layer_reads_as_it_and_every_field_in_it_is_needed(layer: MoELayer) -> None:
    text = reference_to(layer)
    assert resolve(text) == layer
    fields = text.split(",") if "=" in text else []
    for number in range(len(fields)):
        assert outcome_of(",".join(fields[:number] + fields[number + 1 :])) != layer


@given(REFS | st.text(max_size=40))
def test_any_text_is_a_design_or_refused(text: str) -> None:
    outcome = outcome_of(text)
    if isinstance(outcome, str):
        assert "accepted" in outcome.lower() or "required" in outcome
    else:
        assert all(value <= LARGEST_INTEGER for value in outcome.to_dict().values() if isinstance(value, int))


def test_a_folder_that_an_export_wrote_is_its_design(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    assert run("export", "paper-mh-moe-3", "--to", "torch", folder).exit_code == 0
    assert resolve(str(folder)) == BUILTIN["paper-mh-moe-3"].design


def test_every_built_in_name_is_a_design() -> None:
    for name, builtin in BUILTIN.items():
        assert resolve(name) == builtin.design


def test_names_longer_than_a_file_system_takes_are_refused() -> None:
    for text in ("x" * 100_000, "/" + "x" * 100_000, "x" * 5000 + ".json", "x=" * 5000):
        assert len(str(outcome_of(text))) < 1000
