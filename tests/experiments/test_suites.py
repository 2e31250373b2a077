"""Designs of the suites: at parity with what they are to match, and counted as the engine executes them."""

from fractions import Fraction

import numpy as np
import pytest

from parity.builtin import BUILTIN
from parity.errors import InputError
from parity.experiments.model import built, cost_of_variant
from parity.experiments.scales import SCALES, scale_named
from parity.experiments.suites import SUITES, suite_named
from parity.paper import published
from reference import tally
from reference.decoder import init
from reference.train import TrainConfig, Trainer
from tests.experiments.nano import NANO


def test_a_name_of_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="scale='huge': accepted are tiny, small, paper"):
        scale_named("huge")
    with pytest.raises(InputError, match=r"suite='table9': accepted are table1, .*table5"):
        suite_named("table9", SCALES["tiny"])


@pytest.mark.parametrize("scale", ["tiny", "small"])
@pytest.mark.parametrize("name", SUITES)
def test_flops_match_exactly_and_parameters_within_a_percent(name: str, scale: str) -> None:
    suite = suite_named(name, SCALES[scale])
    errors = [suite.errors(variant) for variant in suite.variants]
    assert all(flops == 0 and abs(params) < Fraction(1, 100) for flops, params in filter(None, errors))


def test_the_dense_row_has_the_flops_of_the_others_and_an_eighth_of_their_expert_parameters() -> None:
    for scale in ("tiny", "small", "paper"):
        dense, smoe = suite_named("table1", SCALES[scale]).variants[:2]
        assert dense.layer.d_expert == smoe.layer.d_expert * smoe.layer.top_k
        assert smoe.layer.num_experts == 8 * dense.layer.num_experts


def test_at_the_scale_of_the_paper_designs_are_its_own() -> None:
    layers = {variant.name: variant.layer for variant in suite_named("table1", SCALES["paper"]).variants}
    assert layers == {name: BUILTIN[f"paper-{name}"].design for name in layers}


@pytest.mark.parametrize("name", SUITES)
def test_every_row_of_the_paper_has_a_variant_and_every_variant_a_row(name: str) -> None:
    (table,) = (table for table in published().tables if table.name == name)
    suite = suite_named(name, SCALES["tiny"])
    assert {variant.published_as for variant in suite.variants} == {row.variant for row in table.rows}
    assert suite.baseline in [variant.name for variant in suite.variants]


@pytest.mark.parametrize("name", SUITES)
def test_counted_costs_are_those_that_the_engine_executes_and_holds(name: str) -> None:
    for variant in suite_named(name, NANO).variants:
        config, priced = built(NANO, variant), cost_of_variant(NANO, variant)
        params = init(config, 0)
        assert sum(array.size for array in params.values()) == priced.params
        trainer = Trainer(config, TrainConfig(steps=1, warmup=1, peak_learning_rate=1e-3), params)
        tokens = np.random.default_rng(0).integers(NANO.vocabulary, size=(NANO.sequences, NANO.context + 1))
        with tally() as counted:
            trainer.step(tokens)
        predicted = {row.op: row.flops_per_token * NANO.tokens_per_step for row in priced.rows if row.flops_per_token}
        assert {op: counted.flops(op, "forward") for op in counted.ops() if op != "scores"} == predicted
        executed = counted.flops() - counted.flops("scores")
        assert executed == 3 * NANO.tokens_per_step * priced.flops_per_token


@pytest.mark.parametrize("name", SUITES)
def test_variants_begin_with_the_same_weights_wherever_shapes_agree(name: str) -> None:
    suite = suite_named(name, NANO)
    first, *others = (init(built(NANO, variant), 3) for variant in suite.variants)
    for other in others:
        same = [key for key in first if key in other and first[key].shape == other[key].shape]
        assert {"embedding", "layers.0.attention.qkv", "layers.0.dense.w_in"} <= set(same)
        assert all(np.array_equal(first[key], other[key]) for key in same)
