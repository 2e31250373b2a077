"""Nemotron-H (arXiv:2504.03624), each of whose layers is a mixer or a feed-forward block, and its latent experts."""

from collections.abc import Callable

from parity.design import MoELayer
from parity.models.description import Block, Layers, Model, Placed, vector
from parity.models.families.common import decoder
from parity.models.feeds import dense, moe
from parity.models.mixers import attention
from parity.models.reading import LARGEST_LAYER_LIST, Config
from parity.models.recurrent import mamba_2

KINDS = {"M": "mamba", "*": "attention", "E": "moe", "-": "mlp"}
"""What a letter of `hybrid_override_pattern` stands for."""

SAME = {"linear_attention": "mamba", "full_attention": "attention"}
"""Other words for the same in `layers_block_type`."""


def nemotron_h_moe(c: Config) -> Block:
    """Experts of two matrices, in a latent space if there is one, and a shared expert on the full token."""
    c.only("n_shared_experts", 1, absent=1)
    width, latent = c.integer("hidden_size"), c.integer("moe_latent_size", default=None)
    layer = MoELayer(
        d_model=width,
        d_latent=latent or width,
        head_layer=latent is not None,
        merge_layer=latent is not None,
        router_input="token",
        d_expert=c.integer("moe_intermediate_size"),
        num_experts=c.integer("n_routed_experts"),
        top_k=c.integer("num_experts_per_tok"),
        gated=False,
        num_shared_experts=1,
        d_shared=c.integer("moe_shared_expert_intermediate_size"),
    )
    if not has_bias(c):
        return moe(layer)
    biases = [vector("shared", "up bias", layer.d_shared), vector("shared", "down bias", width)]
    if latent is not None:
        biases += [vector("head", "head bias", latent), vector("merge", "merge bias", width)]
    return moe(layer, tuple(biases))


def has_bias(c: Config) -> bool:
    """Whether feed-forward blocks have biases, routed experts excepted."""
    bias: bool = c.switch("mlp_bias", default=False)
    return bias


def nemotron_h(c: Config) -> Model:
    """Nemotron-H and Nemotron 3: a norm and one block a layer."""
    kinds = _kinds(c)
    has_bias(c)
    c.only("sliding_window", None, absent=None)
    c.only("tie_word_embeddings", False, absent=False)
    c.only("attention_bias", False, absent=False)
    c.only("mamba_proj_bias", False, absent=False)
    c.unused("expand", "num_hidden_layers", "time_step_rank")
    blocks: dict[str, Callable[[], Block]] = {
        "mamba": lambda: _mamba(c),
        "attention": lambda: attention(c, head_width=c.integer("head_dim", "attention_head_dim", default=128)),
        "moe": lambda: nemotron_h_moe(c),
        "mlp": lambda: _dense(c),
    }
    placed = tuple(
        Placed(make(), Layers(frozenset(i for i, listed in enumerate(kinds) if listed == kind)))
        for kind, make in blocks.items()
        if kind in kinds
    )
    c.unused(*(name for kind, names in _FIELDS.items() if kind not in kinds for name in names.split()))
    return decoder(c, "Nemotron-H", mixers=placed, feeds=(), norms_per_layer=1, layers=len(kinds))


_FIELDS = {
    "mamba": "ssm_state_size mamba_num_heads mamba_head_dim n_groups conv_kernel use_conv_bias use_bias",
    "attention": "num_attention_heads num_key_value_heads head_dim attention_head_dim",
    "moe": "n_routed_experts n_shared_experts moe_intermediate_size moe_shared_expert_intermediate_size "
    "moe_latent_size num_experts_per_tok",
    "mlp": "intermediate_size",
}
"""Fields that a config may have though no layer of their kind is there."""


def _dense(c: Config) -> Block:
    return dense(c.integer("hidden_size"), c.integer("intermediate_size"), gated=False, bias=has_bias(c))


def _mamba(c: Config) -> Block:
    heads, groups = c.integer("mamba_num_heads"), c.integer("n_groups")
    if heads % groups:
        raise c.wrong("n_groups", groups, f"divisors of mamba_num_heads={heads}")
    return mamba_2(
        c.integer("hidden_size"),
        heads,
        c.integer("mamba_head_dim"),
        groups,
        c.integer("ssm_state_size"),
        c.integer("conv_kernel"),
        conv_bias=c.switch("use_conv_bias", default=True),
        bias=c.switch("use_bias", default=False),
    )


def _kinds(c: Config) -> list[str]:
    """What each layer is, by a string or a list, which have to agree with one another and with the number of layers."""
    listed, pattern = c.raw("layers_block_type"), c.text("hybrid_override_pattern", default=None)
    said = listed if isinstance(listed, list) else pattern or ()
    layers = c.integer("num_hidden_layers", default=max(len(said), 1))
    found: list[list[str]] = []
    if listed is not None:
        words = c.of_each_layer("layers_block_type", layers, (*KINDS.values(), *SAME))
        found.append([SAME.get(word, word) for word in words])
    if pattern is not None or not found:
        letters = c.text("hybrid_override_pattern")
        if not set(letters) <= set(KINDS) or len(letters) != layers or layers > LARGEST_LAYER_LIST:
            accepted = f"texts of {layers} letters, one for each layer, of {' '.join(KINDS)}"
            raise c.wrong("hybrid_override_pattern", letters, accepted)
        found.append([KINDS[letter] for letter in letters])
    if any(other != found[0] for other in found):
        raise c.wrong("hybrid_override_pattern", pattern, "patterns that agree with layers_block_type")
    return found[0]
