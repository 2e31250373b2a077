"""Released models, by the fields of their configs that matter; the same as in their `config.json` on the Hub."""

from collections.abc import Mapping
from typing import Any

LLAMA: dict[str, Any] = {"model_type": "llama", "tie_word_embeddings": False}
QWEN2: dict[str, Any] = {"model_type": "qwen2", "use_sliding_window": False, "tie_word_embeddings": False}
QWEN3: dict[str, Any] = {"model_type": "qwen3", "head_dim": 128, "vocab_size": 151936, "use_sliding_window": False}
GPT2: dict[str, Any] = {"model_type": "gpt2", "vocab_size": 50257, "n_positions": 1024, "n_ctx": 1024}
GPT_OSS: dict[str, Any] = {
    "model_type": "gpt_oss",
    "vocab_size": 201088,
    "hidden_size": 2880,
    "intermediate_size": 2880,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "num_experts_per_tok": 4,
    "attention_bias": True,
    "sliding_window": 128,
    "tie_word_embeddings": False,
}


def shape(width: int, hidden: int, layers: int, heads: int, kv_heads: int, vocabulary: int) -> dict[str, Any]:
    """What most configs call these numbers."""
    return {
        "hidden_size": width,
        "intermediate_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
    }


RELEASED: Mapping[str, Mapping[str, Any]] = {
    "ai21labs/Jamba-v0.1": shape(4096, 14336, 32, 32, 8, 65536)
    | {
        "model_type": "jamba",
        "num_experts": 16,
        "num_experts_per_tok": 2,
        "attn_layer_offset": 4,
        "attn_layer_period": 8,
        "expert_layer_offset": 1,
        "expert_layer_period": 2,
        "mamba_conv_bias": True,
        "mamba_d_conv": 4,
        "mamba_d_state": 16,
        "mamba_dt_rank": 256,
        "mamba_expand": 2,
        "mamba_proj_bias": False,
        "tie_word_embeddings": False,
    },
    "baidu/ERNIE-4.5-21B-A3B-PT": shape(2560, 12288, 28, 20, 4, 103424)
    | {
        "model_type": "ernie4_5_moe",
        "moe_intermediate_size": 1536,
        "moe_num_experts": 64,
        "moe_k": 6,
        "moe_num_shared_experts": 2,
        "moe_layer_start_index": 1,
        "moe_layer_end_index": -1,
        "moe_layer_interval": 1,
        "use_bias": False,
        "tie_word_embeddings": True,
    },
    "databricks/dbrx-base": {
        "model_type": "dbrx",
        "d_model": 6144,
        "n_heads": 48,
        "n_layers": 40,
        "vocab_size": 100352,
        "max_seq_len": 32768,
        "attn_config": {"clip_qkv": 8, "kv_n_heads": 8, "rope_theta": 500000},
        "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4},
        "tie_word_embeddings": False,
    },
    "google-t5/t5-base": {
        "model_type": "t5",
        "d_model": 768,
        "d_ff": 3072,
        "d_kv": 64,
        "num_heads": 12,
        "num_layers": 12,
        "num_decoder_layers": 12,
        "relative_attention_num_buckets": 32,
        "vocab_size": 32128,
    },
    "ibm-granite/granite-3.0-3b-a800m-base": shape(1536, 512, 32, 24, 8, 49155)
    | {"model_type": "granitemoe", "num_local_experts": 40, "num_experts_per_tok": 8, "tie_word_embeddings": True},
    "meta-llama/Llama-2-7b-hf": shape(4096, 11008, 32, 32, 32, 32000) | LLAMA,
    "meta-llama/Llama-3.1-70B": shape(8192, 28672, 80, 64, 8, 128256) | LLAMA,
    "meta-llama/Llama-3.2-1B": shape(2048, 8192, 16, 32, 8, 128256)
    | LLAMA
    | {"head_dim": 64, "tie_word_embeddings": True},
    "meta-llama/Llama-4-Maverick-17B-128E": shape(5120, 8192, 48, 40, 8, 202048)
    | {
        "model_type": "llama4_text",
        "intermediate_size_mlp": 16384,
        "interleave_moe_layer_step": 2,
        "num_local_experts": 128,
        "num_experts_per_tok": 1,
        "head_dim": 128,
        "attention_chunk_size": 8192,
        "tie_word_embeddings": False,
    },
    "microsoft/Phi-3.5-MoE-instruct": shape(4096, 6400, 32, 32, 8, 32064)
    | {
        "model_type": "phimoe",
        "attention_bias": True,
        "lm_head_bias": True,
        "num_local_experts": 16,
        "num_experts_per_tok": 2,
        "tie_word_embeddings": False,
    },
    "MiniMaxAI/MiniMax-Text-01-hf": shape(6144, 9216, 80, 64, 8, 200064)
    | {
        "model_type": "minimax",
        "head_dim": 128,
        "num_local_experts": 32,
        "num_experts_per_tok": 2,
        "layer_types": ([*["linear_attention"] * 7, "full_attention"] * 10),
        "tie_word_embeddings": False,
    },
    "mistralai/Mistral-7B-v0.1": shape(4096, 14336, 32, 32, 8, 32000)
    | {"model_type": "mistral", "sliding_window": 4096, "tie_word_embeddings": False},
    "mistralai/Mistral-Nemo-Base-2407": shape(5120, 14336, 40, 32, 8, 131072)
    | {"model_type": "mistral", "head_dim": 128, "sliding_window": None, "tie_word_embeddings": False},
    "mistralai/Mixtral-8x22B-v0.1": shape(6144, 16384, 56, 48, 8, 32000)
    | {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2, "tie_word_embeddings": False},
    "moonshotai/Moonlight-16B-A3B": shape(2048, 11264, 27, 16, 16, 163840)
    | {
        "model_type": "deepseek_v3",
        "moe_intermediate_size": 1408,
        "n_routed_experts": 64,
        "n_shared_experts": 2,
        "num_experts_per_tok": 6,
        "first_k_dense_replace": 1,
        "kv_lora_rank": 512,
        "q_lora_rank": None,
        "qk_nope_head_dim": 128,
        "qk_rope_head_dim": 64,
        "v_head_dim": 128,
        "tie_word_embeddings": False,
    },
    "openai-community/gpt2-medium": {**GPT2, "n_embd": 1024, "n_head": 16, "n_layer": 24},
    "openai-community/gpt2-xl": {**GPT2, "n_embd": 1600, "n_head": 25, "n_layer": 48},
    "openai/gpt-oss-20b": {**GPT_OSS, "num_hidden_layers": 24, "num_local_experts": 32},
    "openai/gpt-oss-120b": {**GPT_OSS, "num_hidden_layers": 36, "num_local_experts": 128},
    "Qwen/Qwen2.5-0.5B": shape(896, 4864, 24, 14, 2, 151936) | QWEN2 | {"tie_word_embeddings": True},
    "Qwen/Qwen2.5-7B": shape(3584, 18944, 28, 28, 4, 152064) | QWEN2,
    "Qwen/Qwen2.5-72B": shape(8192, 29568, 80, 64, 8, 152064) | QWEN2,
    "Qwen/Qwen3-0.6B": shape(1024, 3072, 28, 16, 8, 151936) | QWEN3 | {"tie_word_embeddings": True},
    "Qwen/Qwen3-235B-A22B": shape(4096, 12288, 94, 64, 4, 151936)
    | {
        "model_type": "qwen3_moe",
        "head_dim": 128,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "moe_intermediate_size": 1536,
        "num_experts": 128,
        "num_experts_per_tok": 8,
        "tie_word_embeddings": False,
    },
    "Qwen/Qwen3-Next-80B-A3B-Instruct": shape(2048, 5120, 48, 16, 2, 151936)
    | {
        "model_type": "qwen3_next",
        "head_dim": 256,
        "decoder_sparse_step": 1,
        "full_attention_interval": 4,
        "linear_conv_kernel_dim": 4,
        "linear_key_head_dim": 128,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
        "linear_value_head_dim": 128,
        "mlp_only_layers": [],
        "moe_intermediate_size": 512,
        "num_experts": 512,
        "num_experts_per_tok": 10,
        "shared_expert_intermediate_size": 512,
        "tie_word_embeddings": False,
    },
}
