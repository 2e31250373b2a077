"""Decoders whose configs call or place fields otherwise than most: DBRX and Hunyuan."""

from parity.design import MoELayer
from parity.models.description import Block, Model
from parity.models.families.common import decoder, uniform
from parity.models.feeds import moe
from parity.models.mixers import AS_MANY, attention, even_head_dim, heads
from parity.models.reading import Config


def dbrx_moe(c: Config) -> Block:
    """DBRX's experts, whose numbers stand in a section of their own."""
    width, inner = c.integer("d_model"), c.section("ffn_config")
    inner.unused(
        "hidden_size",
        "ffn_act_fn",
        "moe_jitter_eps",
        "moe_loss_weight",
        "moe_normalize_expert_weights",
        "uniform_expert_assignment",
    )
    return moe(
        MoELayer(
            d_model=width,
            d_expert=inner.integer("ffn_hidden_size"),
            num_experts=inner.integer("moe_num_experts"),
            top_k=inner.integer("moe_top_k"),
        )
    )


def dbrx(c: Config) -> Model:
    """DBRX: LayerNorm without biases.

    Raises:
        InputError: the key-value heads do not divide the heads.
    """
    width, n, inner = c.integer("d_model", "hidden_size"), c.integer("n_heads"), c.section("attn_config")
    kv = inner.integer("kv_n_heads")
    c.only("num_key_value_heads", kv, absent=kv)
    if n % kv:
        raise inner.wrong("kv_n_heads", kv, f"divisors of the {n} heads")
    c.only("tie_word_embeddings", False, absent=False)
    mixer = heads(width, n, kv, even_head_dim(width, n))
    # The frame around the layers by the names that other families give it.
    renamed = Config({"hidden_size": width, "vocab_size": c.integer("vocab_size")})
    return decoder(renamed, "DBRX", mixers=mixer, feeds=dbrx_moe(c), layers=c.integer("n_layers"))


def hunyuan_moe(c: Config) -> Block:
    """Hunyuan's experts, a shared one as wide as the others; numbers may be listed layer by layer.

    Raises:
        InputError: layers differ.
    """
    c.only("mlp_bias", False, absent=False)
    c.only("moe_layer_num_skipped", 0, absent=0)
    c.only("use_mixed_mlp_moe", True, absent=True)
    c.unused("moe_drop_tokens", "moe_random_routing_dropped_token")
    d_expert, top_k = c.integer("intermediate_size"), uniform(c, "moe_topk")
    for name, only in ("moe_intermediate_size", d_expert), ("num_shared_expert", 1):
        if uniform(c, name) not in (None, only):
            raise c.wrong(name, c.raw(name), f"{only}, in every layer", "is not understood: ")
    layer = MoELayer(
        d_model=c.integer("hidden_size"),
        d_expert=d_expert,
        num_experts=c.integer("num_experts"),
        top_k=c.integer("moe_topk") if top_k is None else top_k,
        num_shared_experts=1,
        d_shared=d_expert,
    )
    return moe(layer)


_OF_HUNYUAN_VARIANTS = (
    "cla_share_factor eod_token_id org_vocab_size pool_type pad_id "
    "kv_lora_rank q_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim group_limited_greedy class_num dense_list "
    "add_classification_head position_embedding_xdrope use_rotary_pos_emb vit_type "
    "im_start_id im_end_id im_newline_id image_token_id mask_init_id text_start_id text_end_id"
)
"""Fields of other forms of the model, which its config carries along."""


def hunyuan_v1_moe(c: Config) -> Model:
    """Hunyuan-A13B."""
    c.only("use_qk_norm", True, absent=True)
    c.only("use_cla", False, absent=False)
    c.only("use_mla", False, absent=False)
    c.only("norm_type", "rms", absent="rms")
    c.unused(*_OF_HUNYUAN_VARIANTS.split())
    d, bias = c.integer("head_dim", "attention_head_dim"), c.switch("attention_bias", default=False)
    mixer = attention(c, kv_heads=AS_MANY, head_width=d, bias=bias, qk_norm="head")
    return decoder(c, "Hunyuan MoE", mixers=mixer, feeds=hunyuan_moe(c))
