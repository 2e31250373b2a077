"""The MoE layer itself in NumPy, forward and backward, counting what it executes. Knows no cost formula."""

from reference.config import MoEConfig
from reference.errors import EngineError
from reference.moe import backward, forward, init
from reference.tally import Tally, tally

__all__ = ["EngineError", "MoEConfig", "Tally", "backward", "forward", "init", "tally"]
