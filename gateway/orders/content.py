"""Whether an order at the venue is the one that was asked for, as far as it shows. Pure."""

from decimal import Decimal
from typing import Protocol

from adapters.models import OrderType, Side, Symbol, TimeInForce
from gateway.orders.record import Intent


class Shown(Protocol):
    """An order's content, as the venue or an intent has it."""

    @property
    def symbol(self) -> Symbol: ...
    @property
    def side(self) -> Side: ...
    @property
    def type(self) -> OrderType: ...
    @property
    def quantity(self) -> Decimal | None: ...
    @property
    def quote_quantity(self) -> Decimal | None: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def time_in_force(self) -> TimeInForce | None: ...
    @property
    def reduce_only(self) -> bool: ...


_WAITING = frozenset({OrderType.STOP_LIMIT, OrderType.STOP_MARKET, OrderType.TAKE_PROFIT, OrderType.TRAILING_STOP})
_OF_ALL = ("quantity", "quote_quantity")


def difference(intent: Intent, shown: Shown) -> str | None:
    """The first member in which an order is not the one intended, as far as it shows; None if it may be that order."""
    if (shown.symbol, shown.side) != (intent.symbol, intent.side):
        return "symbol" if shown.symbol != intent.symbol else "side"
    if shown.quantity is None and shown.quote_quantity is None:
        return None  # only its trades were shown
    if shown.reduce_only and not intent.reduce_only:  # a history may not tell that it is
        return "reduce_only"
    # One that waits has a type of the venue's own, and what comes of it when it fires has another.
    is_waiting = intent.type in _WAITING
    for name in _OF_ALL if is_waiting else (*_OF_ALL, "type", "price", "time_in_force"):
        asked, has = getattr(intent, name), getattr(shown, name)
        # A venue may shrink a reduce-only order to the position.
        is_shrunk = name == "quantity" and intent.reduce_only and None not in {asked, has} and has < asked
        if None not in {asked, has} and asked != has and not is_shrunk:
            return name
    return None
