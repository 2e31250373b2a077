"""How a layer is run, which its design leaves open."""

from dataclasses import dataclass
from fractions import Fraction

from parity.design import LARGEST_INTEGER, MoELayer, shown
from parity.errors import InputError
from parity.precision import Precision, precision_named


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A batch and how it is computed.

    Raises:
        InputError: a number is not one of those accepted, or there is no such precision.
    """

    tokens: int = 8192
    """Of the whole batch, over all devices."""
    precision: str = "bfloat16"
    """A name of `parity.precision.PRECISIONS`."""
    ep: int = 1
    """Devices that tokens and experts are spread over."""
    capacity_factor: Fraction | None = None
    """Slots of an expert over its rows under balanced routing (arXiv:2101.03961, eq. 3); None drops nothing."""
    tile: int = 128
    """Rows that a product of an expert is rounded up to a multiple of."""

    def __post_init__(self) -> None:
        for name in ("tokens", "ep", "tile"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= LARGEST_INTEGER:
                raise InputError(f"{name}={shown(value)}: accepted are integers from 1 to {LARGEST_INTEGER}")
        if self.capacity_factor is not None and not 0 < self.capacity_factor <= LARGEST_INTEGER:
            raise InputError(f"capacity_factor={self.capacity_factor}: accepted are numbers above 0, such as 1.25")
        precision_named(self.precision)

    @property
    def format(self) -> Precision:
        """The precision itself."""
        return precision_named(self.precision)

    def check(self, name: str, layer: MoELayer) -> None:
        """Check that the layer of that name can be run so.

        Raises:
            InputError: there are more devices than experts.
        """
        experts = layer.pools * layer.num_experts
        if self.ep > experts:
            raise InputError(
                f"ep={self.ep} exceeds the {experts} experts of {shown(name)}: accepted is at most as many"
            )


def parse_factor(name: str, text: str) -> Fraction:
    """A positive decimal number, exactly.

    Raises:
        InputError: `text` is something else.
    """
    whole, _, part = text.partition(".")
    if text.isascii() and (whole + part).isdigit() and len(text) <= 40 and 0 < Fraction(text) <= LARGEST_INTEGER:
        return Fraction(text)
    raise InputError(f"{name}={shown(text)}: accepted are decimal numbers above 0, such as 1.25")
