"""Small configs of every family: for each field the values that it may take, the first of which is the usual one."""

from collections.abc import Iterator, Mapping
from typing import Any

from tests.models.fields import (
    ABSENT,
    BIAS,
    CHOICE,
    DENSE,
    ENCODER_DECODER,
    GRANITE,
    HEADS,
    KIN,
    LATENT,
    LINEAR,
    LISTED_FULL,
    LISTED_WINDOW,
    LOCAL,
    MAMBA_2,
    MAY_LACK_KV,
    NARROW,
    NUMBER,
    OWN_WIDTH,
    SHARED_GATED,
    SPARSE_STEP,
    SWITCH,
    WINDOW,
    Cycle,
    Fields,
)


def spelled_out(family: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The config with these values."""
    config: dict[str, Any] = {"model_type": family}
    layers = values.get("num_hidden_layers", 0)
    for name, value in values.items():
        if value is ABSENT:
            continue
        place, _, last = name.rpartition(".")
        (config.setdefault(place, {}) if place else config)[last] = (
            [value[i % len(value)] for i in range(layers)] if isinstance(value, Cycle) else value
        )
    return config


def one_at_a_time(family: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The usual config, and each with one field changed, by what was changed."""
    usual = {name: values[0] for name, values in FAMILIES[family].items()}
    yield "usual", spelled_out(family, usual)
    for name, values in FAMILIES[family].items():
        for value in values[1:]:
            label = "absent" if value is ABSENT else list(value) if isinstance(value, Cycle) else value
            yield f"{name}={label}", spelled_out(family, usual | {name: value})


FAMILIES: Mapping[str, Fields] = {
    "afmoe": OWN_WIDTH
    | MAY_LACK_KV
    | BIAS
    | DENSE
    | NARROW
    | NUMBER
    | {
        "head_dim": (10, ABSENT),
        "num_dense_layers": (1, 0, 2, 9),
        "num_shared_experts": (2, 1, 0),
        "sliding_window": (8,),
        "global_attn_every_n_layers": (4, 2, ABSENT),
    }
    | LISTED_WINDOW,
    "bamba": HEADS
    | BIAS
    | DENSE
    | MAMBA_2
    | {"mlp_bias": SWITCH, "attn_layer_indices": ([1], [], [0, 2, 90], ABSENT, None)},
    "dbrx": {
        "vocab_size": (97, 33),
        "d_model": (24, 48),
        "n_heads": (4, 2),
        "n_layers": (3, 1),
        "attn_config.kv_n_heads": (2, 1),
        "attn_config.clip_qkv": (8.0, ABSENT),
        "attn_config.rope_theta": (10000,),
        "ffn_config.ffn_hidden_size": (11, 5),
        "ffn_config.moe_num_experts": (3, 2, 1),
        "ffn_config.moe_top_k": (1,),
        "tie_word_embeddings": (False, ABSENT),
    },
    "deepseek_v2": LATENT | KIN,
    "deepseek_v3": LATENT | KIN,
    "dots1": OWN_WIDTH
    | KIN
    | BIAS
    | {"head_dim": (10, ABSENT), "sliding_window": (8, ABSENT), "max_window_layers": (2, 0, ABSENT)}
    | LISTED_WINDOW,
    "ernie4_5_moe": OWN_WIDTH
    | DENSE
    | NARROW
    | {
        "head_dim": (10, ABSENT),
        "use_bias": SWITCH,
        "moe_k": (2, 1),
        "moe_num_experts": (3, 2),
        "moe_num_shared_experts": (2, 1, 0),
        "moe_layer_start_index": (1, 0, 3, 9, ABSENT),
        "moe_layer_end_index": (-1, 2, 5, ABSENT),
        "moe_layer_interval": (1, 2, 3, ABSENT),
    },
    "exaone_moe": OWN_WIDTH
    | DENSE
    | NARROW
    | NUMBER
    | {
        "num_shared_experts": (1, 2, 0),
        "sliding_window": (8,),
        "sliding_window_pattern": (4, 2, ABSENT),
        "first_k_dense_replace": (1, 0, 2, ABSENT),
        "mlp_layer_types": (ABSENT, Cycle(("sparse", "dense"))),
    }
    | LISTED_WINDOW,
    "flex_olmo": OWN_WIDTH
    | MAY_LACK_KV
    | BIAS
    | NUMBER
    | {"intermediate_size": (11, 5), "head_dim": (ABSENT, 10), "pad_token_id": (0,)},
    "glm4_moe": OWN_WIDTH | KIN | BIAS | {"use_qk_norm": SWITCH, "head_dim": (10, ABSENT)},
    "glm4_moe_lite": LATENT
    | KIN
    | {
        "num_key_value_heads": (ABSENT,),
        "first_k_dense_replace": (1, ABSENT),
        "mlp_layer_types": (ABSENT, Cycle(("dense", "sparse"))),
    },
    "gpt2": {
        "vocab_size": (97, 33),
        "n_positions": (32, 5),
        "n_embd": (24, 48),
        "n_layer": (3, 1),
        "n_head": (4, 2),
        "n_inner": (ABSENT, None, 40),
        "tie_word_embeddings": (True, False, ABSENT),
    },
    "gpt_oss": OWN_WIDTH
    | LOCAL
    | BIAS
    | LISTED_WINDOW
    | {"sliding_window": (8, ABSENT), "num_local_experts": (3, 2, 1), "num_experts_per_tok": (1,)},
    "granitemoe": GRANITE,
    "granitemoehybrid": GRANITE
    | MAMBA_2
    | {
        "num_local_experts": (3, 1, 0),
        "shared_intermediate_size": (13, 3),
        "layer_types": (Cycle(("mamba", "attention")), Cycle(("linear_attention", "full_attention")), ABSENT),
    },
    "granitemoeshared": GRANITE | {"shared_intermediate_size": (13, 0)},
    "hunyuan_v1_moe": OWN_WIDTH
    | MAY_LACK_KV
    | BIAS
    | {
        "num_experts": (3, 2),
        "intermediate_size": (11, 5),
        "moe_topk": (2, 1, Cycle((2,))),
        "num_shared_expert": (ABSENT, 1, Cycle((1,))),
    },
    "jamba": HEADS
    | DENSE
    | {
        "num_hidden_layers": (5, 1, 8),
        "num_experts": (3, 2, 1),
        "num_experts_per_tok": (1,),
        "attn_layer_period": (4, 9),
        "attn_layer_offset": (2, 0),
        "expert_layer_period": (2, 3),
        "expert_layer_offset": (1, 0),
        "mamba_d_state": (5, 3),
        "mamba_d_conv": (4, 2),
        "mamba_expand": (2, 1),
        "mamba_dt_rank": ("auto", 6, ABSENT),
        "mamba_conv_bias": SWITCH,
        "mamba_proj_bias": SWITCH,
    },
    "lfm2_moe": HEADS
    | DENSE
    | NARROW
    | NUMBER
    | {
        "layer_types": (Cycle(("conv", "conv", "full_attention")), Cycle(("full_attention",)), Cycle(("conv",))),
        "num_dense_layers": (2, 0, 9),
        "conv_L_cache": (3, 2),
        "conv_bias": SWITCH,
        "use_expert_bias": SWITCH,
    },
    "llama": OWN_WIDTH | MAY_LACK_KV | DENSE | BIAS | {"mlp_bias": SWITCH, "head_dim": (10, ABSENT, None)},
    "llama4_text": OWN_WIDTH
    | LOCAL
    | BIAS
    | {
        "head_dim": (10, ABSENT),
        "intermediate_size_mlp": (40, 7),
        "interleave_moe_layer_step": (2, 1, 3, ABSENT),
        "moe_layers": (ABSENT, [1], [], [0, 2, 90]),
        "no_rope_layer_interval": (4, 2, ABSENT),
        "no_rope_layers": (ABSENT, [], Cycle((1, 0))),
        "attention_chunk_size": (8, None, ABSENT),
        "layer_types": (ABSENT, Cycle(("chunked_attention", "full_attention"))),
    },
    "minimax": OWN_WIDTH
    | LOCAL
    | {"head_dim": (10, ABSENT), "layer_types": (ABSENT, Cycle(("linear_attention", "full_attention")))},
    "minimax_m2": OWN_WIDTH | LOCAL | {"head_dim": (10, ABSENT), "qk_norm_type": (ABSENT, "per_layer")},
    "mistral": OWN_WIDTH | DENSE | {"sliding_window": (8, None, ABSENT), "head_dim": (10, ABSENT, None)},
    "mixtral": OWN_WIDTH
    | LOCAL
    | {
        "num_local_experts": (3, 2, 1),
        "num_experts_per_tok": (1,),
        "sliding_window": (8, None, ABSENT),
        "head_dim": (10, ABSENT, None),
    },
    "nemotron_h": OWN_WIDTH
    | DENSE
    | NARROW
    | CHOICE
    | {
        "num_hidden_layers": (ABSENT,),
        "tie_word_embeddings": (False, ABSENT),
        "hybrid_override_pattern": ("ME*-M", "M", "EE", "*", "-M*"),
        "mamba_num_heads": (4, 2),
        "mamba_head_dim": (9, 4),
        "n_groups": (2, 1),
        "ssm_state_size": (5, 3),
        "conv_kernel": (4, 2),
        "use_conv_bias": SWITCH,
        "use_bias": SWITCH,
        "mlp_bias": SWITCH,
        "n_routed_experts": (3, 2),
        "n_shared_experts": (1, ABSENT),
        "moe_shared_expert_intermediate_size": (13, 3),
        "moe_latent_size": (16, None, ABSENT),
    },
    "olmoe": HEADS | MAY_LACK_KV | BIAS | NUMBER | {"intermediate_size": (11, 5)},
    "phimoe": OWN_WIDTH
    | LOCAL
    | BIAS
    | {"lm_head_bias": SWITCH, "sliding_window": (8, None, ABSENT), "head_dim": (ABSENT, 10)},
    "qwen2": OWN_WIDTH | DENSE | WINDOW | LISTED_FULL | {"head_dim": (ABSENT, 10)},
    "qwen2_moe": HEADS
    | SPARSE_STEP
    | NARROW
    | SHARED_GATED
    | NUMBER
    | WINDOW
    | {"sliding_window": (8,), "qkv_bias": SWITCH, "num_experts": (3, 1), "num_experts_per_tok": (1,)},
    "qwen3": OWN_WIDTH | DENSE | BIAS | WINDOW | LISTED_FULL | {"head_dim": (10, ABSENT)},
    "qwen3_5_moe_text": OWN_WIDTH | BIAS | NARROW | SHARED_GATED | NUMBER | LINEAR | {"head_dim": (10, ABSENT)},
    "qwen3_moe": OWN_WIDTH
    | BIAS
    | SPARSE_STEP
    | NARROW
    | NUMBER
    | {"head_dim": (10, ABSENT), "use_sliding_window": SWITCH, "sliding_window": (8, None)},
    "qwen3_next": OWN_WIDTH | BIAS | SPARSE_STEP | NARROW | SHARED_GATED | NUMBER | LINEAR | {"head_dim": (10, ABSENT)},
    "solar_open": OWN_WIDTH | KIN | BIAS | {"head_dim": (10, ABSENT), "first_k_dense_replace": (ABSENT,)},
    "switch_transformers": ENCODER_DECODER
    | {
        "num_decoder_layers": (4, 2, None),
        "num_experts": (3, 1),
        "num_layers": (4, 2, 6),
        "num_sparse_encoder_layers": (1, 2),
        "num_sparse_decoder_layers": (2, 1),
        "router_bias": SWITCH,
    },
    "t5": ENCODER_DECODER | {"feed_forward_proj": ("relu", "gated-gelu", "gated-silu", ABSENT)},
}
