"""Granite's MoE decoders and Bamba, of which Granite 4 has the layers that are not attention."""

from parity.models.description import Block, Model
from parity.models.families.common import chosen, decoder
from parity.models.families.dense import feed
from parity.models.families.everywhere import mixtral_moe
from parity.models.feeds import dense, routed
from parity.models.mixers import AS_MANY, attention, by_type
from parity.models.reading import Config
from parity.models.recurrent import mamba_2_of_width


def granite_moe(c: Config) -> Model:
    """Granite 3.0 MoE."""
    mixer = attention(c, kv_heads=AS_MANY, bias=c.switch("attention_bias", default=False))
    return decoder(c, "Granite MoE", mixers=mixer, feeds=mixtral_moe(c))


def granite_moe_shared_moe(c: Config) -> Block:
    """Granite's experts and a shared one of its own width, if that is not 0."""
    width = c.integer("shared_intermediate_size", least=0)
    return routed(c, experts="num_local_experts", hidden="intermediate_size", shared=1 if width else 0, d_shared=width)


def granite_moe_shared(c: Config) -> Model:
    """Granite MoE with a shared expert."""
    mixer = attention(c, kv_heads=AS_MANY, bias=c.switch("attention_bias", default=False))
    return decoder(c, "Granite MoE", mixers=mixer, feeds=granite_moe_shared_moe(c))


def granite_moe_hybrid_moe(c: Config) -> Block:
    """Granite's experts and a shared one; without experts the shared one is a dense block."""
    if c.integer("num_local_experts", least=0):
        return granite_moe_shared_moe(c)
    c.unused("num_experts_per_tok", "intermediate_size")
    return dense(c.integer("hidden_size"), c.integer("shared_intermediate_size"))


def granite_moe_hybrid(c: Config) -> Model:
    """Granite 4: Mamba-2 in most layers, attention without positions in the others."""
    recurrent, full = (
        mamba_2_of_width(c),
        attention(c, kv_heads=AS_MANY, bias=c.switch("attention_bias", default=False)),
    )
    blocks = {"mamba": recurrent, "linear_attention": recurrent, "attention": full, "full_attention": full}
    c.unused("position_embedding_type", "normalization_function", "init_method")
    name = "layers_block_type" if "layers_block_type" in c else "layer_types"
    c.only("layer_types" if name == "layers_block_type" else "layers_block_type", None, absent=None)
    mixers = by_type(c, name, blocks, "mamba", range(c.integer("num_hidden_layers")))
    return decoder(c, "Granite MoE hybrid", mixers=mixers, feeds=granite_moe_hybrid_moe(c))


def bamba(c: Config) -> Model:
    """Bamba: Mamba-2 but for the layers that are listed, all dense."""
    mixer = attention(c, bias=c.switch("attention_bias", default=False))
    mixers = chosen(c, mixer, mamba_2_of_width(c), frozenset(c.integers("attn_layer_indices", default=[])))
    c.unused("z_loss_coefficient")
    return decoder(c, "Bamba", mixers=mixers, feeds=feed(c, bias=c.switch("mlp_bias", default=False)))
