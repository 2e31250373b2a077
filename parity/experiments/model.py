"""The decoder of a variant: as parity counts it, and as the engine builds it."""

from typing import TYPE_CHECKING, Any

from parity.experiments.scales import Scale
from parity.experiments.suites import Variant
from parity.models.cost import ModelCost, cost_of_model
from parity.models.description import Block, Layers, Model, Part, Placed
from parity.models.families.common import lm_head
from parity.models.feeds import dense, moe, norms
from parity.models.mixers import heads

if TYPE_CHECKING:
    from reference.decoder_config import DecoderConfig


def described(scale: Scale, variant: Variant) -> Model:
    """The decoder as blocks of parts."""
    width, layers = scale.d_model, range(scale.num_layers)
    own_ffn = dense(width, scale.d_ffn)
    d_head = width // scale.attention_heads
    return Model(
        "decoder of parity's experiments",
        scale.num_layers,
        (
            Placed(Block((Part("embedding", "embedding", (scale.vocabulary, width)),))),
            Placed(heads(width, scale.attention_heads, scale.attention_heads, d_head), Layers(layers)),
            Placed(own_ffn, Layers(layers[::2])),
            Placed(own_ffn if variant.is_dense else moe(variant.layer), Layers(layers[1::2])),
            Placed(norms(width, 2), Layers(layers)),
            Placed(norms(width, 1)),
            Placed(lm_head(width, scale.vocabulary, tied=True)),
        ),
        tied=True,
    )


def cost_of_variant(scale: Scale, variant: Variant) -> ModelCost:
    """What the whole decoder costs, matmul convention, attention's score products left out."""
    return cost_of_model(described(scale, variant))


def built(scale: Scale, variant: Variant) -> "DecoderConfig":
    """The decoder for the engine, in float32."""
    from reference import MoEConfig
    from reference.decoder_config import DecoderConfig

    fields: dict[str, Any] = variant.layer.to_dict()
    return DecoderConfig(
        vocabulary=scale.vocabulary,
        context=scale.context,
        d_model=scale.d_model,
        num_layers=scale.num_layers,
        attention_heads=scale.attention_heads,
        d_ffn=scale.d_ffn,
        moe=None if variant.is_dense else MoEConfig(**fields, bitnet=variant.bitnet),
        bitnet=variant.bitnet,
    )
