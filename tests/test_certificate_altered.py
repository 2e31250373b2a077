"""Whatever is altered in a certificate is caught, though it is signed again."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity.certificate import canonical, certify, check_bytes
from tests.certificates import EXAMPLES, at, claims, example, other_values, paths, signed, with_part, without_part
from tests.examples import examples, one_in


def caught(certificate: Any) -> set[str]:
    """Where a check finds something wrong with a certificate that is signed."""
    checked = check_bytes(signed(certificate))
    assert checked.holds == (not checked.differences)
    return {difference.path for difference in checked.differences}


def dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_part_altered_is_caught(name: str) -> None:
    certificate = example(name)
    for number, path in enumerate(paths(certificate)):
        values, first = other_values(at(certificate, path)), number % 4
        for value in one_in(4, values[first:] + values[:first]):  # other kinds of values for each part
            assert caught(with_part(certificate, path, value)), (path, value)


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_part_left_out_is_caught(name: str) -> None:
    certificate = example(name)
    for path in paths(certificate):
        assert caught(without_part(certificate, path)), path


@pytest.mark.parametrize("name", EXAMPLES)
def test_anything_added_is_caught(name: str) -> None:
    certificate = example(name)
    for path in [(), *paths(certificate)]:
        part = at(certificate, path)
        if isinstance(part, dict) and path:
            assert caught(with_part(certificate, path, part | {"more": 1})), path
    assert caught(certificate | {"more": 1}) == {"more"}


@examples(150)
@given(claims(), st.data())
def test_a_part_of_any_certificate_altered_is_caught(claim: Any, data: st.DataObject) -> None:
    certificate = certify(claim)
    path = data.draw(st.sampled_from(list(paths(certificate))), label="path")
    value = data.draw(st.sampled_from(other_values(at(certificate, path))), label="value")
    assert caught(with_part(certificate, path, value))


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_follows_from_the_claim_is_named_where_it_is_altered(name: str) -> None:
    certificate = example(name)
    for path in paths(certificate):
        if path[0] in ("statement", "costs", "optimality", "executed") and type(at(certificate, path)) in (int, str):
            altered = with_part(certificate, path, other_values(at(certificate, path))[-1])
            assert caught(altered) == {dotted(path)}


def test_a_difference_has_what_is_stored_and_what_it_should_be() -> None:
    certificate = example("best")
    (found,) = check_bytes(
        signed(with_part(certificate, ("costs", "paper", "design", "params"), 38_928_384))
    ).differences
    assert (found.path, found.stored, found.recomputed) == (
        "costs.paper.design.params",
        38_928_384,
        certificate["costs"]["paper"]["design"]["params"],
    )


def test_a_part_of_the_claim_that_cannot_be_is_named_with_the_reason() -> None:
    (found,) = check_bytes(signed(with_part(example("best"), ("design", "heads"), 5))).differences
    assert found.path == "design"
    assert "heads=5 does not divide d_model=24" in found.reason


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_is_informative_may_be_anything(name: str) -> None:
    certificate = example(name)
    for informative in ({}, {"seed": 10**40, "versions": None}, certificate["informative"] | {"milliseconds": -1}):
        assert check_bytes(signed(certificate | {"informative": informative})).holds
    for informative in (None, [], "text", 1):
        assert caught(certificate | {"informative": informative}) == {"informative"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_digest_that_is_not_of_the_rest_is_caught(name: str) -> None:
    certificate = example(name)
    for digest in other_values(certificate["digest"]):
        (found,) = check_bytes(canonical(certificate | {"digest": digest})).differences
        assert (found.path, found.recomputed) == ("digest", certificate["digest"])
    changed = certificate | {"informative": certificate["informative"] | {"seed": 99}}
    assert {d.path for d in check_bytes(canonical(changed)).differences} == {"digest"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_order_of_keys_and_spaces_do_not_matter(name: str) -> None:
    def shuffled(content: Any) -> Any:
        if isinstance(content, dict):
            names = list(content)
            Random(0).shuffle(names)
            return {each: shuffled(content[each]) for each in names}
        return [shuffled(part) for part in content] if isinstance(content, list) else content

    assert check_bytes(json.dumps(shuffled(example(name)), indent=3).encode()).holds
