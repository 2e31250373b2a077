"""`megatron`: arguments of Megatron-LM for a shell, and the same as fields of Megatron-Core's TransformerConfig."""

from parity.exporters.megatron.arguments import export_megatron

__all__ = ["export_megatron"]
