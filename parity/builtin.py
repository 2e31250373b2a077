"""Designs that go by a name: the paper's (arXiv:2411.16205, section 3) and both readings of its forerunner."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from parity.design import MoELayer
from parity.family import dense, fine_grained, first_mh_moe, mh_moe, smoe


@dataclass(frozen=True)
class Builtin:
    """A named design and where it is from."""

    design: MoELayer
    source: str


def _with_shared_expert(named: Mapping[str, Builtin]) -> dict[str, Builtin]:
    return {
        f"{name}-shared": Builtin(
            replace(builtin.design, num_shared_experts=1, d_shared=2048),
            builtin.source.replace("table 1", "table 2"),
        )
        for name, builtin in named.items()
    }


_DENSE = {"paper-dense": Builtin(dense(768, 2048), "arXiv:2411.16205, table 1")}
_SPARSE = {
    "paper-smoe": Builtin(smoe(768, 2048, 8), "arXiv:2411.16205, table 1"),
    "paper-fine-grained": Builtin(fine_grained(768, 2048, 8, granularity=2), "arXiv:2411.16205, table 1"),
    "paper-mh-moe-2": Builtin(mh_moe(768, 2, 768, 40, 2), "arXiv:2411.16205, table 1"),
    "paper-mh-moe-3": Builtin(mh_moe(768, 3, 512, 96, 3), "arXiv:2411.16205, table 1"),
}
_FIRST_MH_MOE = {
    "first-mh-moe-own-appendix": Builtin(
        first_mh_moe(768, 4, 256, Fraction(63, 64), "own_appendix"), "arXiv:2404.15045, App. D.1: width 4 beta d"
    ),
    "first-mh-moe-follow-up": Builtin(
        first_mh_moe(768, 4, 256, Fraction(63, 64), "follow_up"), "arXiv:2411.16205, sec. 2.2: width 4 beta h d"
    ),
}

BUILTIN: Mapping[str, Builtin] = _DENSE | _SPARSE | _with_shared_expert(_SPARSE) | _FIRST_MH_MOE
"""Every built-in design by name."""
