"""What parity makes of a config, under the names that other counts use."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from parity.models import cost_of_model, import_config

SAME_PART = {"head": "dense", "merge": "dense"}
"""Projections into a latent space and back, which others count with the dense blocks."""


def counted(config: Mapping[str, Any]) -> dict[str, int]:
    """Parameters of each part, those that one token reaches, and all."""
    cost = cost_of_model(import_config(config))
    parts: Counter[str] = Counter()
    for row in cost.rows:
        parts[SAME_PART.get(row.op, row.op)] += row.params
    totals = {"params": cost.params, "active_params": cost.active_params}
    return totals | {name: n for name, n in sorted(parts.items()) if n}
