"""The designs of an experiment, and how close they come to what they are to match."""

from parity.design import MoELayer
from parity.experiments.model import cost_of_variant
from parity.experiments.scales import Scale
from parity.experiments.suites import Suite
from parity.report.model import Cell, Share, Table
from parity.text import counted, integer


def designs_table(suite: Suite, scale: Scale) -> Table:
    """A row for each variant: its layer, the errors against the one it matches, and what the whole decoder costs."""
    rows: list[tuple[Cell, ...]] = []
    for variant in suite.variants:
        errors = suite.errors(variant)
        priced = cost_of_variant(scale, variant)
        rows.append(
            (
                variant.name,
                layer_in_words(variant.layer),
                variant.matches or "",
                *(map(Share, errors) if errors else (None, None)),
                priced.params,
                _whole(priced.flops_per_token),
            )
        )
    return Table(
        f"{suite.name} at scale {scale.name}: errors of the MoE layer (paper convention); costs of the whole decoder "
        "(matmul convention, attention scores left out)",
        ("variant", "MoE layer", "matches", "FLOPs error", "params error", "parameters", "FLOPs/token"),
        tuple(rows),
        words=frozenset({0, 1, 2}),
    )


def layer_in_words(layer: MoELayer) -> str:
    """As `2 heads, 41 x 96, top-2, shared 256`."""
    if layer.num_experts == 1:
        return f"dense, {integer(layer.d_expert)}"
    words = [f"{layer.num_experts} x {layer.d_expert}", f"top-{layer.top_k}"]
    if layer.heads > 1:
        words.insert(0, counted(layer.heads, "head"))
    if layer.num_shared_experts:
        words.append(f"shared {layer.d_shared}")
    if layer.head_layer != layer.merge_layer:
        words.append("head layer only" if layer.head_layer else "merge layer only")
    elif layer.head_layer != (layer.heads > 1):
        words.append("head and merge" if layer.head_layer else "no head, no merge")
    return ", ".join(words)


def _whole(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101 (products that depend on the context are left out)
    return value
