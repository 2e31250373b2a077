"""What a design must satisfy besides parity, as multiples and bounds of the two unknowns."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from math import lcm

from parity.errors import InputError

PROFILES: Mapping[str, int] = {"none": 1, "bf16": 8, "fp8": 16, "mxfp8": 32, "tile128": 128}
"""What `d_expert / tp` and the sub-token width are multiples of, for hardware to multiply them fast."""


MULTIPLES_AND_BOUNDS = ("experts_multiple_of", "d_expert_multiple_of", "ep", "tp", "max_experts")
"""The constraints that are integers of at least 1, those that are multiples with 1 as their default."""

MEANING: Mapping[str, str] = {
    "experts_multiple_of": "num_experts is a multiple of this.",
    "d_expert_multiple_of": "d_expert is a multiple of this.",
    "ep": "Expert-parallel ranks; divides num_experts.",
    "tp": "Tensor-parallel ranks; divides d_expert.",
    "max_experts": "The most experts (in each pool).",
    "tolerance": "The largest |error| allowed, in percent, on both costs.",
    "profile": "Hardware: d_expert / tp and the sub-token width are multiples of "
    + ", ".join(f"{multiple} ({name})" for name, multiple in PROFILES.items())
    + ".",
}
"""What each constraint is, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Constraints:
    """Constraints on the integers; those on experts hold for each pool.

    Raises:
        InputError: a multiple or bound below 1, a negative tolerance, or an unknown profile.
    """

    experts_multiple_of: int = 1
    """Divides num_experts."""
    d_expert_multiple_of: int = 1
    """Divides d_expert."""
    ep: int = 1
    """Expert-parallel ranks; divides num_experts."""
    tp: int = 1
    """Tensor-parallel ranks; divides d_expert."""
    max_experts: int | None = None
    """The most experts; None sets no bound."""
    tolerance: Fraction | None = None
    """The largest |error| allowed, as a fraction of the baseline, inclusive, on FLOPs and on parameters."""
    profile: str = "none"
    """A name of `PROFILES`, whose number divides d_expert / tp and the width of a sub-token."""

    def __post_init__(self) -> None:
        for name in MULTIPLES_AND_BOUNDS:
            value = getattr(self, name)
            if name == "max_experts" and value is None:
                continue
            if type(value) is not int or value < 1:
                raise InputError(f"{name}={value!r}: accepted are integers of at least 1")
        if self.tolerance is not None and (type(self.tolerance) not in (int, Fraction) or self.tolerance < 0):
            raise InputError(f"tolerance={self.tolerance!r}: accepted are fractions of at least 0")
        if self.profile not in PROFILES:
            raise InputError(f"profile={self.profile!r}: accepted are {', '.join(PROFILES)}")

    def in_force(self) -> list[str]:
        """The names of the constraints that constrain."""
        return [field.name for field in fields(self) if getattr(self, field.name) != field.default]

    def without(self, name: str) -> "Constraints":
        """The same, less the constraint of that name."""
        return replace(self, **{name: getattr(Constraints, name)})

    @property
    def alignment(self) -> int:
        """What the profile wants the sub-token width and `d_expert / tp` to be multiples of."""
        return PROFILES[self.profile]

    @property
    def width_step(self) -> int:
        """Allowed d_expert are the multiples of this."""
        return lcm(self.d_expert_multiple_of, self.tp * self.alignment)

    @property
    def experts_step(self) -> int:
        """Allowed num_experts are the multiples of this."""
        return lcm(self.experts_multiple_of, self.ep)
