"""What a frontier can be over: quantities of designs, each to be made small."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from parity.design import MoELayer, shown
from parity.errors import InputError
from parity.lattice import Target
from parity.sweep.evaluator import Columns, Costs, evaluate, less
from parity.sweep.front import Objective, Ratio


@dataclass(frozen=True)
class Evaluated:
    """Designs as columns, and their costs."""

    template: MoELayer
    columns: Columns
    costs: Costs
    target: Target


@dataclass(frozen=True)
class Quantity:
    """A quantity of a design, by the name it has on the command line."""

    meaning: str
    of: Callable[[Evaluated], Objective]


def _router_share(designs: Evaluated) -> Ratio:
    with_router, without = (evaluate(designs.template, designs.columns, name) for name in ("matmul", "paper"))
    return Ratio(with_router.flops_per_token - without.flops_per_token, with_router.flops_per_token)


QUANTITIES: Mapping[str, Quantity] = {
    "flops_error": Quantity("|FLOPs error|", lambda x: abs(less(x.costs.flops_per_token, x.target.flops_per_token))),
    "params_error": Quantity("|parameter error|", lambda x: abs(less(x.costs.params, x.target.params))),
    "flops": Quantity("forward FLOPs per token", lambda x: x.costs.flops_per_token),
    "params": Quantity("parameters", lambda x: x.costs.params),
    "active_params": Quantity("parameters that a token can reach", lambda x: x.costs.active_params),
    "router_share": Quantity("the router's share of the FLOPs, under matmul", _router_share),
}

BOTH_ERRORS = ("flops_error", "params_error")
"""What a frontier is over unless something else is asked for."""


def check_objectives(names: Iterable[str]) -> tuple[str, ...]:
    """The names, if they are objectives.

    Raises:
        InputError: one is not, comes twice, or there are none.
    """
    chosen = tuple(names)
    for name in chosen:
        if name not in QUANTITIES:
            raise InputError(f"objectives={shown(name)}: accepted are {', '.join(QUANTITIES)}")
        if chosen.count(name) > 1:
            raise InputError(f"objectives has {name} twice: accepted is each once")
    if not chosen:
        raise InputError(f"objectives is empty: accepted are {', '.join(QUANTITIES)}")
    return chosen
