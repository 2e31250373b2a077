"""Fields of a config that cannot change a count in any family: whatever their value, or at some values."""

from collections.abc import Mapping
from typing import Any

_BY_TOPIC = {
    "names and versions": "_name_or_path _commit_hash auto_map model_type transformers_version transformers.js_config "
    "prefix tokenizer_class finetuning_task is_llama_config unsloth_fixed unsloth_version _num_labels",
    "how it is run": "torch_dtype dtype use_cache return_dict use_return_dict output_attentions output_hidden_states "
    "output_router_logits is_decoder is_encoder_decoder gradient_checkpointing _attn_implementation "
    "use_flash_attention use_flash_attn use_cache_quantization reorder_and_upcast_attn use_grouped_mm "
    "moe_implementation experts_implementation moe_shared_expert_overlap use_mamba_kernels mamba_ssm_cache_dtype "
    "chunk_size num_logits_to_keep max_new_tokens residual_in_fp32 ep_size pretraining_tp tensor_parallel_degree "
    "quantization_config compression_config quantization cache_implementation _attn_implementation_autoset "
    "output_past chunk_size_feed_forward calc_logits_for_entire_prompt use_bfloat16 torchscript tf_legacy_loss "
    "mamba_ssm_dtype fuse_linear fuse_gate_detach_matmul",
    "how text is generated": "bad_words_ids begin_suppress_tokens suppress_tokens do_sample early_stopping "
    "diversity_penalty encoder_no_repeat_ngram_size exponential_decay_length_penalty forced_bos_token_id "
    "forced_eos_token_id length_penalty max_length min_length no_repeat_ngram_size num_beam_groups num_beams "
    "num_return_sequences remove_invalid_values repetition_penalty return_dict_in_generate output_scores temperature "
    "top_k top_p typical_p",
    "tokens": "bos_token_id eos_token_id pad_token_id sep_token_id unk_token_id decoder_start_token_id",
    "initial values": "initializer_range initializer_factor init_std embedding_initializer_range "
    "rescale_prenorm_residual time_step_floor time_step_limit time_step_max time_step_min",
    "small numbers in norms": "rms_norm_eps layer_norm_eps layer_norm_epsilon norm_eps norm_epsilon layernorm_epsilon",
    "dropout": "attention_dropout attn_dropout hidden_dropout resid_dropout dropout dropout_rate classifier_dropout "
    "embd_pdrop attn_pdrop resid_pdrop emb_pdrop dropout_p ffn_dropout summary_first_dropout",
    "positions by rotation": "rope_theta rope_scaling rope_parameters rope_type attn_rotary_emb rope_interleave "
    "rope_interleaved rotary_dim rotary_emb_base rotary_percent partial_rotary_factor "
    "original_max_position_embeddings local_rope_theta rope_local_base_freq max_position_embeddings max_seq_len "
    "max_sequence_length model_max_length seq_length initial_context_length",
    "activations, which hold nothing": "hidden_act hidden_activation activation_function hidden_activation_function "
    "mlp_hidden_act mamba_hidden_act swiglu_limit swiglu_alpha",
    "how a router chooses": "batch_prioritized_routing routed_scaling_factor norm_topk_prob scoring_func topk_method "
    "topk_group n_group num_expert_groups router_jitter_noise input_jitter_noise router_scaling_factor "
    "expert_capacity",
    "losses": "router_aux_loss_coef router_z_loss_coef aux_loss_alpha seq_aux aux_loss_coef moe_aux_loss_coef",
    "prediction of more tokens, which is not part of the main model": "num_nextn_predict_layers num_mtp_modules "
    "mtp_transformer_layers use_mtp num_mtp_layers mtp_num_layers mtp_hybrid_override_pattern mtp_layers_block_type "
    "mtp_loss_scaling_factor",
    "factors and bounds": "layernorm_full_attention_beta layernorm_linear_attention_beta layernorm_mlp_beta "
    "scale_decoder_outputs postnorm attn_temperature_tuning floor_scale attn_scale clip_qkv logits_scaling "
    "embedding_multiplier attention_multiplier residual_multiplier logit_scale final_logit_softcapping "
    "attn_logit_softcapping query_pre_attn_scalar embedding_scale output_multiplier_scale embedding_multiplier_scale "
    "attn_output_multiplier full_attn_alpha_factor full_attn_beta_factor linear_attn_alpha_factor "
    "linear_attn_beta_factor mlp_alpha_factor mlp_beta_factor max_attn_value scale_attn_weights "
    "scale_attn_by_inverse_layer_idx",
    "heads for other tasks": "task_specific_params summary_activation summary_proj_to_labels summary_type "
    "summary_use_proj id2label label2id problem_type",
    "which layers a window skips, read where a window is in use": "max_window_layers",
}

HARMLESS = frozenset(name for names in _BY_TOPIC.values() for name in names.split())
"""Those that are at any value."""

NOT_IN_USE: Mapping[str, tuple[Any, ...]] = {
    "add_cross_attention": (False,),
    "is_gated_act": (False,),
    "moe_use_hard_gate": (False,),
    "pruned_heads": ({},),
    "qkv_bias": (False,),
    "shared_expert_intermediate_size": (0,),
    "shared_intermediate_size": (0,),
    "use_mrope": (False,),
    "use_sliding_window": (False,),
}
"""Those that are at these values where a family does not read them: what they speak of is not there. So is null."""
