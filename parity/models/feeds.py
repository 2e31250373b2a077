"""Feed-forward blocks: dense ones, and MoE layers with what they have beside the ledger's ops."""

from parity.design import MoELayer
from parity.models.description import Block, Part, join, linear, vector
from parity.models.reading import Config


def dense(width: int, hidden: int, *, gated: bool = True, bias: bool = False) -> Block:
    """A dense feed-forward block of two matrices, or of three if gated."""
    return Block(
        join(
            linear("dense", "gate", width, hidden, bias=bias) if gated else (),
            linear("dense", "up", width, hidden, bias=bias),
            linear("dense", "down", hidden, width, bias=bias),
        ),
        dense=MoELayer(d_model=width, d_expert=hidden, num_experts=1, top_k=1, gated=gated),
    )


def routed(
    c: Config,
    *,
    experts: str | tuple[str, ...],
    hidden: str = "moe_intermediate_size",
    top_k: str = "num_experts_per_tok",
    shared: int = 0,
    d_shared: int | None = None,
    shared_gate: bool = False,
    more: tuple[Part, ...] = (),
) -> Block:
    """An MoE layer whose numbers stand in the fields of these names; that of the experts may have several.

    `shared` experts are as wide as a routed one unless `d_shared` says otherwise. `shared_gate` is a sigmoid gate,
    one number a token. `more` are parts beside these, such as biases.
    """
    d_expert = c.integer(hidden)
    layer = MoELayer(
        d_model=c.integer("hidden_size"),
        num_experts=c.integer(*((experts,) if isinstance(experts, str) else experts)),
        top_k=c.integer(top_k),
        d_expert=d_expert,
        num_shared_experts=shared,
        d_shared=(d_expert if d_shared is None else d_shared) if shared else 0,
    )
    gate = linear("shared_gate", "shared expert gate", layer.d_model, 1) if shared_gate else ()
    return moe(layer, join(gate, more))


def moe(layer: MoELayer, more: tuple[Part, ...] = ()) -> Block:
    """An MoE layer and parts beside it. A released model has a router even where it has one expert to send to."""
    router = linear("router", "router", layer.d_model, 1) if layer.num_experts == 1 else ()
    return Block(join(router, more), layer=layer)


def norms(width: int, count: int, *, bias: bool = False) -> Block:
    """So many norms around the blocks of a layer."""
    return Block(
        tuple(
            part
            for number in range(1, count + 1)
            for part in (
                vector("norms", f"norm {number}", width),
                *((vector("norms", f"norm {number} bias", width),) if bias else ()),
            )
        )
    )
