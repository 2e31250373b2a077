"""The decoder in PyTorch on CPU, eager: what a training step of the reference engine is compared with.

Its MoE layers are those of `benchmarks/torch_layers.py`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch.nn import functional as f

from benchmarks.torch_bitnet import rounded, ternary
from benchmarks.torch_layers import FORMS, ffn, moe_layer
from reference.decoder_config import DecoderConfig
from reference.train import TrainConfig


class TorchDecoder:
    """The same decoder, from the same numbers, with its optimizer."""

    def __init__(self, params: Mapping[str, np.ndarray], config: DecoderConfig, train: TrainConfig, form: str) -> None:
        self.config, self.train, self.form = config, train, form
        self.weights = {name: torch.tensor(array, requires_grad=True) for name, array in params.items()}
        frequency = 10000.0 ** (-torch.arange(0, config.d_head, 2, dtype=torch.float64) / config.d_head)
        angle = torch.arange(config.context, dtype=torch.float64)[:, None] * frequency
        self.cos, self.sin = (part.to(getattr(torch, config.dtype)) for part in (angle.cos(), angle.sin()))
        matrices = [weight for weight in self.weights.values() if weight.ndim > 1]
        others = [weight for weight in self.weights.values() if weight.ndim == 1]
        groups = [{"params": matrices, "weight_decay": train.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=train.betas, eps=train.eps, fused=True)

    def step(self, tokens: np.ndarray, learning_rate: float) -> float:
        """One step of training on tokens [B, N + 1]: the loss before it."""
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.zero_grad()
        cross_entropy, balance = self.losses(torch.from_numpy(tokens))
        loss = cross_entropy + self.config.balance_coefficient * balance
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights.values(), self.train.clip_norm)
        self.optimizer.step()
        return float(loss.detach())

    def losses(self, tokens: Any) -> tuple[Any, Any]:
        """Cross-entropy of tokens [B, N + 1], and the sum of the load-balancing losses."""
        w, config = self.weights, self.config
        x = f.embedding(tokens[:, :-1], w["embedding"])
        balance = torch.zeros((), dtype=x.dtype)
        for layer in range(config.num_layers):
            x = x + self._attention(x, self._part(f"layers.{layer}.attention."))
            moe, kind = config.moe_of(layer), "moe" if config.moe_of(layer) else "dense"
            own = self._part(f"layers.{layer}.{kind}.")
            normed = self._norm(x, own.pop("norm")).flatten(0, 1)
            if moe is None:
                y = ffn(self._enter(normed), self._ternary(own["w_in"], 2), self._ternary(own["w_out"]), self._enter)
            else:
                y, own_balance = moe_layer(FORMS[self.form], own, normed, moe)
                balance = balance + own_balance
            x = x + y.view_as(x)
        logits = self._norm(x, w["norm"]).flatten(0, 1) @ w["embedding"].T
        return f.cross_entropy(logits, tokens[:, 1:].flatten()), balance

    def _part(self, prefix: str) -> dict[str, Any]:
        return {name.removeprefix(prefix): w for name, w in self.weights.items() if name.startswith(prefix)}

    def _norm(self, x: Any, gain: Any) -> Any:
        return f.rms_norm(x, x.shape[-1:], gain, 1e-6)

    def _enter(self, x: Any) -> Any:
        return rounded(x) if self.config.bitnet else x

    def _ternary(self, w: Any, abreast: int = 1) -> Any:
        return ternary(w, abreast) if self.config.bitnet else w

    def _attention(self, x: Any, own: Mapping[str, Any]) -> Any:
        sequences, length, width = x.shape
        normed = self._enter(self._norm(x, own["norm"]))
        qkv = (normed @ self._ternary(own["qkv"], 3)).view(sequences, length, 3, self.config.attention_heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind()
        y = f.scaled_dot_product_attention(self._turned(q), self._turned(k), v, is_causal=True)
        return self._enter(y.transpose(1, 2).reshape(sequences, length, width)) @ self._ternary(own["out"])

    def _turned(self, x: Any) -> Any:
        length = x.shape[2]
        cos, sin, even, odd = self.cos[:length], self.sin[:length], x[..., 0::2], x[..., 1::2]
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
