"""All counters that parity's number is reconciled with."""

from parity.design import MoELayer
from parity.models.description import Model
from parity.reconcile.active import active
from parity.reconcile.flop_counter import flop_counter
from parity.reconcile.megatron import megatron
from parity.reconcile.result import Reconciliation
from parity.reconcile.six_nd import six_nd


def reconcile(design: Model | MoELayer, sequence_length: int | None = None) -> tuple[Reconciliation, ...]:
    """Every counter beside parity's matmul convention, per token.

    Products of attention with the context are left out on both sides unless `sequence_length` is given, in tokens.
    """
    return (
        *six_nd(design, sequence_length),
        megatron(design, sequence_length),
        *flop_counter(design, sequence_length),
        *(active(design) if isinstance(design, Model) else ()),
    )
