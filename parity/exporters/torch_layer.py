"""`torch`: one file with the layer as a module, which needs nothing but PyTorch."""

from importlib.resources import files
from textwrap import fill

from parity.design import MoELayer
from parity.exporters.request import Export, Request
from parity.exporters.sections import rendered
from parity.exporters.versions import TORCH, own_version

FILE = "layer.py"
WIDTH = 88
"""Columns of the file, which suit the usual settings of formatters."""

CALLED = {"silu": "functional.silu", "gelu": "functional.gelu", "relu": "functional.relu"}


def export_torch(request: Request) -> Export:
    """The layer of the request; every design can be written."""
    layer = request.layer
    text = rendered(
        files("parity").joinpath("exporters/layer.template").read_text("utf-8"), _sections(request), _values(request)
    )
    notes = [f"{FILE}: class MoELayer, parameters named and shaped as the reference layer's."]
    if layer.num_experts > 1:
        notes.append("After a forward, load_balancing_loss holds the loss to add, 1 when balanced.")
    return Export("torch", f"PyTorch {TORCH}", {FILE: text.encode()}, tuple(notes))


def _sections(request: Request) -> list[str]:
    """The names of the template's sections that this layer needs."""
    layer = request.layer
    routed, own_pools = layer.num_experts > 1, layer.expert_pool == "per_head"
    split = layer.heads > 1 and not own_pools
    there = {
        "projected": layer.projected,
        "heads": layer.heads > 1,
        "routed": routed,
        "shared": layer.num_shared_experts > 0,
        "head_layer": layer.head_layer,
        "head_bias": layer.head_layer and layer.projection_bias,
        "plain_head": layer.head_layer and not layer.projection_bias,
        "merge_layer": layer.merge_layer,
        "merge_bias": layer.merge_layer and layer.projection_bias,
        "plain_merge": layer.merge_layer and not layer.projection_bias,
        "biased": layer.projection_bias and (layer.head_layer or layer.merge_layer),
        "gated": layer.gated,
        "own_pools": own_pools,
        "split": split,
        "dense": not routed and not own_pools,
        "own_dense": not routed and own_pools,
        "joined": split or own_pools,
        "renormalize": request.renormalize,
    }
    return [name for name, is_there in there.items() if is_there]


def _values(request: Request) -> dict[str, object]:
    layer = request.layer
    own_pools = layer.expert_pool == "per_head"
    width = "D_LATENT" if layer.projected else "D_MODEL"
    sub = "D_SUB" if layer.heads > 1 else width
    latent = "latent" if layer.head_layer else "tokens"
    heads = "HEADS" if layer.heads > 1 else "1"
    payload = "sub" if own_pools or layer.heads > 1 else latent
    experts = "NUM_EXPERTS" if layer.num_experts > 1 else "1"
    pool = [heads] if own_pools else []
    inputs = "2 * " if layer.gated else ""
    letters = ["h"] if own_pools else []
    small = "H" if layer.heads > 1 else "L" if layer.projected else "D"
    seen = "D" if layer.router_input == "token" else small
    by_token = layer.router_input == "token" and not own_pools
    return {
        **layer.to_dict(),
        "title": _title(layer),
        "legend": _legend(layer),
        "version": own_version(),
        "torch": TORCH,
        "activation": CALLED[request.activation],
        "heads_name": heads,
        "width": width,
        "letter": "L" if layer.projected else "D",
        "sub": sub,
        "latent": latent,
        "payload": payload,
        "seen": _seen(layer, payload),
        "over_pools": ", the mean over heads" if layer.heads > 1 and own_pools else "",
        "choice_shape": "[T, h, k]" if own_pools else "[T, k]" if by_token or layer.heads == 1 else "[N, k]",
        "rows_shape": "[T, h, H]" if own_pools else "[N, H]" if layer.heads > 1 else f"[T, {small}]",
        "router_shape": _bracketed(*letters, seen, "E"),
        "w_in_shape": _bracketed(*letters, "E", small, "2F" if layer.gated else "F"),
        "w_out_shape": _bracketed(*letters, "E", "F", small),
        "router": ", ".join([*pool, "D_MODEL" if layer.router_input == "token" else sub, "NUM_EXPERTS"]),
        "w_in": ", ".join([*pool, experts, sub, f"{inputs}D_EXPERT"]),
        "w_out": ", ".join([*pool, experts, "D_EXPERT", sub]),
        "shared_in": f"NUM_SHARED, D_MODEL, {inputs}D_SHARED",
        "shared_out": "NUM_SHARED, D_SHARED, D_MODEL",
    }


def _seen(layer: MoELayer, payload: str) -> str:
    """What the router sees, in the shape that its choices have."""
    if layer.router_input == "sub_token":
        return payload
    return "tokens.reshape(-1, 1, D_MODEL)" if layer.expert_pool == "per_head" else "tokens"


def _bracketed(*letters: str) -> str:
    return f"[{', '.join(letters)}]"


def _title(layer: MoELayer) -> str:
    if layer.num_experts == 1:
        return "A feed-forward layer" if layer.heads == 1 else "A multi-head feed-forward layer"
    kinds = [("multi-head", layer.heads > 1), ("latent", layer.d_latent != layer.d_model)]
    kind = ", ".join(word for word, is_it in kinds if is_it)
    return f"A {kind} Mixture-of-Experts layer" if kind else "A Mixture-of-Experts layer"


def _legend(layer: MoELayer) -> str:
    said = ["T tokens of width D"]
    if layer.projected:
        said.append("latent L = heads h times H, N = T h sub-tokens" if layer.heads > 1 else "latent L")
    elif layer.expert_pool == "per_head":
        said.append("one head h")
    if layer.num_experts > 1:
        said.append(f"E experts{' in a pool' if layer.expert_pool == 'per_head' else ''}, k of them for each")
        said.append("R choices in all")
    said.append("F hidden units")
    return fill(f"Legend: {', '.join(said)}.", WIDTH)
