"""What names of tensors say: an op of the ledger, or why the tensor is none of the main model's parameters.

Names differ from family to family, and from one release of a library to the next. A name that fits no rule is
unknown, never guessed.
"""

import re

BUFFERS = "buffers"
SCALES = "scales of quantised weights"
PACKED = "packed weights, which hold more values than elements"
PREDICTION = "multi-token prediction"
OTHER_MODELS = "vision or sound"
COPIES = "copies of the embedding"

_STEM = r"(?:(?:base_model|backbone|decoder|encoder|language_model|model|text_model|transformer)\.)*"
_LAYER = re.compile(rf"(?P<stem>{_STEM})(?:blocks?|h|layers)\.(?P<number>[0-9]{{1,18}})\.(?P<rest>.+)", re.DOTALL)

_LEAF = r"(?:weight|bias)"
_NORM = r"(?:(?!norm)\w)*+norm\w*+"  # in linear time, however often it says norm
_MIXER = (
    r"(?:self_attn|self_attention|SelfAttention|EncDecAttention|attention|attn|multi_head_attention|mamba|mixer"
    r"|linear_attn|conv)"
)
_FEED = r"(?:mlp|DenseReluDense|feed_forward|block_sparse_moe|ffn|moe|moe_block|mixer)"
_MATRIX = (
    r"(?:gate_proj|up_proj|down_proj|gate_up_proj|up_gate_proj|w[123]|v1|wi|wi_0|wi_1|wo|c_fc|c_proj|fc1|fc2"
    r"|input_linear|output_linear|linear|linear_v|linear_1)"
)
_PROJECTION = (
    r"(?:[qkvo]|w[qkvo]|[qkvo]_proj|query|key|value|output|dense|qkv|qkv_proj|query_key_value|Wqkv|c_attn|c_proj"
    r"|gate_proj|q_a_proj|q_b_proj|kv_a_proj_with_mqa|kv_b_proj|output_gate|in_proj|out_proj|in_proj_qkvz|in_proj_ba|in_proj_qkv|in_proj_[abz]|x_proj"
    r"|dt_proj|conv1d|conv)"
)

_IN_LAYER = tuple(
    (op, re.compile(rf"(?:layer\.[0-9]\.)?(?:norm_attn_norm\.)?{pattern}"))
    for op, pattern in (
        ("positions", rf"{_MIXER}\.relative_attention_bias\.weight"),
        ("mixer_norms", rf"{_MIXER}\.{_NORM}\.{_LEAF}"),
        ("head", rf"{_FEED}\.fc1_latent_proj\.{_LEAF}"),
        ("merge", rf"{_FEED}\.fc2_latent_proj\.{_LEAF}"),
        ("router", rf"{_FEED}\.(?:router|gate|router\.layer|router\.gate|router\.classifier|gate\.wg)\.{_LEAF}"),
        ("experts", rf"{_FEED}\.experts\.(?:mlp\.|(?:expert_)?[0-9]+\.)?{_MATRIX}(?:\.{_LEAF}|_bias|_blocks)?"),
        ("experts", rf"block_sparse_moe\.(?:input|output)_linear\.{_LEAF}"),
        ("shared_gate", rf"{_FEED}\.shared_expert_gate\.{_LEAF}"),
        ("shared", rf"(?:{_FEED}\.)?(?:shared_experts?|shared_mlp)\.(?:[0-9]+\.)?{_MATRIX}\.{_LEAF}"),
        ("dense", rf"{_FEED}\.{_MATRIX}\.{_LEAF}"),
        ("mixer", rf"{_MIXER}\.(?:{_PROJECTION}\.{_LEAF}|sinks|dt_bias|A_log|D)"),
        ("norms", rf"(?:{_NORM}|ln_[0-9])\.{_LEAF}"),
    )
)
_OUTSIDE = tuple(
    (op, re.compile(_STEM + pattern))
    for op, pattern in (
        ("embedding", r"(?:embed_tokens|embeddings|shared|tok_embeddings|word_embeddings|wte)\.weight"),
        ("positions", r"(?:embed_positions|position_embeddings|wpe)\.weight"),
        ("norms", rf"(?:norm|norm_f|ln_f|embedding_norm|final_norm|final_layernorm|final_layer_norm)\.{_LEAF}"),
        ("lm_head", rf"(?:lm_head|embed_out|output)\.{_LEAF}"),
    )
)
_BESIDE = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        (
            OTHER_MODELS,
            r"(?:^|\.)(?:vision\w*|visual|vit|image_newline|multi_modal_projector|mm_projector|audio\w*|sound\w*"
            r"|speech\w*)(?:\.|\Z)",
        ),
        (PREDICTION, r"(?:^|[._])(?:mtp|nextn)(?:[._]|\Z)"),
        (
            SCALES,
            r"(?:^|[._])(?:scales?|scale_inv|scale_2|zero_point|qzeros|g_idx|weight_shape|absmax|quant_map|SCB)\Z"
            r"|\.quant_state\.",
        ),
        (PACKED, r"\.(?:qweight|weight_packed)\Z"),
        (
            BUFFERS,
            r"(?:^|\.)(?:e_score_correction_bias|expert_bias|inv_freq|original_inv_freq|attn\.bias|masked_bias"
            r"|slope_rate|query_decay|key_decay|diagonal_decay)\Z",
        ),
    )
)
_MARK_OF_PREDICTION = re.compile(r"(?:eh_proj|enorm|hnorm|shared_head)\.")

PACKED_DTYPES = frozenset({"U8", "I16", "U16", "I32", "U32", "I64", "U64", "BOOL"})
"""Dtypes of weights only where several values are packed into one element. I8 is one value."""


def beside(name: str) -> str | None:
    """Why a tensor of that name is no parameter of the main model, or nothing if its name does not say so."""
    return next((what for what, pattern in _BESIDE if pattern.search(name)), None)


def layer_of(name: str) -> tuple[bool, int, str] | None:
    """Whether a tensor is in an encoder, the number of its layer, and its name there; nothing if in no layer."""
    match = _LAYER.fullmatch(name)
    if match is None:
        return None
    return "encoder." in match["stem"], int(match["number"]), match["rest"]


def op_in_layer(rest: str) -> str | None:
    """The op of a tensor with that name in its layer."""
    return next((op for op, pattern in _IN_LAYER if pattern.fullmatch(rest)), None)


def op_outside(name: str) -> str | None:
    """The op of a tensor in no layer."""
    return next((op for op, pattern in _OUTSIDE if pattern.fullmatch(name)), None)


def marks_prediction(rest: str) -> bool:
    """Whether only a layer of multi-token prediction has a tensor with that name in it (arXiv:2412.19437, sec. 2.2)."""
    return _MARK_OF_PREDICTION.match(rest) is not None


def corrects_router(name: str) -> bool:
    """Whether a tensor balances a router's choices: a buffer in most families, a parameter in some."""
    return name.endswith((".e_score_correction_bias", ".expert_bias"))


def in_blocks(name: str) -> bool:
    """Whether a tensor of U8 holds MXFP4, two values of 4 bits in each byte, as gpt-oss stores its experts."""
    return name.endswith("_blocks")
