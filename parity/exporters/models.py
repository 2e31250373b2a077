"""The config of a model that a reference stands for, as it was written."""

import os
from collections.abc import Mapping
from typing import Any

from parity.files import read_json
from parity.models.builtin import builtin_models
from parity.ref import CHECKPOINT_ENDINGS, Found


def config_of(found: Found) -> Mapping[str, Any]:
    """The config of the model that was found, field by field.

    Raises:
        InputError: its file cannot be read any more.
    """
    builtin = builtin_models().get(found.name)
    if builtin is not None:
        return builtin.config
    path = found.name
    if path.endswith(CHECKPOINT_ENDINGS) and not os.path.isdir(path):
        path = os.path.dirname(path)
    if os.path.isdir(path or "."):
        path = os.path.join(path, "config.json")
    config: Mapping[str, Any] = read_json(path, constants=True)
    return config
