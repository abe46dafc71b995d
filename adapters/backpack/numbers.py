"""Backpack's names and times, one value at a time. Pure.

What cannot be right raises `ValueError`; whoever decoded the message says where it came from.
"""

from datetime import UTC, datetime, timedelta

from adapters.models import Symbol, VenueSymbol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
