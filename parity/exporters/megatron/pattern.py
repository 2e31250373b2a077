"""Which layers are MoE, as Megatron spells it: 1 for MoE and 0 for dense, written as sums of lists."""

import re
from itertools import groupby

from parity.errors import InputError
from parity.exporters.decoder import LAYERS, MOE_EVERY
from parity.exporters.request import Request
from parity.models import import_config
from parity.models.reading import LARGEST_LAYER_LIST


def pattern_of(request: Request) -> str | None:
    """The pattern of the paper's decoder or of the model; None where no layer is MoE.

    Raises:
        InputError: the model is no decoder, or has more layers than can be listed.
    """
    if request.layer.num_experts == 1:
        return None
    if request.model is None:
        return f"([0]*{MOE_EVERY - 1}+[1]*1)*{LAYERS // MOE_EVERY}"
    model = import_config(request.model)
    if any(placed.stack == "encoder" for placed in model.blocks):
        raise InputError(f"{model.family} has an encoder: accepted with --to megatron are decoders")
    if model.num_layers > LARGEST_LAYER_LIST:
        raise InputError(f"num_hidden_layers={model.num_layers}: accepted are up to {LARGEST_LAYER_LIST}")
    sparse = [placed.layers for placed in model.moe_blocks if placed.layers]
    kinds = [int(any(number in layers for layers in sparse)) for number in range(model.num_layers)]
    return "+".join(f"[{kind}]*{len(list(run))}" for kind, run in groupby(kinds))


def listed(pattern: str) -> list[int]:
    """The pattern with an entry for each layer."""
    inner, _, times = pattern.rpartition(")*")
    once = [int(kind) for kind, count in re.findall(r"\[([01])\]\*(\d+)", inner or pattern) for _ in range(int(count))]
    return once * (int(times) if inner else 1)
