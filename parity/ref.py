"""Design references: a built-in name, a file or folder, or fields, from text that may be anything.

What reads models is imported where a reference may be one, so that starting with a layer stays fast.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from parity.builtin import BUILTIN
from parity.design import FIELDS, LARGEST_INTEGER, LEAST, REQUIRED, SWITCHES, MoELayer, check_field, check_given, shown
from parity.errors import InputError
from parity.files import LARGEST_FILE, parse_json, read_json

if TYPE_CHECKING:
    from parity.models.description import Model, Part

CHECKPOINT_ENDINGS = (".safetensors", ".safetensors.index.json")


@dataclass(frozen=True)
class Found:
    """What a reference names: a layer, a model, or a checkpoint, whose model is known if its config is there."""

    name: str
    layer: MoELayer | None = None
    model: "Model | None" = None
    checkpoint: str | None = None
    """Where its tensors are."""
    beside: "tuple[Part, ...]" = ()
    """What the layer, if it is of a model, has that a design does not describe."""

    @property
    def layer_name(self) -> str:
        """What to call `design`, which of a model is but one of its layers."""
        return self.name if self.model is None else f"{self.name} layer"

    @property
    def design(self) -> MoELayer:
        """The layer, or the MoE layer of the model; of a dense model its feed-forward block.

        Raises:
            InputError: there is none, or there are several kinds.
        """
        if self.layer is not None:
            return self.layer
        layers = self.model.layers if self.model else frozenset()
        if len(layers) != 1:
            raise InputError(
                f"{shown(self.name)} has {len(layers) or 'no'} kinds of MoE layers: accepted are models with one kind"
            )
        return next(iter(layers))


def look_up(ref: str, *, files: bool = True, moe_layer: bool = False) -> Found:
    """What `ref` names; without `files` it cannot be a path, and no file is looked at.

    With `moe_layer` only the MoE layer of a config is read, whatever else the config holds.

    Raises:
        InputError: it names nothing; the message shows what is wrong and what would be accepted.
    """
    if ref in BUILTIN:
        return Found(ref, BUILTIN[ref].design)
    if "=" in ref and not (files and os.path.exists(ref)):
        return Found(ref, _from_fields(ref))
    from parity.models.builtin import builtin_models

    if ref in builtin_models():
        return _from_config(ref, builtin_models()[ref].config, moe_layer)
    on_the_hub = next(
        (name for name, model in builtin_models().items() if ref.lower() in (name, model.source.lower())), None
    )
    if files and (os.path.lexists(ref) or (not on_the_hub and "/" in ref) or ref.endswith(".json")):
        return _from_path(ref, moe_layer)
    if on_the_hub:
        return look_up(on_the_hub, moe_layer=moe_layer)
    near = _near(ref, [*BUILTIN, *builtin_models()])
    hint = f"did you mean {' or '.join(near)}? Accepted" if near else "accepted"
    raise InputError(
        f"{shown(ref)!r} is not a design: {hint} are a built-in name (see `parity models`), "
        f"{'a path to a config.json, a checkpoint or a design file, ' if files else ''}"
        "or fields such as d_model=768,d_expert=2048,num_experts=8,top_k=1"
    )


def is_builtin(name: str) -> bool:
    """Whether it is a name that everyone has, of a design or a model; paths are not."""
    from parity.models.builtin import builtin_models

    return name in BUILTIN or name in builtin_models()


def _near(ref: str, names: list[str]) -> list[str]:
    """A few names that begin like the reference, or the one most like it."""
    word = ref.lower()
    return [name for name in names if word and name.startswith(word)][:3] or get_close_matches(word, names, n=1)


def resolve(ref: str, *, files: bool = True) -> MoELayer:
    """The layer that `ref` names, by itself or as that of a model.

    Raises:
        InputError: it names none.
    """
    return look_up(ref, files=files).design


def reference_to(layer: MoELayer) -> str:
    """Text that `resolve` reads as this layer: its built-in name, or else its fields less those at their defaults."""
    for name, builtin in BUILTIN.items():
        if builtin.design == layer:
            return name
    needed: dict[str, Any] = layer.to_dict()
    for name in FIELDS:
        fewer = {other: value for other, value in needed.items() if other != name}
        if name not in REQUIRED and _is(layer, fewer):
            needed = fewer
    return ",".join(f"{name}={str(value).lower()}" for name, value in needed.items())


def _is(layer: MoELayer, fields: Mapping[str, Any]) -> bool:
    try:
        return MoELayer(**fields) == layer
    except InputError:
        return False


def parse_integer(name: str, text: str, least: int = 1, most: int = LARGEST_INTEGER) -> int:
    """An integer in decimal digits, from `least` to `most`.

    Raises:
        InputError: `text` is something else.
    """
    if text.isascii() and text.isdigit() and len(text) <= 40 and least <= int(text) <= most:
        return int(text)
    raise InputError(f"{name}={shown(text)}: accepted are integers from {least} to {most}")


def parse_percent(name: str, text: str) -> Fraction:
    """A percentage in decimal notation, with a sign or without, as a share, exactly: `2.5` and `2.5%` are 1/40.

    Raises:
        InputError: `text` is something else.
    """
    number = text.removesuffix("%")
    whole, _, part = number.partition(".")
    if number.isascii() and (whole + part).isdigit() and len(number) <= 40:
        return Fraction(number) / 100
    raise InputError(f"{name}={shown(text)}: accepted are percentages of at least 0 in decimals, such as 2 or 0.5")


def _parse_field(name: str, text: str) -> int | bool | str:
    """The value of a field from its text.

    Raises:
        InputError: the field is unknown or does not take such a value.
    """
    if name in LEAST:
        return parse_integer(name, text, LEAST[name])
    value: bool | str = {"true": True, "false": False}.get(text, text) if name in SWITCHES else text
    check_field(name, value)
    return value


def _from_fields(ref: str) -> MoELayer:
    values: dict[str, Any] = {}
    for item in ref.split(","):
        name, equals, text = (part.strip() for part in item.partition("="))
        if not equals:
            raise InputError(f"{shown(item)!r} in {shown(ref)!r} has no value: accepted are fields as name=value")
        if name in values:
            raise InputError(f"{name} is given twice in {shown(ref)!r}: accepted is each field once")
        values[name] = _parse_field(name, text)
    return _layer(values, ref)


def _layer(values: Mapping[str, Any], where: str) -> MoELayer:
    missing = [name for name in REQUIRED if name not in values]
    if missing:
        raise InputError(f"{shown(where)} lacks {', '.join(missing)}: required are {', '.join(REQUIRED)}")
    return MoELayer(**values)


def _from_path(path: str, moe_layer: bool) -> Found:
    if os.path.isdir(path) or path.endswith(CHECKPOINT_ENDINGS):
        folder = path if os.path.isdir(path) else os.path.dirname(path)
        config, design = (os.path.join(folder, name) for name in ("config.json", "design.json"))
        if path == folder and os.path.lexists(design) and not os.path.lexists(config):  # as `parity export` leaves it
            return replace(_from_path(design, moe_layer), name=path)
        held = path if path != folder or _has_tensors(folder) else None
        if held is None or os.path.lexists(config):
            return replace(
                _from_config(config, read_json(config, constants=True), moe_layer), name=path, checkpoint=held
            )
        return Found(path, checkpoint=held)
    return _from_content(path, read_json(path, constants=True), moe_layer)


def of_bytes(name: str, data: bytes, *, moe_layer: bool = False) -> Found:
    """What a file holds, a model's config or a design, whose bytes came from elsewhere.

    Raises:
        InputError: it holds neither.
    """
    if len(data) > LARGEST_FILE:
        raise InputError(f"{shown(name)} is larger than {LARGEST_FILE} bytes: accepted are files in JSON")
    return _from_content(name, parse_json(name, data, constants=True), moe_layer)


def _from_content(name: str, content: Any, moe_layer: bool) -> Found:
    from parity.models.importing import is_config

    if is_config(content):
        return _from_config(name, content, moe_layer)
    return Found(name, _from_design(name, content))


def _has_tensors(folder: str) -> bool:
    try:
        return any(name.endswith(CHECKPOINT_ENDINGS) for name in os.listdir(folder))
    except OSError as error:
        raise InputError(f"{shown(folder)} cannot be read ({error.strerror}): accepted are folders") from None


def _from_config(ref: str, config: Any, moe_layer: bool) -> Found:
    from parity.models.importing import import_config, import_moe_layer

    try:
        if moe_layer:
            layer, beside = import_moe_layer(config)
            return Found(ref, layer, beside=beside)
        return Found(ref, model=import_config(config))
    except InputError as error:
        raise InputError(f"{shown(ref)}: {error}") from None


def _from_design(path: str, content: Any) -> MoELayer:
    design = content
    if isinstance(content, dict) and "solutions" in content:
        design = content["solutions"][0] if isinstance(content["solutions"], list) and content["solutions"] else None
    if isinstance(design, dict) and "design" in design:
        design = design["design"]
    if not isinstance(design, dict):
        raise InputError(
            f"{shown(path)} holds no design: accepted are an object with the fields {', '.join(FIELDS)}, and files "
            "that `parity solve` or `parity cost` wrote with --format json"
        )
    try:
        for name, value in design.items():
            check_given(name, value)
        return _layer(design, "the design")
    except InputError as error:
        raise InputError(f"{shown(path)}: {error}") from None
