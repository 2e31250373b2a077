"""One small decoder as the engine builds it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from reference.config import MoEConfig
from reference.errors import EngineError

_LEAST = {"vocabulary": 2, "context": 1, "d_model": 2, "num_layers": 1, "attention_heads": 1, "d_ffn": 1}
_CHOICES: dict[str, tuple[object, ...]] = {"bitnet": (True, False), "dtype": ("float32", "float64")}


@dataclass(frozen=True, kw_only=True)
class DecoderConfig:
    """The numbers of a decoder: tied embeddings, rotary attention, and an MoE layer as every second FFN.

    `context` is the longest sequence in tokens. Layers are numbered from 0, and those with odd numbers
    have the MoE layer where there is one (arXiv:2411.16205, sec. 3), the others a gated FFN of width
    `d_ffn`. The trained loss is the cross-entropy plus `balance_coefficient` times the load-balancing losses
    of all MoE layers (arXiv:2101.03961, eq. 4). With `bitnet` every linear layer but router and embeddings
    is quantised (`reference.bitnet`).

    Raises:
        EngineError: a field is of the wrong type or out of range, or two do not go together.
    """

    vocabulary: int
    context: int
    d_model: int
    num_layers: int
    attention_heads: int
    d_ffn: int
    moe: MoEConfig | None = None
    bitnet: bool = False
    balance_coefficient: float = 0.01
    dtype: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if name in _LEAST and (type(value) is not int or value < _LEAST[name]):
                raise EngineError(f"{name}={value!r}: accepted are integers of at least {_LEAST[name]}")
            if name in _CHOICES and not any(type(value) is type(c) and value == c for c in _CHOICES[name]):
                raise EngineError(f"{name}={value!r}: accepted are {', '.join(map(str, _CHOICES[name]))}")
        balance = self.balance_coefficient
        if type(balance) not in (int, float) or not 0 <= balance < float("inf"):
            raise EngineError(f"balance_coefficient={balance!r}: accepted are finite numbers of at least 0")
        if self.d_model % self.attention_heads or self.d_head % 2:
            raise EngineError(
                f"attention_heads={self.attention_heads} with d_model={self.d_model}: accepted are divisors that leave "
                "an even width, as rotary positions turn pairs of features"
            )
        if self.moe is not None:
            self._check_moe(self.moe)

    def _check_moe(self, moe: MoEConfig) -> None:
        if not isinstance(moe, MoEConfig):
            raise EngineError(f"moe is a {type(moe).__name__}: accepted are an MoEConfig and None")
        for name in ("d_model", "dtype", "bitnet"):
            ours, its = getattr(self, name), getattr(moe, name)
            if ours != its:
                raise EngineError(f"{name}={ours!r} with moe.{name}={its!r}: accepted are equal ones")

    @property
    def d_head(self) -> int:
        """Width of an attention head."""
        return self.d_model // self.attention_heads

    @property
    def dense(self) -> MoEConfig:
        """The FFN of layers without an MoE layer: one expert, nothing to route."""
        return MoEConfig(
            d_model=self.d_model, num_experts=1, top_k=1, d_expert=self.d_ffn, bitnet=self.bitnet, dtype=self.dtype
        )

    def moe_of(self, layer: int) -> MoEConfig | None:
        """The MoE layer of this layer, None where it has a dense FFN."""
        return self.moe if layer % 2 else None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter array, by its flat name."""
        return dict(self._shapes())

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        D, F = self.d_model, self.d_ffn
        yield "embedding", (self.vocabulary, D)
        for layer in range(self.num_layers):
            of = f"layers.{layer}"
            yield f"{of}.attention.norm", (D,)
            yield f"{of}.attention.qkv", (D, 3 * D)
            yield f"{of}.attention.out", (D, D)
            moe = self.moe_of(layer)
            yield f"{of}.{'dense' if moe is None else 'moe'}.norm", (D,)
            if moe is None:
                yield f"{of}.dense.w_in", (D, 2 * F)
                yield f"{of}.dense.w_out", (F, D)
            else:
                yield from ((f"{of}.moe.{name}", shape) for name, shape in moe.shapes().items())
        yield "norm", (D,)
