"""Encoders with decoders: T5 and Switch Transformers. One token goes through each."""

from collections.abc import Iterable
from typing import Literal

from parity.design import MoELayer
from parity.models.description import Block, Layers, Model, Part, Placed, Sees, vector, where
from parity.models.families.common import lm_head
from parity.models.feeds import dense, moe, norms
from parity.models.mixers import heads
from parity.models.reading import Config

Stack = Literal["encoder", "decoder"]


def switch_moe(c: Config) -> Block:
    """Experts of two matrices, one for each token (arXiv:2101.03961)."""
    experts = c.integer("num_experts")
    c.unused("router_dtype", "router_ignore_padding_tokens", "router_type", "add_router_probs")
    layer = MoELayer(
        d_model=c.integer("d_model"), d_expert=c.integer("d_ff"), num_experts=experts, top_k=1, gated=False
    )
    bias = c.switch("router_bias", default=False)
    return moe(layer, (vector("router", "router bias", experts),) if bias else ())


def switch_transformers(c: Config) -> Model:
    """Switch Transformers (arXiv:2101.03961): every so many blocks are MoE."""
    c.only("feed_forward_proj", "relu", absent="relu")
    c.unused("dense_act_fn")
    plain = dense(c.integer("d_model"), c.integer("d_ff"), gated=False)
    encoder = c.integer("num_layers")
    layers: dict[Stack, int] = {
        "encoder": encoder,
        "decoder": c.integer_or_null("num_decoder_layers") or encoder,
    }
    feeds = [feed for stack, total in layers.items() for feed in _sparse(c, stack, total, switch_moe(c), plain)]
    return _model(c, "Switch Transformers", layers, feeds)


def t5(c: Config) -> Model:
    """T5 (arXiv:1910.10683)."""
    kind = c.word("feed_forward_proj", ("relu", "gated-gelu", "gated-silu", "gelu", "silu"), default="relu")
    c.unused("dense_act_fn", "is_gated_act")
    plain = dense(c.integer("d_model"), c.integer("d_ff"), gated=kind.startswith("gated"))
    encoder = c.integer("num_layers")
    layers: dict[Stack, int] = {"encoder": encoder, "decoder": c.integer("num_decoder_layers", default=encoder)}
    return _model(c, "T5", layers, [Placed(plain, Layers(range(n)), stack) for stack, n in layers.items()])


def _sparse(c: Config, stack: Stack, layers: int, sparse: Block, plain: Block) -> Iterable[Placed]:
    """MoE in layer 1 and each so many after it; in all if that is each."""
    count = c.integer(f"num_sparse_{stack}_layers")
    if count > layers:
        raise c.wrong(f"num_sparse_{stack}_layers", count, f"integers up to the {layers} layers of the {stack}")
    step = layers // count
    c.only(f"{stack}_sparse_step", step, absent=step)
    inside, outside = where(layers, range(0 if step == 1 else 1, layers, step))
    return Placed(sparse, inside, stack), Placed(plain, outside, stack)


def _model(c: Config, family: str, layers: dict[Stack, int], feeds: Iterable[Placed]) -> Model:
    width, vocabulary = c.integer("d_model"), c.integer("vocab_size")
    c.only("tie_word_embeddings", True, absent=True)
    c.only("add_cross_attention", False, absent=False)
    c.unused("relative_attention_max_distance", "n_positions")
    blocks = [Placed(Block((Part("embedding", "embedding", (vocabulary, width)),)))]
    for stack, total in layers.items():
        all_layers = Layers(range(total))
        buckets = Part("positions", "relative positions", (c.integer("relative_attention_num_buckets"), _heads(c)))
        blocks += [
            Placed(Block((buckets,)), stack=stack),
            Placed(_attention(c, "all" if stack == "encoder" else "before"), all_layers, stack),
            *([Placed(_attention(c, "all"), all_layers, stack)] if stack == "decoder" else []),
            Placed(norms(width, 3 if stack == "decoder" else 2), all_layers, stack),
            Placed(norms(width, 1), stack=stack),
        ]
    head = Placed(lm_head(width, vocabulary, tied=True))
    return Model(family, sum(layers.values()), (*blocks, *feeds, head), tied=True)


def _heads(c: Config) -> int:
    n: int = c.integer("num_heads")
    return n


def _attention(c: Config, sees: Sees) -> Block:
    return heads(c.integer("d_model"), _heads(c), _heads(c), c.integer("d_kv"), sees=sees)
