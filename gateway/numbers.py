"""Decimals of the public API: one grammar in, plain notation out, never through a float. Pure."""

import re
from decimal import ROUND_FLOOR, Context, Decimal

GRAMMAR = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$"
_LONGEST = 40
_MATCHES = re.compile(GRAMMAR, re.ASCII).fullmatch

# Wide enough for the product of two numbers of the grammar, so that nothing is ever rounded on the way.
EXACT = Context(prec=80)


def parse_decimal(text: object) -> Decimal:
    """The number that a decimal string says.

    Raises `ValueError` for anything else: a JSON number, an exponent, a sign, white space, digits of other scripts.
    """
    if not isinstance(text, str) or not is_decimal(text):
        raise ValueError('must be a decimal string such as "0.25": digits, at most 18 on each side of the point')
    return Decimal(text)


def is_decimal(value: object) -> bool:
    """Whether it is a decimal string of the grammar."""
    # The length comes first: a pattern must not be run over megabytes.
    return isinstance(value, str) and len(value) <= _LONGEST and _MATCHES(value) is not None


def plain(value: Decimal) -> str:
    """Plain notation without trailing zeros: `0.00000001`, never `1E-8`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def on_grid(value: Decimal, step: Decimal) -> bool:
    """Whether `value` is a whole multiple of `step`."""
    return EXACT.remainder(value, step) == 0


def neighbours(value: Decimal, step: Decimal) -> tuple[Decimal, Decimal]:
    """The nearest multiples of `step` at or below, and above `value`."""
    below = EXACT.multiply(EXACT.divide(value, step).to_integral_value(ROUND_FLOOR), step)
    return below, EXACT.add(below, step)
