"""Zanbara's names, times and decimals, one value at a time. Pure.

What cannot be right raises `ValueError`; whoever decoded the message says where it came from. Source:
docs.zanbarax.com, "overview" (`/api-zong-lan/overview`).
"""

import re
from decimal import Decimal

from adapters.common.numbers import plain, positive
from adapters.models import Symbol, VenueSymbol

_VENUE_SYMBOL = re.compile(r"[A-Z0-9]+-PERP", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,8})?", re.ASCII)


def is_symbol(venue_symbol: str) -> bool:
    return _VENUE_SYMBOL.fullmatch(venue_symbol) is not None


def symbol_of(venue_symbol: str) -> Symbol:
    """All markets are perpetuals quoted and settled in USDC, so the venue leaves the quote out of their names."""
    if not is_symbol(venue_symbol):
        raise ValueError(f"no name of a market: {venue_symbol[:40]!r}")
    return Symbol(f"{venue_symbol.removesuffix('-PERP')}-USDC-PERP")


def venue_symbol_of(symbol: Symbol) -> VenueSymbol:
    return VenueSymbol(f"{symbol.removesuffix('-USDC-PERP')}-PERP")


def amount(value: Decimal) -> str:
    """A positive price or quantity as the venue wants it: a string of at most 8 decimals, never rounded."""
    text = plain(positive(value))
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"a number with more than 18 digits or 8 decimals: {text[:60]}")
    return text


def microseconds(milliseconds: int) -> int:
    return milliseconds * 1000
