"""The decoder in PyTorch on CPU, eager: what a training step of the reference engine is compared with.

Its MoE layers are those of `benchmarks/torch_layers.py`.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as f

from benchmarks.torch_layers import FORMS, moe_layer
from reference.decoder_config import DecoderConfig

Weights = Mapping[str, Any]


class TorchDecoder:
    """The same decoder, from the same numbers, with the optimizer's state."""

    def __init__(self, params: Mapping[str, np.ndarray], config: DecoderConfig, form: str) -> None:
        self.config, self.form = config, form
        self.weights = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
        d_head, context = config.d_head, config.context
        frequency = 10000.0 ** (-torch.arange(0, d_head, 2, dtype=torch.float64) / d_head)
        angle = torch.arange(context, dtype=torch.float64)[:, None] * frequency
        self.cos, self.sin = (part.to(torch.float32) for part in (angle.cos(), angle.sin()))
        decayed = [weight for weight in self.weights.values() if weight.ndim > 1]
        others = [weight for weight in self.weights.values() if weight.ndim == 1]
        groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.95), eps=1e-8, fused=True)

    def step(self, tokens: Any, targets: Any) -> float:
        """One step of training."""
        self.optimizer.zero_grad()
        loss, balance = self.losses(tokens, targets)
        (loss + self.config.balance_coefficient * balance).backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), 1.0)
        self.optimizer.step()
        return float(loss.detach())

    def losses(self, tokens: Any, targets: Any) -> tuple[Any, Any]:
        """Cross-entropy, and the sum of the load-balancing losses."""
        w, config = self.weights, self.config
        x = f.embedding(tokens, w["embedding"])
        balance = torch.zeros(())
        for layer in range(config.num_layers):
            of, moe = f"layers.{layer}", config.moe_of(layer)
            x = x + self._attention(of, self._norm(x, f"{of}.norm_attention"))
            normed = self._norm(x, f"{of}.norm_ffn").flatten(0, 1)
            if moe is None:
                gate, up = (normed @ w[f"{of}.dense.w_in"]).chunk(2, dim=-1)
                y = (f.silu(gate) * up) @ w[f"{of}.dense.w_out"]
            else:
                prefix = f"{of}.moe."
                own = {name.removeprefix(prefix): weight for name, weight in w.items() if name.startswith(prefix)}
                y, own_balance = moe_layer(FORMS[self.form], own, normed, moe)
                balance = balance + own_balance
            x = x + y.view_as(x)
        logits = self._norm(x, "norm").flatten(0, 1) @ w["embedding"].T
        return f.cross_entropy(logits, targets.flatten()), balance

    def _norm(self, x: Any, name: str) -> Any:
        return f.rms_norm(x, x.shape[-1:], self.weights[name], 1e-6)

    def _attention(self, of: str, x: Any) -> Any:
        sequences, length, width = x.shape
        heads = self.config.attention_heads
        qkv = (x @ self.weights[f"{of}.attention.qkv"]).view(sequences, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind()
        q, k = self._turned(q), self._turned(k)
        y = f.scaled_dot_product_attention(q, k, v, is_causal=True)
        return y.transpose(1, 2).reshape(sequences, length, width) @ self.weights[f"{of}.attention.out"]

    def _turned(self, x: Any) -> Any:
        length = x.shape[2]
        cos, sin, even, odd = self.cos[:length], self.sin[:length], x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
