"""Checks on the levels of a venue's order book. Pure; what cannot be right raises `ValueError`."""

from collections.abc import Iterable
from decimal import Decimal

from adapters.common.numbers import exact, positive
from adapters.models import Level

Pairs = Iterable[tuple[Decimal, Decimal]]
"""Price and quantity."""


def bids(best_first: Pairs) -> tuple[Level, ...]:
    """The buying side of a snapshot."""
    levels = _levels(best_first)
    _check_rising(-level.price for level in levels)
    return levels


def asks(best_first: Pairs) -> tuple[Level, ...]:
    """The selling side of a snapshot."""
    levels = _levels(best_first)
    _check_rising(level.price for level in levels)
    return levels


def changes(pairs: Pairs) -> tuple[Level, ...]:
    """One side of a delta, in the venue's order; quantity zero removes a level."""
    levels = tuple(Level(positive(price), exact(quantity)) for price, quantity in pairs)
    if any(level.quantity < 0 for level in levels):
        raise ValueError("a level with a negative quantity")
    return levels


def _levels(pairs: Pairs) -> tuple[Level, ...]:
    return tuple(Level(positive(price), positive(quantity)) for price, quantity in pairs)


def _check_rising(prices: Iterable[Decimal]) -> None:
    previous = None
    for price in prices:
        if previous is not None and price <= previous:
            raise ValueError("a book whose levels are out of order")
        previous = price
