"""Looking an order up: where the venue may show it, and what not finding it proves.

A query by id may see resting orders only, and histories lag; so an order counts as absent only when every source
answered and none has it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from adapters.contract import Throttle, Trading
from adapters.models import Fill, Market, OrderStatus, VenueClientId, VenueOrder
from gateway.orders.record import OrderRecord


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the sources showed of one market's orders."""

    resting: Mapping[VenueClientId, VenueOrder]
    history: Mapping[VenueClientId, VenueOrder]
    filled: frozenset[VenueClientId]
    """Orders that show in the fills: they exist, though it may not be known how they ended."""

    def of(self, client_id: VenueClientId) -> tuple[VenueOrder, str] | None:
        """The most advanced view of the order, and the source that showed it.

        Of equal ones what rests: a history may still show the trigger whose place another order has taken.
        """
        shown = [
            (order, source)
            for order, source in (
                (self.resting.get(client_id), "open orders"),
                (self.history.get(client_id), "order history"),
            )
            if order is not None
        ]
        return max(shown, key=lambda one: _advance(one[0]), default=None)

    def lacks(self, client_id: VenueClientId) -> bool:
        """Whether every source was asked and none showed it."""
        return self.of(client_id) is None and client_id not in self.filled


async def gather(
    trading: Trading,
    market: Market,
    records: Sequence[OrderRecord],
    throttle: Throttle,
    *,
    clock_difference_ms: int,
    clock_error_ms: int,
) -> Evidence:
    """Look for all of one market's orders, in as few calls as it takes.

    Those that rest need no more than one call; only what does not rest is looked for in the histories, which venues
    ration. Raises what the venue calls raise: no source may be left out of a proof of absence.
    `clock_difference_ms` is the venue's time minus Redis'.
    """
    resting = by_client_id(await trading.open_orders(market, throttle))
    missing = [record for record in records if record.intent.venue_client_id not in resting]
    if not missing:
        return Evidence(resting, {}, frozenset())
    since_ms = min(_earliest_ms(record, clock_difference_ms) for record in missing) - clock_error_ms
    history = by_client_id(await trading.order_history(market, since_ms, throttle))
    # Fills are asked for only where an order shows nowhere else: they prove that it exists.
    is_complete = all(record.intent.venue_client_id in history for record in missing)
    fills: Iterable[Fill] = () if is_complete else await trading.fills(market, since_ms, throttle)
    filled = frozenset(fill.venue_client_id for fill in fills if fill.venue_client_id is not None)
    return Evidence(resting, history, filled)


def _earliest_ms(record: OrderRecord, clock_difference_ms: int) -> int:
    """When, in its own time, the venue can have seen the order first.

    Its clock may have been set back by the time it did, unknown to whoever fixed the send time.
    """
    created_ms = record.created_ms + clock_difference_ms
    return created_ms if record.send_ms is None else min(record.send_ms, created_ms)


def by_client_id(orders: Iterable[VenueOrder]) -> dict[VenueClientId, VenueOrder]:
    """The most advanced view of each order: a final state beats an open one, more filled beats less."""
    found: dict[VenueClientId, VenueOrder] = {}
    for order in orders:
        if order.venue_client_id is None:
            continue
        known = found.get(order.venue_client_id)
        if known is None or _advance(order) > _advance(known):
            found[order.venue_client_id] = order
    return found


_OPEN = {OrderStatus.PENDING, OrderStatus.PARTIAL_FILLED}


def _advance(order: VenueOrder) -> tuple[bool, Decimal]:
    return order.status not in _OPEN, order.filled_quantity
