"""What the tests of the audit share: costs by formulas written from the papers, and claims written to a file."""

import json
import tempfile
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from parity.audit import Finding, audit, read_claims

Costs = Mapping[str, int]


def findings(entries: list[dict[str, Any]]) -> list[Finding]:
    """The findings on claims that were written to a file first, as a stranger would."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(entries, file)
        file.flush()
        return audit(read_claims(file.name))


def finding(**entry: Any) -> Finding:
    (found,) = findings([{"id": "a stranger's", **entry}])
    return found


def costs(fields: Mapping[str, Any], convention: str) -> Costs:
    """FLOPs per token, parameters and active parameters of a layer, from the table of one layer family.

    Only what the claims need: one pool of experts, no biases.
    """
    d, m, experts, k = (fields[name] for name in ("d_model", "d_expert", "num_experts", "top_k"))
    heads, latent = fields.get("heads", 1), fields.get("d_latent", fields["d_model"])
    matrices = 3 if fields.get("gated", True) else 2
    shared, width = fields.get("num_shared_experts", 0), fields.get("d_shared", 0)
    projected = heads > 1 or latent != d
    projections = int(fields.get("head_layer", projected)) + int(fields.get("merge_layer", projected))
    sees = d if fields.get("router_input") == "token" else latent // heads
    router = sees * experts if experts > 1 and convention == "matmul" else 0
    once = projections * d * latent + matrices * shared * d * width + router
    one_expert = matrices * (latent // heads) * m
    # Each sub-token is routed; a router that sees the token has one head.
    flops = 2 * (projections * d * latent + matrices * (k * latent * m + shared * d * width) + heads * router)
    if convention == "scalar":  # the first of the products added up is no addition: one less for each output
        outputs_of_experts = k * ((matrices - 1) * heads * m + latent)
        outputs_of_shared = shared * ((matrices - 1) * width + d)
        outputs = outputs_of_experts + outputs_of_shared
        outputs += latent if fields.get("head_layer", projected) else 0
        outputs += d if fields.get("merge_layer", projected) else 0
        flops -= outputs
    return {
        "flops": flops,
        "params": once + experts * one_expert,
        "active_params": once + min(experts, heads * k) * one_expert,
    }


def ratios(design: Mapping[str, Any], baseline: Mapping[str, Any], convention: str) -> dict[str, Fraction]:
    ours, theirs = costs(design, convention), costs(baseline, convention)
    return {name: Fraction(ours[name], theirs[name]) for name in ours}


def holds(claims: list[str], design: Mapping[str, Any], baseline: Mapping[str, Any], convention: str) -> bool:
    found = ratios(design, baseline, convention)
    return all(found["flops"] <= 1 if claimed == "flops at most" else found[claimed] == 1 for claimed in claims)
