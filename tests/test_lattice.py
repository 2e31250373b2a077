"""Which pairs a lattice holds for each width, and bounds over its boxes, against looking at every pair."""

from fractions import Fraction
from itertools import product

from hypothesis import assume, given
from hypothesis import strategies as st

from parity import Constraints
from parity.lattice import Box, Lattice, Target, lattice
from tests.examples import examples
from tests.test_equations import coefficients

numbers = st.integers(1, 40)
tolerances = st.none() | st.fractions(0, 2) | st.integers(1, 40).map(lambda percent: Fraction(percent, 100))


@st.composite
def lattices(draw: st.DrawFn, among: st.SearchStrategy[Fraction | None]) -> Lattice:
    u = draw(coefficients, label="u")
    any_flops, any_params = st.integers(max(u.f0, 0) + 1, 300), st.integers(u.p0 + 1, 3_000)
    of_a_pair = st.tuples(numbers, numbers).map(lambda pair: (u.flops(*pair), u.params(*pair)))
    flops, params = draw(st.tuples(any_flops, any_params) | of_a_pair, label="target")
    assume(flops > max(u.f0, 0))
    found = lattice(
        u,
        Target(flops, params),
        draw(st.integers(1, 3), label="top_k"),
        Constraints(
            d_expert_multiple_of=draw(st.integers(1, 4)),
            experts_multiple_of=draw(st.integers(1, 4)),
            tolerance=draw(among, label="tolerance"),
        ),
    )
    assert found is not None
    whole = found.whole
    assume((whole.i_high - whole.i_low + 1) * (whole.j_high - whole.j_low + 1) <= 3_000)
    return found


def gaps(points: Lattice, i: int, j: int) -> tuple[int, int]:
    flops, params = points.differences(i, j)
    return abs(flops), abs(params)


@given(lattices(st.none()), st.data())
def test_the_gaps_of_a_box_are_bounds_of_all_its_pairs_and_those_of_a_pair_its_own(
    points: Lattice, data: st.DataObject
) -> None:
    whole = points.whole
    i_low, i_high = sorted(data.draw(st.tuples(*[st.integers(whole.i_low, whole.i_high)] * 2), label="i"))
    j_low, j_high = sorted(data.draw(st.tuples(*[st.integers(whole.j_low, whole.j_high)] * 2), label="j"))
    bounds = points.gaps(Box(i_low, i_high, j_low, j_high))
    for i, j in product(range(i_low, i_high + 1), range(j_low, j_high + 1)):
        flops, params = gaps(points, i, j)
        assert bounds.flops <= flops
        assert bounds.params <= params
        assert points.gaps(Box(i, i, j, j)) == (flops, params)


@examples(300)
@given(lattices(tolerances))
def test_a_width_is_paired_with_the_allowed_experts_nearest_to_parameter_parity(points: Lattice) -> None:
    whole = points.whole
    for i in range(whole.i_low, whole.i_high + 1):
        allowed = [
            j
            for j in range(whole.j_low, whole.j_high + 1)
            if points.allowance is None
            or (gaps(points, i, j)[0] <= points.allowance.flops and gaps(points, i, j)[1] <= points.allowance.params)
        ]
        paired = points.paired(i, i)
        if allowed:
            nearest = min(allowed, key=lambda j: (gaps(points, i, j)[1], j))
            assert paired == Box(i, i, nearest, nearest)
        else:
            assert paired is None


@given(lattices(tolerances), st.data())
def test_the_experts_of_widths_between_two_lie_between_theirs(points: Lattice, data: st.DataObject) -> None:
    whole = points.whole
    i_low, i_high = sorted(data.draw(st.tuples(*[st.integers(whole.i_low, whole.i_high)] * 2), label="i"))
    around = points.paired(i_low, i_high)
    for i in range(i_low, i_high + 1):
        paired = points.paired(i, i)
        if paired is not None:
            assert around is not None
            assert around.j_low <= paired.j_low <= paired.j_high <= around.j_high
