"""The controls of a page: each has a place in the address, help, and room beside it to say what would work."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.address import Address
from app.text import as_typed
from parity.errors import InputError, ParityError
from parity.ranges import Ranges
from parity.ref import parse_integer

Value = TypeVar("Value")

SEPARATOR = ";"
"""Between values of one control in the address."""


def in_pairs(number: int) -> Iterator[DeltaGenerator]:
    """Places for so many controls, two in a row, and where the page is narrow one below the other in the same order."""
    for _ in range(0, number, 2):
        yield from st.columns(2)


class Controls:
    """The controls that a page has drawn so far."""

    def __init__(self, page: str) -> None:
        self.address = Address(page)
        self._banner = st.empty()
        self._beside: dict[str, DeltaGenerator] = {}
        self.refusals: list[str] = []
        """Why values cannot work."""

    def text(self, name: str, label: str, default: str, about: str, placeholder: str = "") -> str:
        """A line of text."""
        key = self.address.restore(name, default)
        value = st.text_input(label, key=key, help=about, placeholder=placeholder, max_chars=200)
        return self._drawn(name, value.strip())

    def choice(self, name: str, label: str, options: Sequence[str], about: str) -> str:
        """One of some options, of which the first is the default."""
        key = self.address.restore(name, options[0], options)
        return self._drawn(name, st.selectbox(label, options, key=key, help=about))

    def switch(self, name: str, label: str, about: str) -> bool:
        """On or off; off is the default."""
        key = self.address.restore(name, "no", ("no", "yes"))
        st.session_state[key] = st.session_state[key] in (True, "yes")
        on = st.toggle(label, key=key, help=about)
        self._drawn(name, "yes" if on else "no")
        return on

    def parsed(self, name: str, text: str, parse: Callable[[str], Value]) -> Value | None:
        """What the text of a control means; None if it is empty or cannot work, which is said beside the control."""
        if not text:
            return None
        try:
            return parse(text)
        except InputError as error:
            self.refuse(error, name=name)
            return None

    def integer(
        self,
        name: str,
        label: str,
        default: str,
        about: str,
        least: int = 1,
        placeholder: str = "",
    ) -> int | None:
        """An integer, or None where it is left empty."""
        text = self.text(name, label, default, about, placeholder)
        return self.parsed(name, text, lambda given: parse_integer(label, _without_separators(given), least))

    def required(self, name: str, default: str, about: str, least: int = 1) -> int | None:
        """An integer that must be given; None where it cannot work."""
        value = self.integer(name, name, default, about, least)
        if value is None and not st.session_state[self.address.key(name)].strip():
            self.refuse(InputError(f"{name} is empty: accepted are integers of at least {least}"))
        return value

    def several(self, name: str, label: str, options: Sequence[str], default: Sequence[str], about: str) -> list[str]:
        """Some of the options, or anything that is typed."""
        key = self.address.restore(name, SEPARATOR.join(default))
        if isinstance(st.session_state[key], str):
            st.session_state[key] = [word for word in st.session_state[key].split(SEPARATOR) if word]
        known = dict.fromkeys([*options, *st.session_state[key]])
        chosen = st.multiselect(label, list(known), key=key, help=about, accept_new_options=True)
        self._drawn(name, SEPARATOR.join(chosen))
        return chosen

    def carried(self, name: str, parse: Callable[[str], Value]) -> Value | None:
        """A value without a control, that another page put into the address."""
        return self.parsed(name, self.address.carried(name), parse)

    def carry(self, name: str, value: str) -> None:
        """Put a value into the address that has no control here."""
        self.address.carry(name, value)

    def forget(self, name: str) -> None:
        """Drop a value that is carried."""
        self.address.forget(name)

    def ranges(self, name: str, label: str, default: str, about: str, least: int = 1) -> Ranges | None:
        """A set of integers, or None where it is left empty."""
        text = self.text(name, label, default, about, placeholder="any" if not default else "")
        return self.parsed(name, text, lambda given: Ranges.of(label, given, least))

    def refuse(self, error: ParityError, prefix: str = "", name: str | None = None) -> None:
        """Say why a value cannot work, beside the control whose name is given or with which the message begins."""
        message = str(error)
        self.refusals.append(message)
        first = message.replace("=", " ").split()[0]
        beside = self._beside.get(prefix + (name or first), self._banner)
        beside.error(as_typed(message), icon=":material/error:")

    def attempt(self, make: Callable[[], Value] | None) -> Value | None:
        """What `make` gives; None where it or a control cannot work, which is said in place of it."""
        if make is not None and not self.refused:
            try:
                return make()
            except ParityError as error:
                self.refuse(error)
        self.show_refusals()
        return None

    def show_refusals(self) -> None:
        """Say in place of an answer what stands beside the controls, some of which may be folded away."""
        for message in self.refusals:
            st.info(as_typed(message), icon=":material/edit:")

    @property
    def refused(self) -> bool:
        """Whether a value cannot work."""
        return bool(self.refusals)

    def done(self) -> None:
        """After the last control: write the address, and say what in it could not be read."""
        self.address.write()
        if self.address.problems:
            self._banner.warning("  \n".join(map(as_typed, self.address.problems)), icon=":material/link_off:")

    def _drawn(self, name: str, value: str) -> str:
        self._beside[name] = st.empty()
        self.address.keep(name, value)
        return value


def _without_separators(text: str) -> str:
    """Digits without the commas between thousands, if that is what the text is."""
    return text.replace(",", "") if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+", text) else text
