"""What is wrong is refused by name, with what was given and what is accepted; what only looks odd works."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity import InputError, MoELayer
from reference import EngineError, MoEConfig, backward, forward
from tests.engine.strategies import Array, Call, calls

CONFIG = MoEConfig(
    d_model=6,
    d_latent=8,
    heads=2,
    num_experts=5,
    top_k=2,
    d_expert=3,
    dtype="float64",
    num_shared_experts=2,
    d_shared=3,
)
CALL = Call(CONFIG, 7, 0)
DLOGITS = np.zeros((14, 5))
CHOSEN = np.tile([0, 1], (14, 1))


def run(**changed: Any) -> dict[str, Array]:
    """Forward and backward of `CALL`, with these arguments instead of its own."""
    arguments: dict[str, Any] = {
        "params": CALL.params,
        "x": CALL.x,
        "dy": CALL.dy,
        "chosen": None,
        "dlogits": None,
    } | changed
    y, cache = forward(arguments["params"], arguments["x"], CONFIG, arguments["chosen"])
    dx, grads = backward(arguments["params"], arguments["dy"], cache, CONFIG, arguments["dlogits"])
    return {"y": y, "dx": dx, **grads}


def changed(name: str, array: Any) -> dict[str, Any]:
    """The arguments of `run` that put this array in the place of that name."""
    return {"params": {**CALL.params, name: array}} if name in CALL.params else {name: array}


def original(name: str) -> Array:
    own: dict[str, Array] = {"x": CALL.x, "dy": CALL.dy, "dlogits": DLOGITS, "chosen": CHOSEN, **CALL.params}
    return own[name]


def refused(*words: str, **arguments: Any) -> None:
    """`run` refuses these arguments in a message that has all these words."""
    with pytest.raises(EngineError) as refusal:
        run(**arguments)
    for word in words:
        assert re.search(rf"(?<!\w){re.escape(word)}(?!\w)", str(refusal.value)), f"{word} is not in {refusal.value}"


def sizes(shape: tuple[int, ...]) -> str:
    return ", ".join(map(str, shape))


def accepted_sizes(name: str) -> str:
    """Those of this array in `CALL`; of x, which may have any number of tokens, the width."""
    return sizes(original(name).shape[1:] if name == "x" else original(name).shape)


ARRAYS = ["x", "dy", "dlogits", "chosen", *CALL.params]
FLOATS = [name for name in ARRAYS if name != "chosen"]

RESHAPES: dict[str, Callable[[Array], Array]] = {
    "one column less": lambda a: a[..., 1:],
    "one column more": lambda a: np.concatenate([a, a[..., :1]], axis=-1),
    "one column": lambda a: a[..., :1],
    "one axis less": lambda a: a[0],
    "one axis more": lambda a: a[None],
    "transposed": lambda a: a.T,
    "empty": lambda a: a[..., :0],
}
ROWS: dict[str, Callable[[Array], Array]] = {
    "one row less": lambda a: a[1:],
    "one row more": lambda a: np.concatenate([a, a[:1]]),
    "one row": lambda a: a[:1],
}


@pytest.mark.parametrize(
    ("name", "change"),
    [(name, change) for name in ARRAYS for change in (RESHAPES if name == "x" else RESHAPES | ROWS)],
)
def test_a_wrong_shape_is_refused_by_name_with_both_shapes(name: str, change: str) -> None:
    wrong = (RESHAPES | ROWS)[change](original(name))
    refused(name, sizes(wrong.shape), accepted_sizes(name), **changed(name, wrong))


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "complex128", "object", ">f8"])
def test_a_wrong_dtype_is_refused_by_name_with_both(name: str, dtype: str) -> None:
    refused(name, str(np.dtype(dtype)), "float64", **changed(name, original(name).astype(dtype)))


@pytest.mark.parametrize("name", ARRAYS)
def test_a_list_is_refused_by_name_with_the_shape_of_the_array_it_should_be(name: str) -> None:
    refused(name, "list", accepted_sizes(name), **changed(name, original(name).tolist()))


@pytest.mark.parametrize("number", [5, -1, 10**9])
def test_a_choice_of_an_expert_that_does_not_exist_is_refused(number: int) -> None:
    chosen = CHOSEN.copy()
    chosen[3, 1] = number
    refused("chosen", str(number), chosen=chosen)


def test_a_choice_of_one_expert_twice_is_refused() -> None:
    chosen = CHOSEN.copy()
    chosen[3] = 2
    refused("chosen", "2", chosen=chosen)


def test_a_choice_that_is_not_of_integers_is_refused() -> None:
    refused("chosen", "float64", chosen=CHOSEN.astype(np.float64))


@pytest.mark.parametrize("argument", ["chosen", "dlogits"])
def test_what_belongs_to_a_router_is_refused_where_there_is_none(argument: str) -> None:
    call = Call(MoEConfig(d_model=4, num_experts=1, top_k=1, d_expert=3, dtype="float64"), 5, 0)
    chosen, dlogits = (np.zeros((5, 1), np.intp), None) if argument == "chosen" else (None, np.zeros((5, 1)))
    with pytest.raises(EngineError, match=argument):
        backward(call.params, call.dy, forward(call.params, call.x, call.config, chosen)[1], call.config, dlogits)


@pytest.mark.parametrize("numbers", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf], [np.nan, np.inf]])
@given(st.integers(0, 6), st.integers(0, 4))
def test_x_that_is_not_finite_is_refused_with_where_and_what(numbers: list[float], token: int, feature: int) -> None:
    x = CALL.x.copy()
    x[token, feature : feature + len(numbers)] = numbers[: x.shape[1] - feature]
    refused("x", sizes((token, feature)), str(numbers[0]), x=x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_that_are_finite_are_accepted_even_if_their_sum_is_not(dtype: Any) -> None:
    config = MoEConfig(d_model=4, num_experts=2, top_k=1, d_expert=3, dtype=dtype)
    x = np.full((5, 4), np.finfo(dtype).max)
    params = {name: np.zeros_like(array) for name, array in Call(config, 5, 0).params.items()}
    assert not forward(params, x, config)[0].any()


@pytest.mark.parametrize("name", list(CALL.params))
def test_a_missing_parameter_is_refused_by_name(name: str) -> None:
    params = {other: array for other, array in CALL.params.items() if other != name}
    refused(name, "missing", params=params)
    with pytest.raises(EngineError, match=name):
        backward(params, CALL.dy, forward(CALL.params, CALL.x, CONFIG)[1], CONFIG)


@pytest.mark.parametrize("name", ["bias", "Router", "shared"])
def test_an_unknown_parameter_is_refused_by_name(name: str) -> None:
    refused(name, *CALL.params, params={**CALL.params, name: np.zeros(3)})


@pytest.mark.parametrize(
    "other",
    [{"top_k": 1}, {"renormalize": False}, {"activation": "gelu"}, {"d_expert": 4}, {"heads": 4}, {"dtype": "float32"}],
)
def test_a_cache_from_another_configuration_is_refused(other: dict[str, Any]) -> None:
    config = MoEConfig(**(vars(CONFIG) | other))
    call = Call(config, CALL.tokens, 0)
    cache = forward(call.params, call.x, config)[1]
    with pytest.raises(EngineError, match="cache"):
        backward(CALL.params, CALL.dy, cache, CONFIG)


@pytest.mark.parametrize("tokens", [0, 1, 6, 8])
def test_a_cache_from_another_number_of_tokens_is_refused_with_both_shapes(tokens: int) -> None:
    cache = forward(CALL.params, Call(CONFIG, tokens, 0).x, CONFIG)[1]
    with pytest.raises(EngineError, match=rf"dy .*7, 6.*{tokens}, 6"):
        backward(CALL.params, CALL.dy, cache, CONFIG)


@pytest.mark.parametrize("cache", [None, CALL.dy, (CALL.x, CALL.dy)])
def test_what_is_not_a_cache_is_refused(cache: Any) -> None:
    with pytest.raises(EngineError, match="cache"):
        backward(CALL.params, CALL.dy, cache, CONFIG)


def strided(array: Array) -> Array:
    """The same numbers, every second one of a larger array."""
    larger = np.full([2 * size for size in array.shape], np.iinfo(np.int64).max).astype(array.dtype)
    view = larger[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def backwards(array: Array) -> Array:
    """The same numbers, last first in memory."""
    return np.ascontiguousarray(array[::-1])[::-1]


@pytest.mark.parametrize("layout", [np.asfortranarray, strided, backwards])
@given(calls())
def test_arrays_that_are_not_contiguous_give_the_same_bits(layout: Callable[[Array], Array], call: Call) -> None:
    config = call.config
    y, cache = forward(call.params, call.x, config)
    chosen = cache.routing.chosen if cache.routing else None
    dlogits = call.normal(cache.routing.probabilities.shape, 4) if cache.routing else None
    dx, grads = backward(call.params, call.dy, cache, config, dlogits)
    odd = {name: layout(array) for name, array in call.params.items()}
    odd_y, odd_cache = forward(odd, layout(call.x), config, None if chosen is None else layout(chosen))
    odd_dx, odd_grads = backward(odd, layout(call.dy), odd_cache, config, None if dlogits is None else layout(dlogits))
    assert [a.tobytes() for a in (odd_y, odd_dx, *odd_grads.values())] == [
        a.tobytes() for a in (y, dx, *grads.values())
    ]


SMALL_NUMBERS = st.sampled_from((-1, 0, 1, 2, 3, 4, 6, True, 2.0, "2", None))
FIELDS = {
    **dict.fromkeys(("d_model", "d_expert", "num_experts", "top_k", "heads", "d_latent"), SMALL_NUMBERS),
    **dict.fromkeys(("num_shared_experts", "d_shared"), SMALL_NUMBERS),
    **dict.fromkeys(("gated", "head_layer", "merge_layer"), st.sampled_from((True, False, 1, "yes", None))),
    "router_input": st.sampled_from(("sub_token", "token", "head", None)),
    "expert_pool": st.sampled_from(("shared", "per_head", "", None)),
}


@given(st.data())
def test_a_configuration_is_refused_exactly_where_the_design_is(data: st.DataObject) -> None:
    fields: dict[str, Any] = {"d_model": 6, "d_expert": 4, "num_experts": 3, "top_k": 2}
    for name in data.draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=3, unique=True), label="names"):
        fields[name] = data.draw(FIELDS[name], label=name)
    try:
        layer = MoELayer(**fields)
    except InputError:
        with pytest.raises(EngineError):
            MoEConfig(**fields)
    else:
        config = vars(MoEConfig(**fields))
        assert {name: config[name] for name in layer.to_dict()} == layer.to_dict()


@pytest.mark.parametrize(("field", "value"), [("activation", "swish"), ("dtype", "float16"), ("renormalize", "yes")])
def test_an_unknown_way_to_compute_is_refused_with_its_value_and_those_accepted(field: str, value: str) -> None:
    fields: dict[str, Any] = {"d_model": 6, "d_expert": 4, "num_experts": 3, "top_k": 2, field: value}
    with pytest.raises(EngineError, match=f"{field}='{value}'.*accepted"):
        MoEConfig(**fields)


def test_parameters_that_are_no_dictionary_are_refused() -> None:
    refused("parameters are a list: accepted is a dictionary of", "router", params=list(CALL.params.values()))


@pytest.mark.parametrize("lacking", ["head_layer", "merge_layer"])
def test_a_latent_width_without_both_projections_is_refused(lacking: str) -> None:
    fields: dict[str, Any] = {"d_model": 6, "d_latent": 8, "d_expert": 3, "num_experts": 5, "top_k": 2, lacking: False}
    with pytest.raises(EngineError, match="d_latent=8 with d_model=6: both projections are needed"):
        MoEConfig(**fields, heads=2)
