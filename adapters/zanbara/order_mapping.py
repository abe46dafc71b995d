"""Zanbara's orders and fills, the same by REST and stream, turned into our models. Pure.

A message that cannot be right raises `ValueError`, a state of an order that we do not know among them; words that only
describe may be unknown. The way out is `order_encoding`.
"""

from adapters.common.numbers import exact, optional, positive
from adapters.errors import WouldTake
from adapters.models import (
    AccountName,
    Fill,
    FillEvent,
    Liquidity,
    OrderEvent,
    OrderStatus,
    OrderType,
    TimeInForce,
    VenueClientId,
    VenueName,
    VenueOrder,
    VenueOrderId,
)
from adapters.zanbara import wire
from adapters.zanbara.mapping import SIDES_BY_WORD, known
from adapters.zanbara.numbers import microseconds, symbol_of

_STATUSES = {status.value: status for status in OrderStatus}
_TYPES = {order_type.value: order_type for order_type in OrderType}
_TIMES = {time.value: time for time in TimeInForce}
_LIQUIDITY = {liquidity.value: liquidity for liquidity in Liquidity}
"""The venue's words are ours: our vocabulary follows its documentation."""
_WOULD_MATCH = "POST_ONLY_WOULD_MATCH"


def normalize_order(venue: VenueName, order: wire.Order) -> VenueOrder:
    return VenueOrder(
        venue=venue,
        symbol=symbol_of(order.symbol),
        venue_order_id=VenueOrderId(order.order_id),
        venue_client_id=_client_id(order.client_order_id),
        side=known(SIDES_BY_WORD, order.side, "side"),
        type=known(_TYPES, order.type, "order type"),
        status=known(_STATUSES, order.status, "order status"),
        filled_quantity=exact(order.filled_quantity),
        created_time_us=microseconds(order.created_at),
        quantity=exact(order.quantity),
        price=optional(order.price),
        average_price=optional(order.average_price),
        time_in_force=_TIMES.get(order.time_in_force or ""),
        reduce_only=bool(order.reduce_only),
        reason=order.reason,
    )


def would_match(order: VenueOrder) -> WouldTake | None:
    """The venue keeps a post-only order that would take as one that was rejected; to us it is the refusal it is
    elsewhere."""
    if (order.status, order.type, order.reason) != (OrderStatus.REJECTED, OrderType.POST_ONLY, _WOULD_MATCH):
        return None
    message = f"{_WOULD_MATCH}: order {order.venue_order_id[:60]} was rejected"
    return WouldTake(order.venue, message, venue_code=_WOULD_MATCH, http_status=201)


def normalize_fill(venue: VenueName, fill: wire.Fill) -> Fill:
    return Fill(
        venue=venue,
        symbol=symbol_of(fill.symbol),
        venue_order_id=VenueOrderId(fill.order_id),
        venue_client_id=_client_id(fill.client_order_id),
        trade_id=fill.trade_id,
        side=known(SIDES_BY_WORD, fill.side, "side"),
        price=positive(fill.price),
        quantity=positive(fill.quantity),
        fee=exact(fill.fee),
        fee_asset=fill.fee_asset,
        liquidity=known(_LIQUIDITY, fill.liquidity, "liquidity"),
        venue_time_us=microseconds(fill.timestamp),
    )


def normalize_order_event(
    venue: VenueName, account: AccountName, order: wire.Order, *, received_time_us: int
) -> OrderEvent:
    """The venue tells fills apart from orders, so an order's event never carries one."""
    return OrderEvent(
        account=account,
        order=normalize_order(venue, order),
        fill=None,
        venue_time_us=microseconds(order.created_at if order.updated_at is None else order.updated_at),
        received_time_us=received_time_us,
    )


def normalize_fill_event(
    venue: VenueName, account: AccountName, fill: wire.Fill, *, received_time_us: int
) -> FillEvent:
    return FillEvent(
        account=account,
        fill=normalize_fill(venue, fill),
        venue_time_us=microseconds(fill.timestamp),
        received_time_us=received_time_us,
    )


def _client_id(value: str | None) -> VenueClientId | None:
    return None if value is None else VenueClientId(value)
