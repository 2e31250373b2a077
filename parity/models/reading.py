"""Reading a config field by field, so that what was not read is known and what is wrong is named."""

from collections.abc import Mapping, Sequence
from typing import Any

from parity.design import LARGEST_INTEGER, shown
from parity.errors import InputError
from parity.models.harmless import HARMLESS, NOT_IN_USE

REQUIRED: Any = object()
"""Stands for a default where there is none."""

LARGEST_LAYER_LIST = 100_000
"""Entries of a list with a word or a number for each layer."""


class Config:
    """The fields of a config. Each is read by name; a field that is null counts as absent."""

    def __init__(self, fields: object, path: str = "") -> None:
        if not isinstance(fields, Mapping):
            raise InputError(f"{path or 'the config'}={shown(fields)}: accepted is an object")
        self._fields: Mapping[str, Any] = fields
        self._path = path
        self._read: set[str] = set()
        self._sections: list[Config] = []

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and not null; the field counts as read."""
        return self._value(name) is not None

    def integer(self, *names: str, default: Any = REQUIRED, least: int = 1) -> Any:
        """An integer, under the first of the names that is there.

        Raises:
            InputError: it is not an integer from `least` to 2^63 - 1, or two names disagree, or it lacks and has no
                default.
        """
        name, value = self._first(names)
        if value is None:
            return self._default(names, default)
        if type(value) is float and value.is_integer() and abs(value) < 2**53:
            value = int(value)  # as some writers of JSON print 4.0
        if type(value) is not int or not least <= value <= LARGEST_INTEGER:
            raise self.wrong(name, value, f"integers from {least} to {LARGEST_INTEGER}")
        return value

    def integer_or_null(self, name: str, absent: Any = REQUIRED) -> Any:
        """An integer of at least 1, or null where null says that there is none, which absence does not.

        Raises:
            InputError: it is something else, or lacks and `absent` does not say what that means.
        """
        if name in self._fields and self._value(name) is None:
            return None
        return self.integer(name, default=absent)

    def switch(self, *names: str, default: Any = REQUIRED) -> Any:
        """True or false, under the first of the names that is there. Null is not true, though absence may be.

        Raises:
            InputError: it is something else, or lacks and has no default.
        """
        name, value = self._first(names)
        if value is None and not (default is True and any(name in self._fields for name in names)):
            return self._default(names, default)
        if type(value) is not bool:
            raise self.wrong(name, value, "true and false")
        return value

    def word(self, name: str, among: Sequence[str], default: Any = REQUIRED) -> Any:
        """One of some words.

        Raises:
            InputError: it is something else, or lacks and has no default.
        """
        value = self._value(name)
        if value is None:
            return self._default((name,), default)
        if value not in among:
            raise self.wrong(name, value, ", ".join(among))
        return value

    def text(self, name: str, default: Any = REQUIRED) -> Any:
        """Any text.

        Raises:
            InputError: it is not text, or lacks and has no default.
        """
        value = self._value(name)
        if value is None:
            return self._default((name,), default)
        if not isinstance(value, str):
            raise self.wrong(name, value, "text")
        return value

    def of_each_layer(self, name: str, layers: int, among: Sequence[Any] | None, default: Any = REQUIRED) -> Any:
        """A list with one entry for each layer: words or numbers `among` some, or any integers of at least 0.

        Raises:
            InputError: it is no such list, or lacks and has no default.
        """
        value = self._value(name)
        if value is None:
            return self._default((name,), default)
        if not isinstance(value, list) or len(value) != layers or layers > LARGEST_LAYER_LIST:
            raise self.wrong(name, value, f"lists of {layers} entries, one for each layer")
        for entry in value:
            known = type(entry) is int and entry >= 0 if among is None else entry in among
            if not known or type(entry) not in (int, str):
                raise self.wrong(name, entry, "integers" if among is None else ", ".join(map(str, among)))
        return value

    def integers(self, name: str, default: Any = REQUIRED) -> Any:
        """A list of integers of at least 0, such as numbers of layers.

        Raises:
            InputError: it is something else, or lacks and has no default.
        """
        value = self._value(name)
        if value is None:
            return self._default((name,), default)
        if not isinstance(value, list) or any(type(entry) is not int or entry < 0 for entry in value):
            raise self.wrong(name, value, "lists of integers of at least 0")
        return value

    def only(self, name: str, *accepted: Any, absent: Any = REQUIRED) -> None:
        """Check a field that is understood at some values only; where it lacks or is null it has the value `absent`.

        Raises:
            InputError: it has another value, or lacks and `absent` is not given or not accepted.
        """
        value = self._value(name)
        if value is None:
            value = absent
        if not any(type(value) is type(a) and value == a for a in accepted):
            shown_value = "absent" if value is REQUIRED else value
            raise self.wrong(name, shown_value, " and ".join(shown(a) for a in accepted), "is not understood: ")

    def raw(self, name: str) -> Any:
        """The value as it is, whatever it is."""
        return self._value(name)

    def unused(self, *names: str) -> None:
        """Fields that this family's config has and that do not change a count."""
        self._read.update(names)

    def section(self, name: str) -> "Config":
        """An object inside the config.

        Raises:
            InputError: it is something else, or lacks.
        """
        inner = Config(self._value(name), self._called(name))
        self._sections.append(inner)
        return inner

    def finish(self, concerning: Sequence[str] = ("",)) -> None:
        """Refuse fields that were not read, may change a count, and whose names hold one of the words `concerning`.

        Raises:
            InputError: there are some.
        """
        unread = [name for name in self._fields if name not in self._read and not self._is_harmless(name)]
        unknown = [name for name in unread if any(word in name.lower() for word in concerning)]
        if unknown:
            many = len(unknown) > 1
            names = ", ".join(f"{self._called(name)}={shown(self._fields[name])}" for name in unknown[:5])
            raise InputError(
                f"{names}{' and more' if len(unknown) > 5 else ''}: {'fields' if many else 'a field'} that may change "
                f"the count and {'are' if many else 'is'} not understood in this family; accepted is a config without"
            )
        for inner in self._sections:
            inner.finish(concerning)

    def wrong(self, name: str, value: object, accepted: str, why: str = "") -> InputError:
        """The error for a field with a value that does not work."""
        return InputError(f"{self._called(name)}={shown(value)}: {why}accepted are {accepted}")

    def _is_harmless(self, name: str) -> bool:
        value = self._fields[name]
        unused = NOT_IN_USE.get(name, ())
        return name in HARMLESS or value is None or any(type(value) is type(v) and value == v for v in unused)

    def _value(self, name: str) -> Any:
        self._read.add(name)
        return self._fields.get(name)

    def _first(self, names: Sequence[str]) -> tuple[str, Any]:
        given = [(name, value) for name in names if (value := self._value(name)) is not None]
        for name, value in given[1:]:
            if type(value) is not type(given[0][1]) or value != given[0][1]:
                raise InputError(
                    f"{self._called(given[0][0])}={shown(given[0][1])} and {self._called(name)}={shown(value)}: "
                    "accepted is one of them, or both alike"
                )
        return given[0] if given else (names[0], None)

    def _default(self, names: Sequence[str], default: Any) -> Any:
        if default is REQUIRED:
            raise InputError(
                f"the config lacks {' or '.join(map(self._called, names))}: accepted are configs that say it"
            )
        return default

    def _called(self, name: str) -> str:
        return f"{self._path}.{shown(name)}" if self._path else shown(name)
