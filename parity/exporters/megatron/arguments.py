"""The two files: flags of Megatron-LM for a shell, and the same fields in YAML."""

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from parity.errors import InputError
from parity.exporters.decoder import POSITIONS, VOCABULARY, described
from parity.exporters.megatron.fields import decoder_fields, layer_fields, parallel_fields
from parity.exporters.megatron.pattern import pattern_of
from parity.exporters.plain import check_whole_tokens, refused
from parity.exporters.request import Export, Request
from parity.exporters.versions import MEGATRON_CORE, own_version
from parity.exporters.yaml_text import to_yaml

ARGUMENTS, YAML = "megatron.sh", "megatron.yaml"

FLAGS: Mapping[str, str] = {
    "num_moe_experts": "--num-experts",
    "add_bias_linear": "--disable-bias-linear",
}
"""Flags that are not named as the field is."""

ACTIVATION_FLAGS: Mapping[str, str | None] = {"swiglu": "--swiglu", "gelu": None}
"""GELU is what there is without a flag."""


def export_megatron(request: Request) -> Export:
    """The arguments of the request.

    Raises:
        InputError: Megatron has no such layer, or the experts cannot be divided among `ep` ranks.
    """
    check_expressible(request)
    pattern = pattern_of(request)
    fields = {**decoder_fields(request), **layer_fields(request, pattern)}
    parallel = parallel_fields(request)
    files = {ARGUMENTS: _arguments(request, fields, parallel, pattern), YAML: _yaml(request, fields, parallel)}
    return Export(
        "megatron",
        f"Megatron-Core {MEGATRON_CORE}",
        {name: text.encode() for name, text in files.items()},
        _notes(request),
    )


def check_expressible(request: Request) -> None:
    """Refuse what Megatron's MoE layer cannot be.

    Raises:
        InputError: it cannot be this layer, or `ep` does not divide the experts.
    """
    layer = request.layer
    check_whole_tokens(layer, "Megatron")
    if layer.projection_bias and layer.head_layer:
        raise refused("projection_bias=true", "Megatron's projections have biases only where all its matrices have")
    if layer.num_experts == 1 and (layer.num_shared_experts or layer.head_layer):
        raise refused("num_experts=1 beside other parts", "Megatron's MoE layer always has a router, the design none")
    if layer.gated and request.activation != "silu":
        raise refused(f"activation={request.activation}", "Megatron's flags know SwiGLU only", "silu, or --to torch")
    if not layer.gated and request.how.activation not in (None, "gelu"):
        raise refused(f"activation={request.activation}", "Megatron's flags have it not", "gelu, or --to torch")
    if layer.num_experts % request.ep:
        raise InputError(
            f"ep={request.ep} does not divide num_experts={layer.num_experts}: accepted are "
            f"{_divisors(layer.num_experts)}"
        )


def _notes(request: Request) -> tuple[str, ...]:
    layer = request.layer
    notes = [
        f"{ARGUMENTS}: source it and give pretrain_gpt.py ${{PARITY_ARGS[@]}}; {YAML}: the same as fields of "
        "TransformerConfig, in the sections that --yaml-cfg has."
    ]
    if layer.num_experts > 1:
        notes.append(f"--expert-model-parallel-size may be {_divisors(layer.num_experts)}: it divides the experts.")
    if not layer.gated and request.how.activation is None:
        notes.append(
            "The reference's experts of two matrices have ReLU, for which Megatron has no flag: this has GELU."
        )
    if layer.head_layer:
        notes.append("A latent space needs Transformer Engine.")
    if request.model is None:
        notes.append(described(layer))
    return tuple(notes)


def _divisors(number: int) -> str:
    small = [str(d) for d in range(1, min(number, 1024) + 1) if number % d == 0]
    return ", ".join(small)


def _arguments(request: Request, fields: Mapping[str, Any], parallel: Mapping[str, Any], pattern: str | None) -> str:
    words = _flags({**fields, **parallel, **_outside(request)}, pattern)
    lines = "\n".join(f"    {word}" for word in words)
    comment = "\n".join(f"# {line}" for line in _comment().splitlines())
    return f"{comment}\nPARITY_ARGS=(\n{lines}\n)\n"


def _outside(request: Request) -> dict[str, Any]:
    """What Megatron-LM has beside the fields of TransformerConfig."""
    if request.model is not None:
        return {}
    return {
        "position_embedding_type": "rope",
        "max_position_embeddings": POSITIONS,
        "vocab_size": VOCABULARY,
        "untie_embeddings_and_output_weights": True,
    }


def _flags(fields: Mapping[str, Any], pattern: str | None) -> Iterator[str]:
    for name, value in fields.items():
        if name == "activation_func":
            flag = ACTIVATION_FLAGS[value]
            if flag:
                yield flag
        elif name == "moe_layer_freq":
            yield f"--moe-layer-freq {shlex.quote(str(pattern))}"
        else:
            flag = FLAGS.get(name, "--" + name.replace("_", "-"))
            yield flag if isinstance(value, bool) else f"{flag} {value}"


def _yaml(request: Request, fields: Mapping[str, Any], parallel: Mapping[str, Any]) -> str:
    content = {"language_model": fields, "model_parallel": parallel, **_outside(request)}
    return to_yaml(content, _comment())


def _comment() -> str:
    return (
        f"Written by parity {own_version()}, checked with Megatron-Core {MEGATRON_CORE}.\n"
        "What the design determines and what it silently requires; training, data and precision are yours."
    )
