"""The MoE layer in PyTorch on CPU, three ways: what the reference engine is compared with."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn.functional import silu

from benchmarks.torch_bitnet import rounded, ternary
from reference import MoEConfig

Experts = Callable[[Any, Any, Any, Any, MoEConfig], Any]


def layer(
    form: str, params: Mapping[str, np.ndarray], x: np.ndarray, dy: np.ndarray, config: MoEConfig
) -> Callable[[], None]:
    """An action that runs forward and backward once, from the same numbers as the engine."""
    weights = {name: torch.from_numpy(array).requires_grad_() for name, array in params.items()}
    tokens, gradient = torch.from_numpy(x).requires_grad_(), torch.from_numpy(dy)

    def run() -> None:
        for leaf in (tokens, *weights.values()):
            leaf.grad = None
        moe_layer(FORMS[form], weights, tokens, config)[0].backward(gradient)

    return run


def moe_layer(experts: Experts, weights: Mapping[str, Any], x: Any, config: MoEConfig) -> tuple[Any, Any]:
    """y, and the load-balancing loss."""
    enter = _enter(config)
    if config.bitnet:
        halves = {"w_in": 2, "shared_in": 2}
        exact = [name for name, weight in weights.items() if name == "router" or weight.ndim == 1]
        weights = {name: w if name in exact else ternary(w, halves.get(name, 1)) for name, w in weights.items()}
    latent = enter(x) @ weights["head"] + weights.get("head_bias", 0) if config.head_layer else x
    sub = latent.reshape(-1, config.d_sub_token)
    probabilities = torch.softmax(sub @ weights["router"], dim=-1)
    gates, chosen = probabilities.topk(config.top_k, dim=-1)
    if config.renormalize and config.top_k > 1:
        gates = gates / gates.sum(dim=-1, keepdim=True)
    y = experts(enter(sub), gates, chosen, weights, config).reshape(x.shape)
    if config.merge_layer:
        y = enter(y) @ weights["merge"] + weights.get("merge_bias", 0)
    for w_in, w_out in zip(weights.get("shared_in", ()), weights.get("shared_out", ()), strict=True):
        y = y + ffn(enter(x), w_in, w_out, enter)
    share = torch.bincount(chosen.flatten(), minlength=config.num_experts).to(x.dtype) / chosen.numel()
    balance = config.num_experts * (share * probabilities.mean(dim=0)).sum()
    return y, balance


def ffn(x: Any, w_in: Any, w_out: Any, enter: Callable[[Any], Any]) -> Any:
    """(silu(gate) * up) w_out, whose operand is what `enter` makes of it."""
    gate, up = (x @ w_in).chunk(2, dim=-1)
    return enter(silu(gate) * up) @ w_out


def _loop(sub: Any, gates: Any, chosen: Any, weights: Mapping[str, Any], config: MoEConfig) -> Any:
    """For each expert: find its sub-tokens, compute, add."""
    y = torch.zeros_like(sub)
    for expert in range(config.num_experts):
        token, choice = torch.where(chosen == expert)
        out = ffn(sub[token], weights["w_in"][expert], weights["w_out"][expert], _enter(config))
        y = y.index_add(0, token, out * gates[token, choice, None])
    return y


def _sorted(sub: Any, gates: Any, chosen: Any, weights: Mapping[str, Any], config: MoEConfig) -> Any:
    """Sort the choices by expert, split, compute each part, put together."""
    order = chosen.flatten().argsort(stable=True)
    token = order // config.top_k
    parts = sub[token].split(torch.bincount(chosen.flatten(), minlength=config.num_experts).tolist())
    weights_of = zip(weights["w_in"], weights["w_out"], strict=True)
    out = torch.cat([ffn(part, *own, _enter(config)) for part, own in zip(parts, weights_of, strict=True)])
    return torch.zeros_like(sub).index_add(0, token, out * gates.flatten()[order, None])


def _grouped(sub: Any, gates: Any, chosen: Any, weights: Mapping[str, Any], config: MoEConfig) -> Any:
    """The same with PyTorch's grouped product."""
    order = chosen.flatten().argsort(stable=True)
    token = order // config.top_k
    ends = torch.bincount(chosen.flatten(), minlength=config.num_experts).cumsum(0).to(torch.int32)
    gate, up = torch._grouped_mm(sub[token], weights["w_in"], offs=ends).chunk(2, dim=-1)
    out = torch._grouped_mm(_enter(config)(silu(gate) * up), weights["w_out"], offs=ends)
    return torch.zeros_like(sub).index_add(0, token, out * gates.flatten()[order, None])


def _enter(config: MoEConfig) -> Callable[[Any], Any]:
    return rounded if config.bitnet else lambda operand: operand


FORMS: Mapping[str, Experts] = {"loop": _loop, "sorted": _sorted, "grouped": _grouped}
"""The three ways to compute the experts."""
