"""What `parity compare` says of hidden costs follows from the numbers it shows, whatever the designs."""

import re
from fractions import Fraction
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import MoELayer
from parity.builtin import BUILTIN
from parity.design import LARGEST_INTEGER
from parity.hardware import accelerators
from parity.hidden import Setting
from parity.precision import PRECISIONS
from parity.report.compare import compare_report
from parity.report.formats import FORMATS
from tests.conftest import Answer, Run
from tests.examples import examples
from tests.strategies import layers
from tests.test_machine import MACHINE

PAPER = ("paper-smoe", "paper-fine-grained", "paper-mh-moe-2", "paper-mh-moe-3")
CAUSES = {
    "arithmetic": "times the FLOPs$",
    "padding": "are padding instead of",
    "memory": "for memory",
    "communication": "of .* numbers each",
}


@pytest.fixture(autouse=True)
def _not_measured(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def times(sentence: str, what: str) -> Fraction:
    """The number before `what` in a sentence."""
    found = re.search(rf"([0-9.e+-]+) times {what}", sentence)
    assert found, sentence
    return Fraction(found[1])


@examples(60)
@given(
    layers(),
    layers(),
    st.builds(
        Setting,
        tokens=st.integers(1, 5000),
        precision=st.sampled_from(("float32", "bfloat16", "ternary-packed")),
        tile=st.sampled_from((1, 8, 128)),
        capacity_factor=st.none() | st.just(Fraction(5, 4)),
    ),
)
def test_the_sentence_names_the_ratio_and_the_largest_part_of_the_difference(
    base: MoELayer, own: MoELayer, setting: Setting
) -> None:
    report = compare_report([("base", base), ("own", own)], setting)
    assert_sentence(report.data)
    assert report.notes[0] == report.data["summary"][0]


@examples(40)
@given(layers(), layers(), st.integers(2, 8), st.integers(1, 5000))
def test_the_sentence_does_so_under_expert_parallelism(base: MoELayer, own: MoELayer, ep: int, tokens: int) -> None:
    ep = min([ep, *(layer.pools * layer.num_experts for layer in (base, own))])
    assert_sentence(compare_report([("base", base), ("own", own)], Setting(ep=ep, tokens=tokens)).data)


def assert_sentence(data: dict[str, Any]) -> None:
    """The only sentence agrees with the data beside it."""
    (sentence,) = data["summary"]
    first, second = data["designs"]
    flops = Fraction(second["conventions"]["paper"]["error"]["flops"]) + 1
    assert ("has the FLOPs of base" in sentence) is (flops == 1)
    if flops != 1:
        assert times(sentence, "the FLOPs of base") == pytest.approx(flops, rel=0.005)
    here, there = (design["predicted_time"]["accelerators"]["H100 SXM"] for design in (second, first))
    ratio = Fraction(here["seconds"]) / Fraction(there["seconds"])
    if sentence.endswith("and the same predicted time on H100 SXM."):
        assert ratio == 1
        return
    assert times(sentence, "its predicted time on H100 SXM") == pytest.approx(ratio, rel=0.005)
    change = {part: Fraction(here["parts"][part]) - Fraction(there["parts"][part]) for part in CAUSES}
    largest = max(change, key=lambda part: change[part] * (1 if ratio > 1 else -1))
    cause = sentence.removesuffix(".").partition("H100 SXM: ")[2]
    named = [part for part, pattern in CAUSES.items() if re.search(pattern, cause)]
    assert len(named) == 1, sentence
    # Parts are rounded to twelve digits, so that equal ones may differ here.
    assert change[named[0]] == pytest.approx(change[largest], rel=1e-9, abs=1e-12 * float(here["seconds"]))


def test_a_design_has_the_flops_and_the_time_of_itself(answer: Answer) -> None:
    assert answer("compare", "paper-smoe", "paper-smoe")["summary"] == [
        "paper-smoe has the FLOPs of paper-smoe (paper convention) and the same predicted time on H100 SXM."
    ]


def test_three_heads_cost_time_at_equal_flops(answer: Answer) -> None:
    (sentence,) = answer("compare", "paper-smoe", "paper-mh-moe-3")["summary"]
    assert sentence.startswith("paper-mh-moe-3 has the FLOPs of paper-smoe (paper convention) and 1.68 times its")
    assert "9 routing decisions a token instead of 1" in sentence


def test_the_data_hold_every_hidden_cost_exactly(answer: Answer) -> None:
    arguments = ("--ep", 8, "--capacity-factor", "1.25", "--tokens", 1000, "--tile", 64)
    found = answer("compare", "paper-smoe", "paper-mh-moe-3", *arguments)
    assert found["setting"] == {
        "tokens": 1000,
        "precision": "bfloat16",
        "ep": 8,
        "capacity_factor": "5/4",
        "tile": 64,
    }
    for design in found["designs"]:
        assert set(design) >= {"memory", "communication", "predicted_time", "conventions", "active_experts"}
        assert set(design["memory"]["weight_bytes"]) == set(PRECISIONS)
        assert set(design["predicted_time"]["accelerators"]) == set(accelerators())
        assert design["predicted_time"]["this_machine"] is None
    smoe, mh_moe = (design["communication"] for design in found["designs"])
    assert (smoe["rows_per_expert"], mh_moe["rows_per_expert"]) == (125, "375/4")
    assert (smoe["slots_per_expert"], mh_moe["slots_per_expert"]) == (157, 118)
    assert (smoe["rows_computed"], mh_moe["rows_computed"]) == (8 * 192, 96 * 128)
    assert (smoe["padding_share"], mh_moe["padding_share"]) == (
        str(1 - Fraction(125, 192)),
        str(1 - Fraction(375, 512)),
    )
    assert mh_moe["all_to_all_bytes_per_token"]["forward"] == 3 * smoe["all_to_all_bytes_per_token"]["forward"] == 8064


def test_a_measured_machine_comes_last_with_milliseconds_for_each_design() -> None:
    report = compare_report([(name, BUILTIN[name].design) for name in PAPER], machine=MACHINE)
    *_, (label, *cells) = report.tables[2].rows
    assert label == "this machine, float32"
    for cell, design in zip(cells, report.data["designs"], strict=True):
        seconds = design["predicted_time"]["this_machine"]["seconds"]
        assert float(str(cell).replace(",", "")) == pytest.approx(1000 * seconds, rel=1e-3)


def test_only_the_accelerators_asked_for_are_shown_in_any_case_of_letters(answer: Answer) -> None:
    found = answer("compare", "paper-smoe", "paper-dense", "--accelerator", "tpu V5E", "--accelerator", "mi300x")
    assert list(found["designs"][0]["predicted_time"]["accelerators"]) == ["TPU v5e", "MI300X"]
    assert "on TPU v5e" in found["summary"][0]


def test_no_time_is_made_up_where_no_rate_is_known(run: Run, answer: Answer) -> None:
    arguments = ("compare", "paper-smoe", "paper-dense", "--precision", "fp8", "--accelerator", "TPU v5e")
    assert "no rate" in run(*arguments).stdout
    found = answer(*arguments)
    assert found["summary"] == []
    assert found["designs"][0]["predicted_time"]["accelerators"] == {"TPU v5e": None}


def test_what_does_not_fit_in_memory_is_said(run: Run) -> None:
    big = "d_model=7168,d_expert=2048,num_experts=384,top_k=8"
    text = run("compare", "paper-smoe", big, "--accelerator", "RTX 4090").stdout
    assert "design 2 with gradients, states and activations does not fit in RTX 4090." in text
    assert "paper-smoe with gradients" not in text


def test_tables_of_the_paper_layers_fit_a_hundred_columns(run: Run) -> None:
    for arguments in ((), ("--ep", 8, "--capacity-factor", "1.25", "--precision", "ternary-packed")):
        text = run("compare", *PAPER, *arguments).stdout
        assert max(map(len, text.splitlines())) <= 100


LIMITS = st.integers(1, LARGEST_INTEGER) | st.sampled_from((1, LARGEST_INTEGER))


@examples(25)
@given(d_expert=LIMITS, num_experts=LIMITS, data=st.data(), tokens=LIMITS, tile=LIMITS, capacity=st.none() | LIMITS)
def test_no_number_is_too_large(
    d_expert: int, num_experts: int, data: st.DataObject, tokens: int, tile: int, capacity: int | None
) -> None:
    layer = MoELayer(
        d_model=LARGEST_INTEGER,
        heads=data.draw(st.sampled_from((1, 7, LARGEST_INTEGER)), label="heads"),
        num_experts=num_experts,
        top_k=data.draw(st.integers(1, num_experts), label="top_k"),
        d_expert=d_expert,
        expert_pool=data.draw(st.sampled_from(("shared", "per_head")), label="pool"),
    )
    setting = Setting(
        tokens=tokens,
        tile=tile,
        ep=data.draw(st.integers(1, min(num_experts, LARGEST_INTEGER)), label="ep"),
        capacity_factor=None if capacity is None else Fraction(capacity, 7),
    )
    small = MoELayer(d_model=1, d_expert=1, num_experts=setting.ep, top_k=1)
    report = compare_report([("small", small), ("large", layer)], setting, MACHINE)
    for design in report.data["designs"]:
        assert 0 < design["predicted_time"]["this_machine"]["seconds"] < inf
        for share in design["communication"]["expected_under_random_routing"].values():
            assert 0 <= share <= 1
    assert "large" in FORMATS["table"](report)


@pytest.mark.parametrize(
    ("shows", "arguments"),
    [
        ("tokens=0", ("--tokens", "0")),
        ("tokens=9223372036854775808", ("--tokens", "9223372036854775808")),
        ("ep=9 exceeds the 8 experts of paper-smoe", ("--ep", "9")),
        ("capacity_factor=0", ("--capacity-factor", "0")),
        ("capacity_factor=-1", ("--capacity-factor", "-1")),
        ("capacity_factor=nan", ("--capacity-factor", "nan")),
        ("capacity_factor=1/2", ("--capacity-factor", "1/2")),
        ("tile=x", ("--tile", "x")),
        ("accelerator=abacus", ("--accelerator", "abacus")),
        ("int4", ("--precision", "int4")),
        ("ternary-limit", ("--precision", "ternary-limit")),
    ],
    ids=str,
)
def test_an_option_that_cannot_work_is_refused_and_shown(run: Run, shows: str, arguments: tuple[str, ...]) -> None:
    result = run("compare", "paper-smoe", "paper-mh-moe-3", *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert shows in result.stderr
    assert "accepted" in result.stderr or "is not one of" in result.stderr
