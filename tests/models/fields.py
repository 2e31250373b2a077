"""Fields that several families have, each with the values that it may take, the first of which is the usual one."""

from typing import Any

ABSENT: Any = object()
"""Stands for a field that the config lacks."""


class Cycle(tuple[Any, ...]):
    """A list with an entry for each layer: these, over and over."""


Fields = dict[str, tuple[Any, ...]]

SWITCH = (False, True, ABSENT)
FRAME: Fields = {
    "vocab_size": (97, 33),
    "hidden_size": (24, 48),
    "num_hidden_layers": (4, 1, 7),
    "tie_word_embeddings": SWITCH,
}
HEADS: Fields = FRAME | {"num_attention_heads": (4, 2), "num_key_value_heads": (2, 1)}
OWN_WIDTH: Fields = HEADS | {"head_dim": (10, 6, 2)}
MAY_LACK_KV: Fields = {"num_key_value_heads": (2, 1, ABSENT, None)}
DENSE: Fields = {"intermediate_size": (40, 1)}
BIAS: Fields = {"attention_bias": SWITCH}
CHOICE: Fields = {"num_experts_per_tok": (2, 1)}
LOCAL: Fields = CHOICE | {"num_local_experts": (3, 2), "intermediate_size": (11, 5)}
NUMBER: Fields = CHOICE | {"num_experts": (3, 2)}
NARROW: Fields = {"moe_intermediate_size": (11, 5)}
WINDOW: Fields = {"use_sliding_window": SWITCH, "sliding_window": (8, None), "max_window_layers": (2, 0, 9)}
LISTED_WINDOW: Fields = {"layer_types": (ABSENT, Cycle(("sliding_attention", "full_attention")))}
LISTED_FULL: Fields = {"layer_types": (ABSENT, Cycle(("full_attention",)))}
SPARSE_STEP: Fields = DENSE | {
    "decoder_sparse_step": (1, 2, 3, 9, ABSENT),
    "mlp_only_layers": (ABSENT, [], [0], [0, 3, 50], None),
}
SHARED_GATED: Fields = {"shared_expert_intermediate_size": (13, 3)}
KIN: Fields = (
    DENSE
    | NARROW
    | CHOICE
    | {"n_routed_experts": (4, 8), "n_shared_experts": (1, 2, 0), "first_k_dense_replace": (1, 0, 2, 9)}
    | {"n_group": (1,), "topk_group": (1,)}
)
LATENT: Fields = FRAME | {
    "num_attention_heads": (4, 2),
    "num_key_value_heads": (ABSENT,),
    "kv_lora_rank": (14, 6),
    "q_lora_rank": (17, None),
    "qk_nope_head_dim": (8, 6),
    "qk_rope_head_dim": (4, 2),
    "v_head_dim": (9, 8),
    "attention_bias": SWITCH,
}
LINEAR: Fields = {
    "linear_conv_kernel_dim": (4, 2),
    "linear_key_head_dim": (6, 3),
    "linear_value_head_dim": (5, 4),
    "linear_num_key_heads": (2, 1),
    "linear_num_value_heads": (4, 2),
    "full_attention_interval": (4, 2, 9, ABSENT),
    "layer_types": (ABSENT, Cycle(("full_attention", "linear_attention"))),
}
MAMBA_2: Fields = {
    "mamba_n_heads": (4, 8),
    "mamba_n_groups": (2, 1),
    "mamba_d_state": (7, 3),
    "mamba_d_conv": (4, 2),
    "mamba_d_head": ("auto", ABSENT),
    "mamba_expand": (2, 1),
    "mamba_conv_bias": SWITCH,
    "mamba_proj_bias": SWITCH,
}
GRANITE: Fields = HEADS | MAY_LACK_KV | BIAS | LOCAL | {"num_local_experts": (3, 2, 1), "num_experts_per_tok": (1,)}
ENCODER_DECODER: Fields = {
    "vocab_size": (97, 33),
    "d_model": (24, 48),
    "d_kv": (10, 6),
    "d_ff": (40, 11),
    "num_layers": (4, 1, 6),
    "num_decoder_layers": (4, 2, ABSENT, None),
    "num_heads": (4, 3),
    "relative_attention_num_buckets": (8, 32),
    "tie_word_embeddings": (True, ABSENT),
}
