"""What a certificate is about: two designs and what is asked about them. All else in it follows from this."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from parity.constraints import Constraints
from parity.design import MoELayer
from parity.problem import Problem, state
from parity.search import Prefer

FORM = 1
"""The form of certificates that is written and read here."""

Fixed = Literal["d_expert", "num_experts"]

DEFAULT_TOKENS = 64
"""Tokens that a design is executed on unless something else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """How close does `design` come to `baseline`, among the designs that the constraints allow?"""

    baseline: MoELayer
    design: MoELayer
    convention: str = "paper"
    prefer: Prefer = "flops"
    """The order in which designs are ranked, as `parity.solve` ranks them."""
    fixed: Fixed | None = None
    """The unknown that was given and not solved for; None where both were solved for."""
    constraints: Constraints = field(default_factory=Constraints)
    tokens: int = DEFAULT_TOKENS
    """The design is executed on so many."""
    scale_down: int | None = 1
    """At one so-manieth of its widths; None if it is not executed, being too large at every scale."""

    @cached_property
    def problem(self) -> Problem:
        """The parity problem whose answer the design may be: all of it but its two unknowns is given.

        Raises:
            InputError: a value cannot work.
        """
        given: dict[str, Any] = self.design.to_dict()
        unknowns = {name: given.pop(name) for name in ("d_expert", "num_experts")}
        return state(
            self.baseline,
            convention=self.convention,
            prefer=self.prefer,
            constraints=self.constraints,
            **{name: value for name, value in unknowns.items() if name == self.fixed},
            **given,
        )

    def asked(self) -> dict[str, Any]:
        """The claim as a certificate has it, which `parity.certificate.reading` reads."""
        constraints: dict[str, Any] = dict(vars(self.constraints))
        if self.constraints.tolerance is not None:
            constraints["tolerance"] = str(self.constraints.tolerance)
        return {
            "form": FORM,
            "baseline": self.baseline.to_dict(),
            "design": self.design.to_dict(),
            "convention": self.convention,
            "search": {"prefer": self.prefer, "fixed": self.fixed, "constraints": constraints},
            "execution": {"tokens": self.tokens, "scale_down": self.scale_down},
        }

    def statement(self) -> str:
        """The same in one sentence, so that no part of a claim can be altered by itself."""
        asked = self.asked()
        constraints = asked["search"]["constraints"]
        executed = "not executed" if self.scale_down is None else f"executed at 1/{self.scale_down} of its widths"
        return (
            f"How close the MoE layer {_fields(asked['design'])} comes to the MoE layer {_fields(asked['baseline'])} "
            f"under the {self.convention} convention, among the designs with other "
            f"{' and '.join(name for name in ('d_expert', 'num_experts') if name != self.fixed)}, "
            f"by {self.prefer}, with {_fields(constraints)}; {executed}, {self.tokens} tokens; form {FORM}."
        )


def _fields(values: dict[str, Any]) -> str:
    spelled = {True: "true", False: "false", None: "none"}
    return ",".join(f"{name}={spelled[v] if v is None or type(v) is bool else v}" for name, v in values.items())
