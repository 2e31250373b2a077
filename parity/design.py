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

SWITCHES = ("gated", "head_layer", "merge_layer")
"""The fields that are true or false."""

CHOICES: Mapping[str, tuple[str, ...]] = {
    "router_input": ("sub_token", "token"),
    "expert_pool": ("shared", "per_head"),
}
"""The fields that are one of a few words."""

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
    d_latent: int = _DERIVED  # d_model
    gated: bool = True
    num_shared_experts: int = 0
    d_shared: int = 0
    head_layer: bool = _DERIVED  # whether heads > 1 or d_latent != d_model
    merge_layer: bool = _DERIVED  # likewise
    router_input: RouterInput = "sub_token"
    expert_pool: ExpertPool = "shared"

    def __post_init__(self) -> None:
        for name, value in derived(vars(self)).items():
            check_field(name, value)
            object.__setattr__(self, name, value)
        _check_together(self)

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
        raise InputError(f"{shown(name)} is not a field of a design: accepted are {', '.join(FIELDS)}")


def shown(value: object) -> str:
    """The value as an error message shows it: whole if short, cut in the middle if very long."""
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return text if len(text) <= 200 else f"{text[:120]}...{text[-40:]} ({len(text):,} characters)"


def _check_together(layer: MoELayer) -> None:
    if layer.d_latent % layer.heads:
        width = "d_latent" if layer.d_latent != layer.d_model else "d_model"
        raise InputError(
            f"heads={layer.heads} does not divide {width}={layer.d_latent}: "
            f"accepted are its divisors, such as {_divisors_near(layer.d_latent, layer.heads)}"
        )
    if layer.top_k > layer.num_experts:
        raise InputError(
            f"top_k={layer.top_k} exceeds num_experts={layer.num_experts}: accepted is a top_k of at most num_experts"
        )
    if layer.d_latent != layer.d_model and not (layer.head_layer and layer.merge_layer):
        missing = "merge_layer" if layer.head_layer else "head_layer"
        raise InputError(
            f"{missing}=false with d_latent={layer.d_latent}: a latent width other than "
            f"d_model={layer.d_model} needs both projections"
        )
    if layer.router_input == "token" and layer.heads > 1:
        raise InputError(f"router_input=token with heads={layer.heads}: a router that sees the token needs heads=1")
    if bool(layer.num_shared_experts) != bool(layer.d_shared):
        raise InputError(
            f"num_shared_experts={layer.num_shared_experts} with d_shared={layer.d_shared}: "
            "accepted are both at least 1, or both 0"
        )


def _divisors_near(width: int, heads: int) -> str:
    """The divisors of `width` around `heads`, as words; only small ones are looked for."""
    within_sight = range(max(1, heads - 64), heads + 64) if heads < width else ()
    near = sorted((d for d in within_sight if width % d == 0), key=lambda d: abs(d - heads))[:2]
    return " and ".join(str(d) for d in sorted(near)) or f"1 and {width}"
