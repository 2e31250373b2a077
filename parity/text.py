"""Numbers as people read them. Exact values go in; rounding happens here and nowhere before."""

from decimal import ROUND_CEILING, Decimal, localcontext
from fractions import Fraction

SIGNIFICANT_DIGITS = 12


def decimal(value: Fraction | Decimal, digits: int = SIGNIFICANT_DIGITS, rounding: str | None = None) -> str:
    """`value` to so many significant digits, trailing zeros dropped, correctly rounded."""
    with localcontext(prec=digits) as context:
        if rounding:
            context.rounding = rounding
        rounded = +value if isinstance(value, Decimal) else Decimal(value.numerator) / Decimal(value.denominator)
        text = f"{rounded:f}" if -12 <= rounded.adjusted() <= 20 else f"{rounded.normalize():e}"
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def percent(share: Fraction) -> str:
    """A share as a signed percentage: `+3.125%`; an exact zero has no sign."""
    return f"{'+' if share > 0 else ''}{decimal(share * 100, 4)}%"


def percent_at_least(share: Fraction) -> str:
    """A percentage without its sign, rounded up, so that a tolerance of it admits the share."""
    return decimal(share * 100, 4, ROUND_CEILING)


def integer(value: int) -> str:
    """With thousands separators: `9,437,184`."""
    return f"{value:,}"


def counted(value: int, what: str, ending: str = "s") -> str:
    """A number of things: `1 head`, `2 heads`, and with the ending `es` `2 boxes`."""
    return f"{integer(value)} {what}{'' if value == 1 else ending}"


def number(value: Fraction | Decimal) -> str:
    """An integer in full, anything else to twelve digits, both with thousands separators."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return integer(value.numerator)
    whole, point, part = decimal(value).partition(".")
    return f"{integer(int(whole))}{point}{part}" if whole.isdigit() else decimal(value)


def flag(name: str, value: object = None) -> str:
    """A parameter as the command line spells it: `--max-experts 8`."""
    word = "--" + name.replace("_", "-")
    return word if value is None else f"{word} {value}"
