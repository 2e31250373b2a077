"""Certificates to check, those with something altered, and what cli.md says of them, written again."""

import hashlib
import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache
from random import Random
from typing import Any

from hypothesis import strategies as st

from parity import Constraints, MoELayer
from parity.certificate import Claim, certify, scale_that_fits
from parity.certificate.claim import Fixed
from parity.search import Prefer
from tests.models.mutations import HUGE, LARGE, SMALL, WRONG
from tests.strategies import CONVENTIONS, constraints, layers

Path = tuple[str | int, ...]
Alteration = Callable[[Any], Any]

SMOE = MoELayer(d_model=24, d_expert=64, num_experts=8, top_k=1)
MH_MOE = MoELayer(d_model=24, heads=3, d_expert=16, num_experts=96, top_k=3)
SHARED = MoELayer(d_model=24, d_expert=32, num_experts=8, top_k=2, num_shared_experts=1, d_shared=16)
PRIME = MoELayer(d_model=2**31 - 1, d_expert=2**31 - 1, num_experts=8, top_k=1)

EXAMPLES = {
    "best": Claim(
        baseline=SMOE, design=MH_MOE, constraints=Constraints(experts_multiple_of=8, d_expert_multiple_of=4), tokens=4
    ),
    "not the best": Claim(baseline=SMOE, design=MH_MOE, convention="matmul", prefer="balanced", tokens=3),
    "against constraints": Claim(
        baseline=SHARED,
        design=SHARED,
        convention="scalar",
        fixed="d_expert",
        constraints=Constraints(ep=3, tp=2, max_experts=7, profile="bf16"),
        scale_down=2,
    ),
    "nothing feasible": Claim(
        baseline=SMOE, design=MoELayer(d_model=512, d_latent=24, d_expert=1, num_experts=4, top_k=2), tokens=1
    ),
    "not executed": Claim(baseline=SMOE, design=PRIME, scale_down=None),
}
"""A claim for each kind of certificate."""


NUMBERS = (*SMALL, *LARGE[:-1])
"""Some that can be written."""


@cache
def _example(name: str) -> dict[str, Any]:
    return certify(EXAMPLES[name])


def example(name: str) -> dict[str, Any]:
    """The certificate of that example."""
    return deepcopy(_example(name))


def serialized(content: Any) -> bytes:
    """Sorted keys, separators `,` and `:`, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signed(certificate: dict[str, Any]) -> bytes:
    """The certificate with the digest that it should have."""
    rest = {name: part for name, part in certificate.items() if name != "digest"}
    return serialized(rest | {"digest": hashlib.sha256(serialized(rest)).hexdigest()})


def paths(content: Any, path: Path = ()) -> Iterator[Path]:
    """Where everything is, down to the leaves, outside `informative` and `digest`."""
    parts = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, part in parts:
        if path or name not in ("informative", "digest"):
            yield (*path, name)
            yield from paths(part, (*path, name))


def at(content: Any, path: Path) -> Any:
    for name in path:
        content = content[name]
    return content


def with_part(content: Any, path: Path, value: Any) -> Any:
    """A copy with another value there."""
    copy = deepcopy(content)
    at(copy, path[:-1])[path[-1]] = value
    return copy


def without_part(content: Any, path: Path) -> Any:
    """A copy with nothing there."""
    copy = deepcopy(content)
    del at(copy, path[:-1])[path[-1]]
    return copy


def other_values(value: Any) -> list[Any]:
    """Values of the same kind and of other kinds, all of them different in JSON."""
    others: list[Any] = [None, True, False, 0, 1, -1, 2**64, "", "0", [], {}, 0.5]
    if type(value) is int:
        others += [value + 1, value - 1, -value, 2 * value, value + 2**63]
        others += [float(value), str(value)] if abs(value) < 2**64 else []
    if isinstance(value, str):
        others += [f"{value} ", f"-{value}", value.upper(), value[:-1], value.replace("1", "2"), f"{value}/1", [value]]
    if isinstance(value, list):
        others += [[*value, 0], value[:-1], [*value, *value], value[::-1]]
    if isinstance(value, dict):
        others += [list(value), list(value.values())]
    return [other for other in others if json.dumps(other) != json.dumps(value)]


@st.composite
def claims(draw: st.DrawFn) -> Claim:
    """Claims of any two layers, near to parity or not."""
    design = draw(layers(), label="design")
    baseline = draw(layers() | st.just(design), label="baseline")
    fixed: Fixed | None = draw(st.sampled_from((None, None, "d_expert", "num_experts")))
    prefer: Prefer = draw(st.sampled_from(("flops", "balanced")))
    tokens = draw(st.integers(1, 6))
    return Claim(
        baseline=baseline,
        design=design,
        convention=draw(st.sampled_from(CONVENTIONS)),
        prefer=prefer,
        fixed=fixed,
        constraints=draw(constraints(design.d_sub_token), label="constraints"),
        tokens=tokens,
        scale_down=scale_that_fits(design, tokens),
    )


def damaged(certificate: dict[str, Any], random: Random) -> bytes:
    """The certificate with a few parts changed, dropped or swapped, and mostly signed again; or with bad bytes."""
    for _ in range(random.randint(1, 3)):
        where = list(paths(certificate))
        path, other = random.choice(where), random.choice(where)
        match random.randrange(5):
            case 0 if len(where) > 1:
                certificate = without_part(certificate, path)
            case 1:
                certificate = with_part(certificate, path, random.choice(WRONG))
            case 2:
                certificate = with_part(certificate, path, random.choice(NUMBERS))
            case 3:
                certificate = with_part(certificate, path, deepcopy(at(certificate, other)))
            case _:
                certificate = with_part(certificate, path, random.choice(other_values(at(certificate, path))))
    if random.randrange(8) == 0:
        certificate = with_part(certificate, random.choice(list(paths(certificate))), random.choice(HUGE))
    try:
        data = signed(certificate)
    except (ValueError, RecursionError):  # what has no digest, or is no JSON
        data = _spelled(certificate)
    if random.randrange(8) == 0:
        place = random.randrange(len(data))
        data = data[:place] + random.randbytes(random.randrange(4)) + data[place + random.randrange(4) :]
    return data


def _spelled(content: Any) -> bytes:
    """As JSON where Python can, however wrong; else brackets as deep."""
    try:
        return json.dumps(content).encode()
    except ValueError:
        return b'{"form":' + b"9" * 5000 + b"}"
    except RecursionError:
        return b'{"form":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
