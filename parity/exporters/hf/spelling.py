"""A layer in the words of a family, or why the family cannot say it."""

from collections.abc import Iterator
from typing import Any

from parity.exporters.hf.forms import Form
from parity.exporters.request import Request


def why_not(request: Request, form: Form) -> str | None:
    """What of the layer the family cannot express, if anything."""
    return next(_lacking(request, form), None)


def _lacking(request: Request, form: Form) -> Iterator[str]:
    layer, width = request.layer, request.shared_width
    if layer.num_experts == 1:
        yield "num_experts=1, which has no router where the family always has one"
    if layer.gated != form.gated:
        yield f"gated={str(layer.gated).lower()}, where its experts have {'three matrices' if form.gated else 'two'}"
    if layer.head_layer and form.latent is None:
        yield f"d_latent={layer.d_latent} behind projections, which it lacks"
    if layer.projection_bias and layer.head_layer:
        yield "projection_bias=true, where its projections have no biases of their own"
    if width and form.shared is None and form.shared_width is None:
        yield f"num_shared_experts={layer.num_shared_experts}, which it lacks"
    if not width and form.always_shared:
        yield "num_shared_experts=0, where it always has a shared expert"
    if width and form.shared and width % layer.d_expert:
        yield (
            f"num_shared_experts={layer.num_shared_experts} of d_shared={layer.d_shared}, where its shared experts are "
            f"together a multiple of d_expert={layer.d_expert} wide"
        )
    if form.renormalizes is True and layer.top_k == 1:
        yield "top_k=1, where it divides the chosen gates by their sum: one gate is 1 and its router never learns"
    elif form.renormalizes is not None and form.renormalizes != request.renormalize and layer.top_k > 1:
        yield f"gates {'not ' if form.renormalizes else ''}divided by their sum, where it always {_does(form)}"


def _does(form: Form) -> str:
    return "does so" if form.renormalizes else "leaves them as they are"


def fields_of(request: Request, form: Form) -> dict[str, Any]:
    """The fields of the family's config that say what the layer is."""
    layer, width = request.layer, request.shared_width
    fields: dict[str, Any] = {
        form.experts: layer.num_experts,
        form.top_k: layer.top_k,
        form.hidden: layer.d_expert,
        form.activation: request.activation,
        **form.also,
    }
    if form.renormalizes is None:
        fields["norm_topk_prob"] = request.renormalize
    if form.shared:
        fields[form.shared] = width // layer.d_expert
    if form.shared_width:
        fields[form.shared_width] = width
    if form.latent:
        fields[form.latent] = layer.d_latent if layer.head_layer else None
    return fields


def what_differs(form: Form) -> tuple[str, ...]:
    """What the family's router does otherwise than the reference, which no field can change and no count shows."""
    if form.scores == "softmax":
        return ()
    return (
        "Its router scores experts with a sigmoid, where parity's reference takes the softmax over all: shapes and "
        "costs are the same, outputs are not.",
    )
