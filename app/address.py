"""The state of a page, kept in the address of the browser, so that a copied link restores the page."""

from collections.abc import Iterable

import streamlit as st

VERSION = "1"
"""Of the names and forms of values in the address. A link of another version is not guessed at."""

LONGEST = 20_000
"""Characters of a value that are taken from an address."""


class Address:
    """The values of one page's controls as text: from the address, else as they were left, else the defaults."""

    def __init__(self, page: str) -> None:
        self._page, self._values, self._defaults = page, dict[str, str](), dict[str, str]()
        self.problems: list[str] = []
        """What in the address could not be read, for the visitor."""
        given = {name: value[:LONGEST] for name, value in st.query_params.to_dict().items()}
        left = st.session_state.get(self._left)
        # Streamlit forgets the widgets of a page that is left. Where there are some the visitor has stayed, and an
        # empty address is that of the defaults, by the browser's buttons. Else the page is as it was left.
        stayed = any(str(key).startswith(f"{page}.") for key in st.session_state)
        self._came = given != (left or {}) and (bool(given) or stayed)
        self._source: dict[str, str] = given if given or stayed else left or {}
        if self._source and self._source.get("v") != VERSION:
            self.problems.append(
                f"This link is of version {self._source.get('v', 'none')} and this app reads version {VERSION}, so the "
                "page shows its defaults."
            )
            self._source = {}

    @property
    def _left(self) -> str:
        return f"{self._page} as left"

    def key(self, name: str) -> str:
        """The key of the widget of that name in the session."""
        return f"{self._page}.{name}"

    def restore(self, name: str, default: str, among: Iterable[str] | None = None) -> str:
        """The key of the widget of that name, whose value is put in place before it is drawn.

        A value that is the default stays the default when that changes.
        """
        key = self.key(name)
        self._defaults[name] = default
        before = st.session_state.get(f"{self._page} default of {name}", default)
        st.session_state[f"{self._page} default of {name}"] = default
        if self._came or key not in st.session_state:
            value = self._source.get(name, default)
            if among is not None and value not in among:
                self.problems.append(f"{name}={value} in this link: accepted are {', '.join(among)}")
                value = default
            st.session_state[key] = value
        elif before != default and st.session_state[key] == before:
            st.session_state[key] = default
        return key

    def carried(self, name: str) -> str:
        """A value that has no widget, and stays with the page."""
        key = f"{self._page} carries {name}"
        self._defaults[name] = ""
        if self._came or key not in st.session_state:
            st.session_state[key] = self._source.get(name, "")
        value = str(st.session_state[key])
        self.keep(name, value)
        return value

    def carry(self, name: str, value: str) -> None:
        """Give a value that has no widget to the page."""
        self._defaults[name] = ""
        st.session_state[f"{self._page} carries {name}"] = value
        self.keep(name, value)

    def forget(self, name: str) -> None:
        """Empty a carried value, before the page is drawn again."""
        st.session_state[f"{self._page} carries {name}"] = ""

    def keep(self, name: str, value: str) -> None:
        """Note the value that the widget of that name has now."""
        self._values[name] = value

    def link(self) -> dict[str, str]:
        """What the address says: the values that are not the defaults."""
        changed = {name: value for name, value in self._values.items() if value != self._defaults[name]}
        return {"v": VERSION, **changed} if changed else {}

    def write(self) -> None:
        """Put the values into the address, after the last control of the page."""
        unknown = self._source.keys() - self._defaults.keys() - {"v"} if self._came else ()
        if unknown:
            self.problems.append(f"This link has {', '.join(sorted(unknown))}, which this page does not know.")
        link = self.link()
        st.session_state[self._left] = link
        if link != st.query_params.to_dict():
            st.query_params.from_dict(link)
