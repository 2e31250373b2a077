"""`hf`: the `config.json` of a family of transformers that expresses the design."""

from parity.exporters.hf.config import export_hf, export_model

__all__ = ["export_hf", "export_model"]
