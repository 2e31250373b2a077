"""How the configs of each family spell an MoE layer, and what its router does; read in transformers 5.24."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

GROUPED = {"n_group": 1, "topk_group": 1, "routed_scaling_factor": 1.0}
"""Experts are chosen among all, and gates are not scaled."""


@dataclass(frozen=True)
class Form:
    """One family: the names of its fields, and what it always does."""

    experts: str
    hidden: str = "moe_intermediate_size"
    top_k: str = "num_experts_per_tok"
    shared: str | None = None
    """The field with the number of shared experts as wide as a routed one."""
    shared_width: str | None = None
    """The field with the width of its one shared expert."""
    always_shared: bool = False
    """Whether there is a shared expert in any case."""
    scores: Literal["softmax", "sigmoid"] = "softmax"
    renormalizes: bool | None = None
    """Whether gates are divided by their sum; None where `norm_topk_prob` says so."""
    activation: str = "hidden_act"
    gated: bool = True
    latent: str | None = None
    """The field with the width of the latent space of the experts."""
    also: Mapping[str, Any] = field(default_factory=dict)
    """Further fields, which keep the router to what is said here."""


_MIXTRAL = Form("num_local_experts", hidden="intermediate_size", renormalizes=True)
_OLMOE = Form("num_experts", hidden="intermediate_size")
_DEEPSEEK = Form("n_routed_experts", shared="n_shared_experts", scores="sigmoid", also=GROUPED)

FORMS: Mapping[str, Form] = {
    "deepseek_v2": Form(
        "n_routed_experts", shared="n_shared_experts", renormalizes=False, also={**GROUPED, "topk_method": "greedy"}
    ),
    "deepseek_v3": _DEEPSEEK,
    "dots1": _DEEPSEEK,
    "exaone_moe": Form("num_experts", shared="num_shared_experts", scores="sigmoid", also=GROUPED),
    "flex_olmo": _OLMOE,
    "glm4_moe": _DEEPSEEK,
    "glm4_moe_lite": _DEEPSEEK,
    "granitemoe": _MIXTRAL,
    "granitemoeshared": Form(
        "num_local_experts", hidden="intermediate_size", shared_width="shared_intermediate_size", renormalizes=True
    ),
    "minimax": _MIXTRAL,
    "minimax_m2": Form("num_local_experts", hidden="intermediate_size", scores="sigmoid", renormalizes=True),
    "mixtral": _MIXTRAL,
    "nemotron_h": Form(
        "n_routed_experts",
        shared_width="moe_shared_expert_intermediate_size",
        always_shared=True,
        scores="sigmoid",
        activation="mlp_hidden_act",
        gated=False,
        latent="moe_latent_size",
        also={**GROUPED, "n_shared_experts": 1, "mlp_bias": False},
    ),
    "olmoe": _OLMOE,
    "qwen3_moe": Form("num_experts"),
    "solar_open": _DEEPSEEK,
}
"""The families whose MoE layer has no parameters beside those of a design."""
