"""What an address can hold: another version, unknown names, values that no control takes."""

import pytest

from tests.app.conftest import PAGES, answers, changed, control, defaults, is_inert, link, messages, opened, whole

CHOICES = [
    *(("solve", name) for name in ("baseline", "convention", "profile", "prefer", "derivation")),
    *(("solve", name) for name in ("gated", "head_layer", "merge_layer", "router_input", "expert_pool")),
    *(("explore", name) for name in ("baseline", "expert_pool", "convention", "profile")),
    ("compare", "convention"),
    ("verify", "design"),
    ("experiments", "results"),
    ("paper", "verdict"),
    ("paper", "table"),
]
OF_EACH = {
    "solve": {"heads": "2"},
    "explore": {"heads": "2"},
    "compare": {"designs": "paper-smoe"},
    "verify": {"tokens": "8"},
    "experiments": {"results": "table3"},
    "paper": {"verdict": "holds"},
}


@pytest.mark.parametrize("page", PAGES)
def test_the_default_page_has_an_empty_address(page: str) -> None:
    shown = opened(page)
    assert not shown.exception
    assert not messages(shown)
    assert link(shown) == {}
    assert [title.value for title in shown.title] == [page.capitalize()]


@pytest.mark.parametrize("version", ["", "2", "<script>"])
@pytest.mark.parametrize("page", PAGES)
def test_a_link_of_another_version_gives_the_defaults_and_says_so(page: str, version: str) -> None:
    shown = opened(page, {**OF_EACH[page], "v": version})
    assert not shown.exception
    (warning,) = messages(shown)
    assert warning.startswith(f"This link is of version {version}")
    assert warning.endswith("this app reads version 1, so the page shows its defaults.")
    assert is_inert(shown)
    assert link(shown) == {}
    assert answers(shown) == defaults(page)


@pytest.mark.parametrize("page", PAGES)
def test_names_that_a_page_does_not_know_are_said_and_left_out(page: str) -> None:
    shown = opened(page, {**OF_EACH[page], "nope": "1", ":red[x]": "2"})
    assert not shown.exception
    assert messages(shown) == ["This link has :red[x], nope, which this page does not know."]
    assert is_inert(shown)
    assert link(shown) == {"v": "1", **OF_EACH[page]}
    assert answers(shown) == answers(opened(page, OF_EACH[page]))


def test_what_is_said_of_a_link_is_said_once() -> None:
    shown = opened("solve", {"nope": "1"})
    assert messages(shown)
    assert not messages(shown.run())


@pytest.mark.parametrize(("page", "name"), CHOICES)
def test_a_choice_that_does_not_exist_is_refused_with_those_that_do(page: str, name: str) -> None:
    hostile = "![x](http://evil.example/x.png)"
    shown = opened(page, {name: hostile})
    assert not shown.exception
    (warning,) = messages(shown)
    assert warning.startswith(f"{name}={hostile} in this link: accepted are ")
    assert is_inert(shown)
    widget = control(shown, name)
    options = ["no", "yes"] if name == "derivation" else widget.options
    assert warning.endswith(f"accepted are {', '.join(options)}")
    assert link(shown) == {}
    assert answers(shown) == defaults(page)


def test_every_choice_that_does_not_exist_is_refused() -> None:
    shown = opened("solve", {"convention": "none", "profile": "fp2", "nope": "1"})
    said = " ".join(messages(shown))
    assert "convention=none" in said
    assert "profile=fp2" in said
    assert "nope" in said


def test_controls_at_their_defaults_are_not_in_the_address() -> None:
    shown = opened("solve", {"heads": "3", "top_k": "2", "convention": "paper", "gated": "default"})
    assert link(shown) == {"v": "1", "top_k": "2"}
    assert link(changed(shown, {"top_k": "3"})) == {}


def test_fields_of_a_baseline_that_is_not_chosen_are_not_in_the_address() -> None:
    shown = opened("solve", {"baseline": "own fields", "own.heads": "2", "own.d_expert": "1024"})
    assert link(changed(shown, {"baseline": "targets"})) == {"v": "1", "baseline": "targets"}
    assert link(changed(shown, {"baseline": "paper-smoe"})) == {}


def test_a_value_that_is_refused_is_kept_in_the_address() -> None:
    shown = changed(opened("solve"), {"heads": "five"})
    assert link(shown) == {"v": "1", "heads": "five"}
    assert control(opened("solve", link(shown)), "heads").value == "five"


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_left_and_returned_to_is_as_it_was(page: str) -> None:
    shown = whole(page, OF_EACH[page])
    before = answers(shown)
    for visited in ("verify" if page != "verify" else "paper", page):
        shown.switch_page(f"views/{visited}.py")
        shown.query_params.clear()
        shown.run()
    assert shown.title[0].value == page.capitalize()
    assert answers(shown) == before
    assert link(shown) == {"v": "1", **OF_EACH[page]}


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_address_on_a_page_that_is_not_left_gives_the_defaults(page: str) -> None:
    shown = opened(page, OF_EACH[page])
    shown.query_params.clear()
    shown.run()
    assert answers(shown) == defaults(page)
    assert link(shown) == {}


@pytest.mark.parametrize("page", PAGES)
def test_a_link_opened_on_a_page_that_is_not_left_gives_what_it_holds(page: str) -> None:
    shown = opened(page)
    shown.query_params.update({"v": "1", **OF_EACH[page]})
    shown.run()
    assert answers(shown) == answers(opened(page, OF_EACH[page]))
    assert link(shown) == {"v": "1", **OF_EACH[page]}
