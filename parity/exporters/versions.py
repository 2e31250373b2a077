"""The release of each target that its exports were checked against; the peers' tests run on these."""

from importlib.metadata import version

TORCH = "2.13.0"
TRANSFORMERS = "5.24.0"
MEGATRON_CORE = "0.16.1"
OLMO_CORE = "3.0.0"


def own_version() -> str:
    """The version of parity itself."""
    return version("moe-parity")
