"""Backpack's orders and fills, of REST and stream, turned into our models. Pure; the time of receipt is an argument.

A message that cannot be right raises `ValueError`, a state of an order that we do not know among them; words that only
describe may be unknown. The way out is `order_encoding`.
"""

from decimal import Context, Decimal

from adapters.backpack import wire
from adapters.backpack.numbers import microseconds, symbol_of
from adapters.backpack.order_encoding import SELF_TRADE_PREVENTION, SIDES, TIMES_IN_FORCE, trigger_amount
from adapters.common.numbers import exact, optional, positive
from adapters.models import (
    AccountName,
    Fill,
    Liquidity,
    OrderEvent,
    OrderStatus,
    OrderType,
    Side,
    VenueClientId,
    VenueName,
    VenueOrder,
    VenueOrderId,
)

_SIDES_BY_WORD = {word: side for side, word in SIDES.items()}
_TIMES_BY_WORD = {word: time for time, word in TIMES_IN_FORCE.items()}
_PREVENTION_BY_WORD = {word: prevention for prevention, word in SELF_TRADE_PREVENTION.items()}
_STATUSES = {
    "New": OrderStatus.PENDING,
    "PartiallyFilled": OrderStatus.PARTIAL_FILLED,
    "Filled": OrderStatus.FILLED,
    "Cancelled": OrderStatus.CANCELLED,
    "Expired": OrderStatus.EXPIRED,
    "TriggerPending": OrderStatus.PENDING,
    "Triggered": OrderStatus.PENDING,
    "TriggerFailed": OrderStatus.REJECTED,
}
_AVERAGE = Context(prec=28)


def normalize_order(venue: VenueName, order: wire.Order) -> VenueOrder:
    """An order of the engine or of the history."""
    executed = exact(order.executed_quantity or Decimal(0))
    is_trigger = order.trigger_price is not None
    size = trigger_amount(order.trigger_quantity) if is_trigger else order.quantity
    quantity, quote_quantity = _sizes(order.order_type, size, order.quote_quantity)
    return VenueOrder(
        venue=venue,
        symbol=symbol_of(order.symbol),
        venue_order_id=VenueOrderId(order.id),
        venue_client_id=_client_id(order.client_id),
        side=_side(order.side),
        type=_type(order.order_type, is_post_only=bool(order.post_only), is_trigger=is_trigger),
        status=_status(order.status),
        filled_quantity=executed,
        created_time_us=microseconds(order.created_at),
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=optional(order.price),
        average_price=_average(executed, order.executed_quote_quantity),
        time_in_force=_TIMES_BY_WORD.get(order.time_in_force or ""),
        reduce_only=bool(order.reduce_only),
        self_trade_prevention=_PREVENTION_BY_WORD.get(order.self_trade_prevention or ""),
        reason=order.expiry_reason,
        related_order_id=_order_id(order.related_order_id),
    )


def normalize_fill(venue: VenueName, fill: wire.Fill) -> Fill:
    """One of our trades; system fills may lack an id of their own, and get one made of order and time."""
    trade_id = f"{fill.order_id}@{fill.timestamp}" if fill.trade_id is None else str(fill.trade_id)
    return Fill(
        venue=venue,
        symbol=symbol_of(fill.symbol),
        venue_order_id=VenueOrderId(fill.order_id),
        venue_client_id=_client_id(fill.client_id),
        trade_id=trade_id,
        side=_side(fill.side),
        price=exact(fill.price),
        quantity=positive(fill.quantity),
        fee=exact(fill.fee),
        fee_asset=fill.fee_symbol,
        liquidity=_liquidity(is_maker=fill.is_maker),
        venue_time_us=microseconds(fill.timestamp),
    )


def normalize_order_event(
    venue: VenueName, account: AccountName, event: wire.StreamOrder, *, received_time_us: int
) -> OrderEvent:
    """The stream never repeats when an order was created, so `created_time_us` is the time of this event."""
    is_trigger = event.trigger_price is not None
    size = trigger_amount(event.trigger_quantity) if is_trigger else event.quantity
    quantity, quote_quantity = _sizes(event.order_type.capitalize(), size, event.quote_quantity)
    order = VenueOrder(
        venue=venue,
        symbol=symbol_of(event.symbol),
        venue_order_id=VenueOrderId(event.order_id),
        venue_client_id=_client_id(event.client_id),
        side=_side(event.side),
        type=_type(
            event.order_type.capitalize(),
            is_post_only=bool(event.post_only),
            is_trigger=is_trigger,
        ),
        status=_status(event.status),
        filled_quantity=exact(event.executed_quantity),
        created_time_us=event.engine_time_us,
        quantity=quantity,
        quote_quantity=quote_quantity,
        price=optional(event.price),
        average_price=_average(event.executed_quantity, event.executed_quote_quantity),
        time_in_force=_TIMES_BY_WORD.get(event.time_in_force or ""),
        reduce_only=bool(event.reduce_only),
        self_trade_prevention=_PREVENTION_BY_WORD.get(event.self_trade_prevention or ""),
        reason=event.expiry_reason,
        related_order_id=_order_id(event.related_order_id),
    )
    return OrderEvent(
        account=account,
        order=order,
        fill=_stream_fill(order, event) if event.event == "orderFill" else None,
        venue_time_us=event.engine_time_us,
        received_time_us=received_time_us,
    )


def _stream_fill(order: VenueOrder, event: wire.StreamOrder) -> Fill:
    if event.fill_price is None or event.fill_quantity is None or event.fee is None or event.fee_asset is None:
        raise ValueError("a fill without price, quantity or fee")
    if event.is_maker is None or event.trade_id is None:
        raise ValueError("a fill without trade id or maker flag")
    return Fill(
        venue=order.venue,
        symbol=order.symbol,
        venue_order_id=order.venue_order_id,
        venue_client_id=order.venue_client_id,
        trade_id=str(event.trade_id),
        side=order.side,
        price=positive(event.fill_price),
        quantity=positive(event.fill_quantity),
        fee=exact(event.fee),
        fee_asset=event.fee_asset,
        liquidity=_liquidity(is_maker=event.is_maker),
        venue_time_us=event.engine_time_us,
    )


def _sizes(
    order_type: str, quantity: Decimal | None, quote_quantity: Decimal | None
) -> tuple[Decimal | None, Decimal | None]:
    """The one size the order was placed with: the venue fills in a quote quantity for orders that had none."""
    quantity = optional(quantity) or None
    if quantity is None and order_type == "Market":
        return None, optional(quote_quantity)
    return quantity, None


def _side(word: str) -> Side:
    try:
        return _SIDES_BY_WORD[word]
    except KeyError:
        raise ValueError(f"unknown side {word[:40]!r}") from None


def _status(word: str) -> OrderStatus:
    try:
        return _STATUSES[word]
    except KeyError:
        raise ValueError(f"unknown order status {word[:40]!r}") from None


def _type(word: str, *, is_post_only: bool, is_trigger: bool) -> OrderType:
    match word, is_trigger:
        case "Limit", False:
            return OrderType.POST_ONLY if is_post_only else OrderType.LIMIT
        case "Limit", True:
            return OrderType.STOP_LIMIT
        case "Market", _:
            return OrderType.STOP_MARKET if is_trigger else OrderType.MARKET
        case _:
            raise ValueError(f"unknown order type {word[:40]!r}")


def _client_id(value: int | str | None) -> VenueClientId | None:
    return None if value is None else VenueClientId(str(value))


def _order_id(value: int | str | None) -> VenueOrderId | None:
    return None if value is None else VenueOrderId(str(value))


def _liquidity(*, is_maker: bool) -> Liquidity:
    return Liquidity.MAKER if is_maker else Liquidity.TAKER


def _average(executed: Decimal, executed_quote: Decimal | None) -> Decimal | None:
    if not executed or executed_quote is None:
        return None
    return _AVERAGE.divide(exact(executed_quote), executed)
