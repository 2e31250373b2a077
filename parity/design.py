"""One MoE layer of the family: its numbers, their defaults, and which of them go together.

Every layer here is the same layer with other numbers: dense, sparse (SMoE), fine-grained, multi-head
(MH-MoE), latent, per-head pools. `parity.family` has a named constructor for each.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from parity.errors import InputError

RouterInput = Literal["sub_token", "token"]
ExpertPool = Literal["shared", "per_head"]

LEAST: Mapping[str, int] = {
    "d_model": 1,
    "d_latent": 1,
    "heads": 1,
    "num_experts": 1,
    "top_k": 1,
    "d_expert": 1,
    "num_shared_experts": 0,
    "d_shared": 0,
}
"""The fields that are integers, and the least value of each."""

LARGEST_INTEGER = 2**63 - 1
"""The largest integer accepted as input; results go beyond it."""

SWITCHES = ("gated", "head_layer", "merge_layer", "projection_bias")
"""The fields that are true or false."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "router_input": ("sub_token", "token"),
    "expert_pool": ("shared", "per_head"),
}
"""The fields that are one of a few words."""

MEANING: Mapping[str, str] = {
    "d_model": "Width of a token.",
    "d_latent": "Width between head and merge layers.",
    "heads": "Sub-tokens per token.",
    "num_experts": "Routed experts, in each pool.",
    "top_k": "Experts per sub-token.",
    "d_expert": "Hidden width of one expert.",
    "gated": "Experts of three matrices, as in SwiGLU, or of two.",
    "num_shared_experts": "Always-on experts on the full token.",
    "d_shared": "Hidden width of one shared expert.",
    "head_layer": "Whether tokens are projected before the split.",
    "merge_layer": "Whether sub-tokens are projected back.",
    "projection_bias": "Whether head and merge layers have biases, as in the authors' published code.",
    "router_input": "What the router sees: the sub-token or the whole token.",
    "expert_pool": "One pool of experts that all heads share, or one for each head.",
}
"""What each field is, in a sentence."""

_DERIVED: Any = None  # the default depends on other fields and is filled in on construction


@dataclass(frozen=True, kw_only=True)
class MoELayer:
    """One MoE layer; immutable, and valid once it exists.

    Widths are numbers of features, the rest are counts. A token of width `d_model` is projected to
    `d_latent` by the head layer, split into `heads` sub-tokens of width `d_latent / heads`, each sent
    to `top_k` of `num_experts` experts of hidden width `d_expert`, and merged by the merge layer
    (MH-MoE, arXiv:2411.16205, eqs. 1-5). Shared experts see the whole token.

    Raises:
        InputError: a field is of the wrong type or out of range, or two fields do not go together.
    """

    d_model: int
    d_expert: int
    num_experts: int
    top_k: int
    heads: int = 1
    d_latent: int = _DERIVED
    """By default d_model."""
    gated: bool = True
    """Whether experts have the second input matrix of a gated linear unit (arXiv:2002.05202, eq. 6)."""
    num_shared_experts: int = 0
    d_shared: int = 0
    """Hidden width of each shared expert."""
    head_layer: bool = _DERIVED
    """By default whether heads > 1 or d_latent differs from d_model."""
    merge_layer: bool = _DERIVED
    """By default likewise."""
    router_input: RouterInput = "sub_token"
    """What the router sees: each sub-token, or the whole token (arXiv:2601.18089)."""
    expert_pool: ExpertPool = "shared"
    """One pool of experts and one router, or one of each for every head (arXiv:2602.04870)."""
    projection_bias: bool = False
    """Whether head and merge layers have biases."""

    def __post_init__(self) -> None:
        for name, value in derived(vars(self)).items():
            check_field(name, value)
            object.__setattr__(self, name, value)
        check_together(vars(self))

    @property
    def d_sub_token(self) -> int:
        """Width of one sub-token, d_latent / heads."""
        return self.d_latent // self.heads

    @property
    def pools(self) -> int:
        """Pools of experts: one, or one a head."""
        return self.heads if self.expert_pool == "per_head" else 1

    @property
    def reachable_experts(self) -> int:
        """The most experts that one token can reach, over all pools."""
        return min(self.pools * self.num_experts, self.heads * self.top_k)

    @property
    def projected(self) -> bool:
        """Whether the layer itself has heads or projections, which a design solved from it inherits."""
        return self.heads > 1 or self.head_layer or self.merge_layer

    def to_dict(self) -> dict[str, int | bool | str]:
        """Every field by name, defaults filled in."""
        return asdict(self)


def derived(fields: Mapping[str, Any]) -> dict[str, Any]:
    """All fields, with those filled in whose default depends on others; the others may be symbols.

    The latent is as wide as the token, and projections exist where there are heads or a latent width.
    """
    d_latent = fields["d_model"] if fields["d_latent"] is _DERIVED else fields["d_latent"]
    projected = fields["heads"] != 1 or d_latent != fields["d_model"]
    layers = {name: projected if fields[name] is _DERIVED else fields[name] for name in ("head_layer", "merge_layer")}
    return {**fields, "d_latent": d_latent, **layers}


FIELDS = tuple(field.name for field in fields(MoELayer))
"""The names of all fields, in the order in which they are shown."""

REQUIRED = ("d_model", "d_expert", "num_experts", "top_k")
"""The fields without a default."""


def check_field(name: str, value: object) -> None:
    """Check one field by itself.

    Raises:
        InputError: `value` is not what the field takes.
    """
    if name in LEAST:
        if type(value) is not int or value < LEAST[name]:
            raise InputError(f"{name}={shown(value)}: accepted are integers of at least {LEAST[name]}")
    elif name in SWITCHES:
        if type(value) is not bool:
            raise InputError(f"{name}={shown(value)}: accepted are true and false")
    elif name in CHOICES:
        if value not in CHOICES[name]:
            raise InputError(f"{name}={shown(value)}: accepted are {' and '.join(CHOICES[name])}")
    else:
        plain = name.replace("_", "").lower()
        near = [field for field in FIELDS if field.replace("_", "") == plain]
        hint = f"did you mean {near[0]}? Accepted" if near else "accepted"
        raise InputError(f"{shown(name)} is not a field of a design: {hint} are {', '.join(FIELDS)}")


def check_given(name: str, value: object) -> None:
    """Check one field that comes from outside, where integers have a limit.

    Raises:
        InputError: `value` is not what the field takes, or is larger than `LARGEST_INTEGER`.
    """
    check_field(name, value)
    if name in LEAST and isinstance(value, int) and value > LARGEST_INTEGER:
        raise InputError(f"{name}={shown(value)}: accepted are integers up to {LARGEST_INTEGER}")


def shown(value: object) -> str:
    """The value as an error message shows it: whole if short, cut in the middle if very long."""
    word = {True: "true", False: "false", None: "null"}.get(value) if value is None or type(value) is bool else None
    text = word or printable(value if isinstance(value, str) else _spelled(value))
    return text if len(text) <= 200 else f"{text[:120]}...{text[-40:]} ({len(text):,} characters)"


def _spelled(value: object) -> str:
    """The value as Python spells it, where Python can: not integers of thousands of digits, nor lists ever deeper."""
    try:
        return repr(value)
    except (ValueError, RecursionError):
        what = f"{value.bit_length():,} bits" if isinstance(value, int) else "what is too large or too deep to show"
        return f"{type(value).__name__} of {what}"


def printable(text: str) -> str:
    """The text, with what would move a terminal's cursor or cannot be encoded written as escapes."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def check_together(fields: Mapping[str, Any]) -> None:
    """Check fields against one another, all of them given; where some are symbols, what can be told.

    Raises:
        InputError: two do not go together.
    """
    heads, d_latent, d_model = fields["heads"], fields["d_latent"], fields["d_model"]
    top_k, num_experts, shared = fields["top_k"], fields["num_experts"], fields["num_shared_experts"]
    if _integers(d_latent, heads) and d_latent % heads:
        raise InputError(
            f"heads={heads} does not divide {'d_model' if d_latent == d_model else 'd_latent'}={d_latent}: "
            f"accepted are its divisors, such as {_divisors_near(d_latent, heads)}"
        )
    if _integers(top_k, num_experts) and top_k > num_experts:
        raise InputError(f"top_k={top_k} exceeds num_experts={num_experts}: accepted is a top_k of at most num_experts")
    if d_latent != d_model and not (fields["head_layer"] and fields["merge_layer"]):
        missing = "merge_layer" if fields["head_layer"] else "head_layer"
        raise InputError(
            f"{missing}=false with d_latent={d_latent}: a latent width other than d_model={d_model} needs both "
            "projections; accepted are both, or neither with d_latent=d_model"
        )
    if fields["router_input"] == "token" and heads != 1:
        raise InputError(f"router_input=token with heads={heads}: accepted is heads=1 for a router that sees the token")
    if shared != 0 and fields["d_shared"] == 0:
        raise InputError(f"d_shared=0 with num_shared_experts={shared}: accepted are widths of at least 1")


def _integers(*values: object) -> bool:
    return all(type(value) is int for value in values)


def _divisors_near(width: int, heads: int) -> str:
    """The divisors of `width` around `heads`, as words; only small ones are looked for."""
    within_sight = range(max(1, heads - 64), heads + 64) if heads < width else ()
    near = sorted((d for d in within_sight if width % d == 0), key=lambda d: abs(d - heads))[:2]
    return " and ".join(str(d) for d in sorted(near)) or f"1 and {width}"
