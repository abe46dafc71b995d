"""Backpack's numbers, names and times, one value at a time. Pure.

What cannot be right raises `ValueError`; whoever decoded the message says where it came from.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from adapters.models import Symbol, VenueSymbol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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
    """Plain notation without trailing zeros, as the venue's decimal counts want it: never `1E+2`, never `1.50`."""
    text = format(exact(value), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def symbol_of(venue_symbol: str) -> Symbol:
    return Symbol(venue_symbol.replace("_", "-"))


def venue_symbol_of(symbol: Symbol) -> VenueSymbol:
    return VenueSymbol(symbol.replace("-", "_"))


def microseconds(value: int | str) -> int:
    """The engine's milliseconds, or the history's ISO text (UTC, usually without a zone), as microseconds."""
    if isinstance(value, int):
        return value * 1000
    moment = datetime.fromisoformat(value)
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - _EPOCH) // timedelta(microseconds=1)
