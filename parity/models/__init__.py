"""Whole models: their configs read, described and counted."""

from parity.models.cost import ModelCost, Row, cost_of_model
from parity.models.description import Model
from parity.models.importing import import_config, import_moe_layer

__all__ = ["Model", "ModelCost", "Row", "cost_of_model", "import_config", "import_moe_layer"]
