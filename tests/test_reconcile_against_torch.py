"""What is predicted of FlopCounterMode is what it counts of models and layers that run."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given

from parity import MoELayer
from parity.models import import_config
from parity.reconcile import reconcile
from tests.examples import examples
from tests.strategies import layers

torch = pytest.importorskip("torch")
linear = torch.nn.functional.linear

TOKENS, BATCH = 7, 2


@contextmanager
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def counted(run: Callable[[], Any], without: str = "") -> int:
    """The FLOPs of a run, less those of the modules with this in their name."""
    from torch.utils.flop_counter import FlopCounterMode

    with one_thread(), FlopCounterMode(display=False) as counter:
        run()
    inside = [sum(ops.values()) for name, ops in counter.get_flop_counts().items() if without and without in name]
    return int(counter.get_total_flops() - sum(inside))


def predicted(design: Any, sequence_length: int | None = None) -> dict[str, int]:
    """Forward FLOPs per token by the product that experts run on."""
    found = [one for one in reconcile(design, sequence_length) if one.counter.startswith("torch")]
    return {one.counter.partition(", ")[2] or "mm": int(one.total or 0) for one in found}


def weight(*shape: int) -> Any:
    return torch.randn(*shape, requires_grad=True)


def feed(x: Any, w_in: Any, w_out: Any, *, gated: bool) -> Any:
    """A gated or ungated feed-forward block; weights are inputs by outputs."""
    hidden = x @ w_in
    if gated:
        gate, up = hidden.chunk(2, -1)
        return (torch.nn.functional.silu(gate) * up) @ w_out
    return hidden.relu() @ w_out


def moe(x: Any, layer: MoELayer, router: Any, w_in: Any, w_out: Any, seen: Any, *, grouped: bool) -> Any:
    """Rows [n, w] through their top-k of the experts: one product an expert, or one for all."""
    if router is None:
        return feed(x, w_in[0], w_out[0], gated=layer.gated)
    gates, chosen = (seen @ router).softmax(-1).topk(layer.top_k)
    order = chosen.flatten().argsort(stable=True)
    rows = x.repeat_interleave(layer.top_k, 0)[order]
    sizes = chosen.flatten().bincount(minlength=layer.num_experts)
    if grouped:
        ends = sizes.cumsum(0).to(torch.int32)
        hidden = torch._grouped_mm(rows.bfloat16(), w_in.bfloat16(), offs=ends)
        hidden = hidden[:, : w_out.shape[1]].relu()
        out = torch._grouped_mm(hidden, w_out.bfloat16(), offs=ends).float()
    else:
        parts = rows.split(sizes.tolist())
        out = torch.cat([feed(r, w_in[e], w_out[e], gated=layer.gated) for e, r in enumerate(parts)])
    combined = torch.zeros_like(x)
    return combined.index_add(0, order // layer.top_k, out * gates.flatten()[order, None])


def run_layer(layer: MoELayer, x: Any, *, grouped: bool = False) -> Any:
    """A forward pass of the layer over tokens [n, d_model], whose experts may be all of one pool or of one a head."""
    n, h, w, matrices = len(x), layer.heads, layer.d_sub_token, 2 if layer.gated else 1
    t = linear(x, weight(layer.d_latent, layer.d_model)) if layer.head_layer else x
    seen_width = layer.d_model if layer.router_input == "token" else w
    outputs = []
    sub_tokens = t.view(n, h, w)
    pools = [sub_tokens[:, i] for i in range(h)] if layer.expert_pool == "per_head" else [sub_tokens.reshape(n * h, w)]
    for rows in pools:
        router = weight(seen_width, layer.num_experts) if layer.num_experts > 1 else None
        w_in = weight(layer.num_experts, w, matrices * layer.d_expert)
        w_out = weight(layer.num_experts, layer.d_expert, w)
        seen = x if layer.router_input == "token" else rows
        outputs.append(moe(rows, layer, router, w_in, w_out, seen, grouped=grouped))
    merged = torch.stack(outputs, 1) if len(pools) > 1 else outputs[0]
    y = merged.reshape(n, layer.d_latent)
    if layer.merge_layer:
        y = linear(y, weight(layer.d_model, layer.d_latent))
    for _ in range(layer.num_shared_experts):
        w_in, w_out = weight(layer.d_model, matrices * layer.d_shared), weight(layer.d_shared, layer.d_model)
        y = y + feed(x, w_in, w_out, gated=layer.gated)
    return y


@examples(50)
@given(layers())
def test_a_layer_of_any_kind_counts_as_predicted(layer: MoELayer) -> None:
    assert counted(lambda: run_layer(layer, torch.randn(TOKENS, layer.d_model))) == TOKENS * predicted(layer)["mm"]


def test_grouped_products_count_nothing() -> None:
    layer = MoELayer(d_model=32, heads=2, d_expert=16, num_experts=4, top_k=2, num_shared_experts=1, d_shared=8)
    found = predicted(layer)
    assert found["grouped_mm"] < found["mm"]
    x = torch.randn(TOKENS, 32)
    assert counted(lambda: run_layer(layer, x, grouped=True)) == TOKENS * found["grouped_mm"]


SHAPE = {
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 37,
}
MIXTRAL = {**SHAPE, "intermediate_size": 12, "num_local_experts": 5, "num_experts_per_tok": 2, "sliding_window": None}
CONFIG = {"model_type": "mixtral", **MIXTRAL}


def run_decoder(c: dict[str, Any], *, fused: bool = False) -> Any:
    """A forward pass of a decoder of these shapes, with causal attention by products or in one fused kernel."""
    d, heads, kv = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
    width = d // heads
    table = weight(c["vocab_size"], d)
    x = table[torch.randint(c["vocab_size"], (BATCH, TOKENS))]
    mask = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)
    for _ in range(c["num_hidden_layers"]):
        a = torch.nn.functional.rms_norm(x, (d,), weight(d))
        q, k, v = (
            linear(a, weight(n * width, d)).view(BATCH, TOKENS, n, width).transpose(1, 2) for n in (heads, kv, kv)
        )
        k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
        if fused:
            mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            mixed = (q @ k.transpose(-1, -2) + mask).softmax(-1) @ v
        x = x + linear(mixed.transpose(1, 2).reshape(BATCH, TOKENS, d), weight(d, d))
        m = torch.nn.functional.rms_norm(x, (d,), weight(d)).view(-1, d)
        experts = c["num_local_experts"]
        layer = MoELayer(
            d_model=d, d_expert=c["intermediate_size"], num_experts=experts, top_k=c["num_experts_per_tok"]
        )
        x = x + run_layer(layer, m).view_as(x)
    head = table if c.get("tie_word_embeddings") else weight(c["vocab_size"], d)
    return linear(torch.nn.functional.rms_norm(x, (d,)), head)


@pytest.mark.parametrize("tied", [False, True])
def test_a_decoder_counts_as_predicted_its_masked_scores_and_tied_head_too(tied: bool) -> None:
    config = CONFIG | {"tie_word_embeddings": tied}
    total = predicted(import_config(config), TOKENS)["mm"]
    assert counted(lambda: run_decoder(config)) == BATCH * TOKENS * total


def test_forward_and_backward_are_three_times_forward_where_attention_is_plain_products() -> None:
    total = predicted(import_config(CONFIG), TOKENS)["mm"]
    assert counted(lambda: run_decoder(CONFIG).sum().backward()) == 3 * BATCH * TOKENS * total


def test_the_fused_attention_of_a_cpu_counts_nothing() -> None:
    without_scores = predicted(import_config(CONFIG))["mm"]
    assert counted(lambda: run_decoder(CONFIG, fused=True)) == BATCH * TOKENS * without_scores


QWEN = {**SHAPE, "num_experts": 5, "num_experts_per_tok": 2, "moe_intermediate_size": 8, "intermediate_size": 20}
LATENT = {"q_lora_rank": 9, "kv_lora_rank": 5, "qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "v_head_dim": 7}
DEEPSEEK = {"n_routed_experts": 8, "n_group": 2, "topk_group": 1, "n_shared_experts": 1, "first_k_dense_replace": 1}
DENSE: dict[str, dict[str, Any]] = {
    "gpt2": {"n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 16, "vocab_size": 37},
    "llama": {**SHAPE, "intermediate_size": 20},
}
MOE: dict[str, dict[str, Any]] = {
    "mixtral": MIXTRAL,
    "qwen3_moe": {**QWEN, "head_dim": 8, "mlp_only_layers": [1]},
    "qwen2_moe": {**QWEN, "shared_expert_intermediate_size": 9},
    "deepseek_v3": {**QWEN, **LATENT, **DEEPSEEK, "num_experts": None, "num_key_value_heads": 4},
}
# how transformers runs experts, and the product that this comes to
KERNELS = {"eager": "mm", "batched_mm": "mm", "grouped_mm": "grouped_mm"}
CASES: list[tuple[str, dict[str, str], str]] = [(kind, {}, "mm") for kind in DENSE] + [
    (kind, {"experts_implementation": kernel}, product) for kind in MOE for kernel, product in KERNELS.items()
]


@pytest.mark.parametrize(("kind", "kernel", "product"), CASES)
def test_models_of_transformers_count_as_predicted(kind: str, kernel: dict[str, str], product: str) -> None:
    """But for rotary angles: positions by frequencies, which to the counter is a product of matrices."""
    transformers = pytest.importorskip("transformers")
    fields = {name: value for name, value in (DENSE | MOE)[kind].items() if value is not None}
    config = transformers.AutoConfig.for_model(kind, **fields)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager", **kernel)
    tokens = torch.randint(config.vocab_size, (BATCH, TOKENS))
    with torch.no_grad():
        measured = counted(lambda: model(tokens, use_cache=False), without="rotary")
    assert measured == BATCH * TOKENS * predicted(import_config({"model_type": kind, **fields}), TOKENS)[product]
