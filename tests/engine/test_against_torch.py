"""The layer and its losses, written for PyTorch from the papers' equations: same outputs, gradients and FLOPs.

MH-MoE is arXiv:2411.16205, eqs. 1-5; the losses are those of Switch (arXiv:2101.03961, eqs. 4-6) and
ST-MoE (arXiv:2202.08906, eq. 5).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import MoEConfig, backward, forward, tally
from reference.losses import load_balancing_backward, load_balancing_forward, z_loss_backward, z_loss_forward
from tests.engine.strategies import Array, Call, assert_all_close, assert_close, calls
from tests.examples import examples

torch: Any = pytest.importorskip("torch")
flop_counter: Any = pytest.importorskip("torch.utils.flop_counter")

RELATIVE = 1e-10
WEIGHTS = st.sampled_from((0.0, 1.0, -0.5))


class Pool(NamedTuple):
    """One router and its experts, and the sub-tokens that go there."""

    router: Any | None
    w_in: Any
    w_out: Any
    rows: slice


def pools(p: dict[str, Any], config: MoEConfig) -> Iterator[Pool]:
    """All pools; a head's own one takes every h-th sub-token."""
    router = p.get("router")
    if config.expert_pool == "shared":
        yield Pool(router, p["w_in"], p["w_out"], slice(None))
        return
    for head in range(config.heads):
        own = None if router is None else router[head]
        yield Pool(own, p["w_in"][head], p["w_out"][head], slice(head, None, config.heads))


def ffn(x: Any, w_in: Any, w_out: Any, config: MoEConfig) -> Any:
    """FFN(x) = (act(x W_gate) * x W_up) W_out, or act(x W_in) W_out."""
    act = {"silu": torch.nn.functional.silu, "gelu": torch.nn.functional.gelu, "relu": torch.relu}[config.activation]
    if not config.gated:
        return act(x @ w_in) @ w_out
    w_gate, w_up = w_in.chunk(2, dim=1)
    return (act(x @ w_gate) * (x @ w_up)) @ w_out


def routed(sub: Any, seen: Any, pool: Pool, config: MoEConfig) -> tuple[Any, Any, Any]:
    """Sum over the chosen experts of gate * FFN for each sub-token, the logits, and how many chose each expert."""
    if pool.router is None:
        return ffn(sub, pool.w_in[0], pool.w_out[0], config), None, None
    logits = seen @ pool.router
    probabilities = logits.softmax(dim=1)
    chosen = logits.sort(dim=1, descending=True, stable=True).indices[:, : config.top_k]
    gates = probabilities.gather(1, chosen)
    if config.renormalize and config.top_k > 1:
        gates = gates / gates.sum(dim=1, keepdim=True)
    out = torch.zeros_like(sub)
    for expert in range(config.num_experts):
        token, choice = torch.where(chosen == expert)
        value = ffn(sub[token], pool.w_in[expert], pool.w_out[expert], config)
        out = out.index_add(0, token, gates[token, choice, None] * value)
    return out, logits, chosen


def layer(p: dict[str, Any], x: Any, config: MoEConfig) -> tuple[Any, list[tuple[Any, Any]]]:
    """y, and of each pool the logits and the choices."""
    latent = x @ p["head"] if config.head_layer else x  # eq. 1
    sub = latent.reshape(len(x) * config.heads, config.d_sub_token)  # eq. 2
    seen = x if config.router_input == "token" else sub
    out, decisions = torch.zeros_like(sub), []
    for pool in pools(p, config):  # eqs. 3 and 4
        out[pool.rows], *decision = routed(sub[pool.rows], seen[pool.rows], pool, config)
        decisions.append((decision[0], decision[1]))
    merged = out.reshape(len(x), config.d_latent)
    y = merged @ p["merge"] if config.merge_layer else merged  # eq. 5
    for w_in, w_out in zip(p.get("shared_in", ()), p.get("shared_out", ()), strict=True):
        y = y + ffn(x, w_in, w_out, config)
    return y, decisions


def losses(logits: Any, chosen: Any) -> tuple[Any, Any]:
    """The load-balancing loss and the router z-loss of one pool."""
    num_experts = logits.shape[1]
    share = torch.stack([(chosen == expert).double().mean() for expert in range(num_experts)])
    balance = num_experts * (share * logits.softmax(dim=1).mean(dim=0)).sum()
    return balance, (logits.logsumexp(dim=1) ** 2).mean()


def as_torch(call: Call) -> tuple[dict[str, Any], Any, Any]:
    params = {name: torch.tensor(array, requires_grad=True) for name, array in call.params.items()}
    return params, torch.tensor(call.x, requires_grad=True), torch.tensor(call.dy)


def gradients(total: Any, params: dict[str, Any], x: Any) -> dict[str, Array]:
    leaves = {"dx": x, **params}
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return {name: grad.numpy() for name, grad in zip(leaves, grads, strict=True)}


@examples(100)
@given(calls())
def test_outputs_and_every_gradient_are_those_of_autograd(call: Call) -> None:
    params, x, dy = as_torch(call)
    y, _ = layer(params, x, call.config)
    expected = {"y": y.detach().numpy(), **gradients((y * dy).sum(), params, x)}
    assert_all_close(call.run(), expected, RELATIVE)


@examples(60)
@given(calls(tokens=st.integers(1, 12)), WEIGHTS, WEIGHTS)
def test_losses_and_every_gradient_with_them_are_those_of_autograd(call: Call, balance: float, z: float) -> None:
    config, (params, x, dy) = call.config, as_torch(call)
    y, decisions = layer(params, x, config)
    expected = [losses(*decision) for decision in decisions if config.routed]
    total = (y * dy).sum() + sum(balance * one + z * other for one, other in expected)

    cache, dlogits = forward(call.params, call.x, config)[1], None
    if cache.routing:
        own = [cache.routing[pool :: config.pools] for pool in range(config.pools)]
        assert_close(
            np.array([[load_balancing_forward(each), z_loss_forward(each)] for each in own]),
            np.array([[one.item(), other.item()] for one, other in expected]),
            RELATIVE,
        )
        dlogits = np.empty_like(cache.routing.probabilities)
        for pool, each in enumerate(own):
            dlogits[pool :: config.pools] = load_balancing_backward(balance, each) + z_loss_backward(z, each)
    dx, grads = backward(call.params, call.dy, cache, config, dlogits)
    assert_all_close({"dx": dx, **grads}, gradients(total, params, x), RELATIVE)


@examples(40)
@given(calls())
def test_flops_are_those_that_torch_counts_forward_and_backward(call: Call) -> None:
    params, x, dy = as_torch(call)
    with flop_counter.FlopCounterMode(display=False) as of_forward:
        total = (layer(params, x, call.config)[0] * dy).sum()
    with flop_counter.FlopCounterMode(display=False) as of_backward:
        gradients(total, params, x)
    with tally() as counted:
        call.run()
    assert counted.flops(half="forward") == of_forward.get_total_flops()
    assert counted.flops(half="backward") == of_backward.get_total_flops()
