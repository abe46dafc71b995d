"""Checks on a venue's decimals, one value at a time. Pure.

What cannot be right raises `ValueError`; whoever decoded the message says where it came from.
"""

from decimal import Decimal

_MAX_MAGNITUDE = 40


def exact(value: Decimal) -> Decimal:
    """The value itself, if it is of sane size: not NaN, not infinite, not a megabyte of digits when written."""
    if not value.is_finite() or abs(value.adjusted()) > _MAX_MAGNITUDE:
        raise ValueError("a decimal that is no sane number")
    return value


def optional(value: Decimal | None) -> Decimal | None:
    return None if value is None else exact(value)


def positive(value: Decimal) -> Decimal:
    if exact(value) <= 0:
        raise ValueError("a price or quantity that is not positive")
    return value


def plain(value: Decimal) -> str:
    """Plain notation without trailing zeros, since venues count decimals: never `1E+2`, never `1.50`."""
    text = format(exact(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
