"""Orders, fills and trades as Zanbara shows them, in REST answers and on sockets alike. Nulls are written."""

from decimal import Decimal
from typing import Any

from sandbox.matching import Order, Status, TimeInForce
from sandbox.matching.events import Fill, OrderEvent, OrderEventKind, Trade
from sandbox.zanbara import wire
from sandbox.zanbara.markets import LISTINGS
from sandbox.zanbara.order_kinds import kind_of

ZERO = Decimal(0)
_NUMBERS = {listing.market.symbol: listing.number for listing in LISTINGS}
_ENDINGS = (OrderEventKind.CANCELLED, OrderEventKind.EXPIRED, OrderEventKind.REJECTED)


def trade_id(symbol: str, number: int) -> str:
    return f"trd_{_NUMBERS[symbol]}{number:015}"


def order_object(order: Order) -> dict[str, Any]:
    """An order as it is now."""
    return _written(
        order,
        quantity=order.quantity or ZERO,
        executed=order.executed,
        amount=order.executed_quote,
        fees=order.fees,
        status=wire.status_of(order),
        reason=None if order.is_open else wire.reason(order, order.status),
        triggered=order.triggered_us is not None,
        updated_us=order.updated_us,
    )


def order_as_of(event: OrderEvent) -> dict[str, Any]:
    """An order as it was when this happened; the order itself may have moved on."""
    order = event.order
    is_over = event.kind in _ENDINGS or event.status is Status.FILLED
    return _written(
        order,
        quantity=event.quantity or ZERO,
        executed=event.executed,
        amount=event.executed_quote,
        fees=event.fees,
        status=wire.status(event.status, order.expiry),
        reason=wire.reason(order, event.status) if is_over else None,
        triggered=order.triggered_us is not None and event.status is not Status.WAITING,
        updated_us=event.time_us,
    )


def _written(
    order: Order,
    *,
    quantity: Decimal,
    executed: Decimal,
    amount: Decimal,
    fees: Decimal,
    status: str,
    reason: str | None,
    triggered: bool,
    updated_us: int,
) -> dict[str, Any]:
    request, trigger = order.request, order.request.trigger
    has_expiry = request.expires_us is not None
    is_trailing = trigger is not None and trigger.callback is not None
    trigger_price = wire.fixed_or_none(trigger.price) if trigger else None
    return {
        "order_id": wire.order_id(order.id),
        "client_order_id": request.client_id,
        "symbol": order.market.symbol,
        "side": order.side.value,
        "type": kind_of(request),
        "time_in_force": "GTT" if has_expiry else TimeInForce(request.time_in_force).value,
        "expire_time": request.expires_us // 1000 if request.expires_us is not None else None,
        "price": wire.fixed_or_none(order.price),
        "quantity": wire.fixed(quantity),
        "filled_quantity": wire.fixed(executed),
        "remaining_quantity": wire.fixed(quantity - executed),
        "average_price": wire.fixed(amount / executed) if executed else None,
        "filled_amount": wire.fixed(amount),
        "fee": wire.fixed(fees),
        "fee_asset": order.market.quote,
        "stop_price": None if is_trailing else trigger_price,
        "trigger_price_type": trigger.source.value if trigger else None,
        "callback_rate": wire.rate(trigger.callback) if trigger and trigger.callback else None,
        "activation_price": trigger_price if is_trailing else None,
        "visible_quantity": wire.fixed_or_none(request.visible),
        "triggered": triggered,
        "reduce_only": request.reduce_only,
        "leverage": order.leverage,
        "margin_mode": "isolated" if order.isolated else "cross",
        "status": status,
        "reason": reason,
        "created_at": order.created_us // 1000,
        "updated_at": updated_us // 1000,
    }


def fill_object(fill: Fill) -> dict[str, Any]:
    order = fill.order
    return {
        "trade_id": trade_id(order.market.symbol, fill.trade_id),
        "order_id": wire.order_id(order.id),
        "client_order_id": order.request.client_id,
        "symbol": order.market.symbol,
        "side": order.side.value,
        "price": wire.fixed(fill.price),
        "quantity": wire.fixed(fill.quantity),
        "amount": wire.fixed(fill.price * fill.quantity),
        "fee": wire.fixed(fill.fee),
        "fee_asset": fill.fee_asset,
        "liquidity": "maker" if fill.is_maker else "taker",
        "realized_pnl": wire.fixed(fill.realized),
        "timestamp": fill.time_us // 1000,
    }


def trade_object(trade: Trade) -> dict[str, Any]:
    """A public trade; its side is the taker's."""
    return {
        "trade_id": trade_id(trade.symbol, trade.id),
        "symbol": trade.symbol,
        "price": wire.fixed(trade.price),
        "quantity": wire.fixed(trade.quantity),
        "amount": wire.fixed(trade.quote_quantity),
        "side": "sell" if trade.buyer_is_maker else "buy",
        "timestamp": trade.time_us // 1000,
    }
