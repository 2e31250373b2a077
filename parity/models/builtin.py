"""Models that go by a name: the configs that their vendors released, and what the vendors print of them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from parity.models.description import Model
from parity.models.importing import import_config


@dataclass(frozen=True)
class BuiltinModel:
    """A named model. Published figures are as they are printed, such as 12.9B; None where nothing is."""

    source: str
    """Where the config is from, as organisation and name on the Hugging Face hub."""
    config: Mapping[str, Any]
    published_total: str | None
    published_active: str | None
    remark: str | None = None

    @cached_property
    def model(self) -> Model:
        """The config as a description."""
        return import_config(self.config)


@cache
def builtin_models() -> Mapping[str, BuiltinModel]:
    """Every built-in model by name, which is that of the hub in lower case."""
    text = files("parity").joinpath("data/models.json").read_text(encoding="utf-8")
    return {name: BuiltinModel(**entry) for name, entry in json.loads(text).items()}
