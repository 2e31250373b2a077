"""A whole model to match: its totals, and what surrounds the MoE layers that are solved for."""

from dataclasses import dataclass

from parity.cost import Cost, Row


@dataclass(frozen=True)
class WholeModel:
    """What a model comes to, and the model that a design is put into: so many layers of it, and the rest.

    All under the matmul convention, FLOPs forward per token.
    """

    flops_per_token: int
    params: int
    active_params: int
    layers: int
    """How many layers of the design's model are MoE layers, at least 1."""
    rest: Row
    """All of the design's model but its MoE layers."""

    def around(self, layer: Cost) -> Cost:
        """What the model costs whose MoE layers each cost `layer`."""
        rows = (
            Row(r.op, self.layers * r.flops_per_token, self.layers * r.params, self.layers * r.active_params)
            for r in layer.rows
        )
        return Cost(layer.convention, (*rows, self.rest))
