"""BitNet b1.58 in PyTorch, with gradients straight through the rounding (arXiv:2402.17764, sec. 2)."""

from typing import Any

from torch.nn.functional import rms_norm


def ternary(w: Any, abreast: int = 1) -> Any:
    """Each of the matrices that share the columns of w [..., m, n], by the mean of its magnitudes."""
    parts = w.unflatten(-1, (abreast, -1))
    mean = parts.abs().mean(dim=(-3, -1), keepdim=True).clamp(min=1e-5)
    return _straight_through((parts / mean).round().clamp(-1, 1) * mean, parts).flatten(-2)


def rounded(x: Any) -> Any:
    """Each row of x, normalised, to 255 levels."""
    normed = rms_norm(x, x.shape[-1:], None, 1e-6)
    level = normed.abs().amax(dim=-1, keepdim=True).clamp(min=1e-5) / 127
    return _straight_through((normed / level + (0.5 + 2**-12)).floor() * level, normed)


def _straight_through(value: Any, x: Any) -> Any:
    return x + (value - x).detach()
