"""The variants of each table of the paper (arXiv:2411.16205), their designs scaled by the solver.

What is at parity with what is in the paper's own tables: rows of tables 1 to 3 with the SMoE of the table; in table 4
the rows without head and merge layers among themselves, and those with them likewise; in table 5 nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from parity.builtin import BUILTIN
from parity.conventions import CONVENTIONS
from parity.cost import cost
from parity.design import MoELayer
from parity.errors import InputError
from parity.experiments.scales import Scale
from parity.family import dense, smoe
from parity.solve import solve

Designs = Mapping[str, MoELayer]


@dataclass(frozen=True)
class Variant:
    """One row of a table."""

    name: str
    """As its folder is named."""
    published_as: str
    """As `parity.paper` names the row."""
    layer: MoELayer
    """Every second FFN; with one expert it is dense."""
    matches: str | None = None
    """The variant whose FLOPs and parameters it is to match."""
    bitnet: bool = False

    @property
    def is_dense(self) -> bool:
        """Whether there is nothing to route."""
        return self.layer.num_experts == 1


@dataclass(frozen=True)
class Suite:
    """The rows of a table, and which of them the others are held against."""

    name: str
    baseline: str
    variants: tuple[Variant, ...]

    def variant(self, name: str) -> Variant:
        """The variant of that name."""
        return next(variant for variant in self.variants if variant.name == name)

    def errors(self, variant: Variant) -> tuple[Fraction, Fraction] | None:
        """FLOPs and parameters of the MoE layer against those of the one it matches, paper convention.

        None where it is to match none. The dense row matches FLOPs only.
        """
        if variant.matches is None:
            return None
        own, other = (cost(v.layer, CONVENTIONS["paper"]) for v in (variant, self.variant(variant.matches)))
        return Fraction(own.flops_per_token, other.flops_per_token) - 1, Fraction(own.params, other.params) - 1


def suite_named(name: str, scale: Scale) -> Suite:
    """The suite of that name at a scale.

    Raises:
        InputError: there is none.
    """
    if name not in SUITES:
        raise InputError(f"suite={name!r}: accepted are {', '.join(SUITES)}")
    return SUITES[name](scale)


def _designs(scale: Scale, *, shared: bool = False) -> Designs:
    """The four MoE designs of table 1, or of table 2."""
    if scale.as_published:
        names = {name: f"paper-{name}{'-shared' if shared else ''}" for name in _LABELS if name != "dense"}
        return {name: BUILTIN[named].design for name, named in names.items()}
    baseline = smoe(scale.d_model, scale.d_ffn, 8)
    if shared:
        baseline = replace(baseline, num_shared_experts=1, d_shared=scale.d_ffn)
    solved = {"fine-grained": (1, 2), "mh-moe-2": (2, 2), "mh-moe-3": (3, 3)}
    return {
        "smoe": baseline,
        **{name: solve(baseline, heads=h, top_k=k).best.design for name, (h, k) in solved.items()},
    }


_LABELS = {
    "dense": "Dense",
    "smoe": "SMoE",
    "fine-grained": "Fine-grained SMoE",
    "mh-moe-2": "MH-MoE (head=2)",
    "mh-moe-3": "MH-MoE (head=3)",
}


def _table(name: str, scale: Scale, suffix: str = "", *, with_dense: bool, bitnet: bool = False) -> Suite:
    designs = _designs(scale, shared=suffix == "-shared")
    if with_dense:
        designs = {"dense": dense(scale.d_model, scale.d_ffn), **designs}
    smoe_name = f"smoe{suffix}"
    return Suite(
        name,
        smoe_name,
        tuple(
            Variant(
                f"{name}{suffix}", _LABELS[name], layer, None if name in ("dense", "smoe") else smoe_name, bitnet=bitnet
            )
            for name, layer in designs.items()
        ),
    )


def _table1(scale: Scale) -> Suite:
    return _table("table1", scale, with_dense=True)


def _table2(scale: Scale) -> Suite:
    return _table("table2", scale, "-shared", with_dense=False)


def _table3(scale: Scale) -> Suite:
    return _table("table3", scale, "-bitnet", with_dense=True, bitnet=True)


def _table4(scale: Scale) -> Suite:
    """The paper does not print the design of its MH-MoE row; this is the one that matches in both groups."""
    designs = _designs(scale)
    two_heads = solve(designs["smoe"], heads=2, top_k=2, head_layer=False, merge_layer=False).best.design
    plain = {"smoe": designs["smoe"], "fine-grained": designs["fine-grained"], "mh-moe-2": two_heads}
    return Suite(
        "table4",
        "smoe-without",
        tuple(
            Variant(
                f"{name}-{word}",
                f"{_LABELS[name]}, {word} head and merge layers",
                replace(layer, head_layer=projected, merge_layer=projected),
                None if name == "smoe" else f"smoe-{word}",
            )
            for name, layer in plain.items()
            for word, projected in (("without", False), ("with", True))
        ),
    )


def _table5(scale: Scale) -> Suite:
    layer = _designs(scale)["mh-moe-2"]
    rows = {
        "neither": ("neither", False, False),
        "head": ("head layer only", True, False),
        "merge": ("merge layer only", False, True),
        "both": ("both", True, True),
    }
    return Suite(
        "table5",
        "both",
        tuple(
            Variant(name, published_as, replace(layer, head_layer=head, merge_layer=merge))
            for name, (published_as, head, merge) in rows.items()
        ),
    )


SUITES: Mapping[str, Callable[[Scale], Suite]] = {
    "table1": _table1,
    "table2": _table2,
    "table3": _table3,
    "table4": _table4,
    "table5": _table5,
}
"""How each suite is made for a scale."""
