"""Orders and fills as Backpack's REST answers show them, live and in histories.

Field sets are fixed, nulls included.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sandbox.backpack.wire import (
    EXPIRY,
    ORDER_TYPE,
    SELF_TRADE,
    SIDE,
    STATUS,
    plain,
    plain_or_none,
    rounded_up_notional,
)
from sandbox.matching import Order, OrderType
from sandbox.matching.events import Fill

_NO_TRIGGERS: dict[str, None] = dict.fromkeys(
    (
        "stopLossLimitPrice",
        "stopLossTriggerBy",
        "stopLossTriggerPrice",
        "strategyId",
        "takeProfitLimitPrice",
        "takeProfitTriggerBy",
        "takeProfitTriggerPrice",
        "triggerBy",
        "triggerPrice",
        "triggerQuantity",
    )
)


def naive_iso(time_us: int) -> str:
    """UTC without a zone, to the millisecond: how database endpoints write times."""
    moment = datetime.fromtimestamp(time_us // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_us // 1000 % 1000:03}"


def _common(order: Order) -> dict[str, Any]:
    request = order.request
    return {
        **_NO_TRIGGERS,
        "clientId": request.client_id,
        "executedQuantity": plain(order.executed),
        "executedQuoteQuantity": plain(order.executed_quote),
        "id": str(order.id),
        "orderType": ORDER_TYPE[request.type],
        "quantity": plain_or_none(order.quantity),
        "selfTradePrevention": SELF_TRADE[request.self_trade],
        "side": SIDE[order.side],
        "status": STATUS[order.status],
        "symbol": order.market.symbol,
        "timeInForce": request.time_in_force.value,
    }


def order_object(order: Order) -> dict[str, Any]:
    """An order as placing, cancelling and querying answer it."""
    row = _common(order)
    row["createdAt"] = order.created_us // 1000
    row["reduceOnly"] = order.request.reduce_only or None
    row["relatedOrderId"] = None
    row["triggeredAt"] = None
    if order.request.type is OrderType.LIMIT:
        row["postOnly"] = order.request.post_only
        row["price"] = plain_or_none(order.price)
    else:
        row["quoteQuantity"] = plain(_market_quote_quantity(order))
        row["slippageTolerance"] = None
        row["slippageToleranceType"] = None
    return row


def history_order(order: Order) -> dict[str, Any]:
    """An order as the order history lists it."""
    row = _common(order)
    row["createdAt"] = naive_iso(order.created_us)
    row["expiryReason"] = None if order.expiry is None else EXPIRY[order.expiry]
    row["postOnly"] = order.request.post_only
    row["price"] = plain_or_none(order.price)
    row["slippageTolerance"] = None
    row["slippageToleranceType"] = None
    row["systemOrderType"] = None
    if order.price is not None and order.quantity is not None:
        row["quoteQuantity"] = plain(order.price * order.quantity)
    else:
        row["quoteQuantity"] = plain(_market_quote_quantity(order))
    return row


def history_fill(fill: Fill) -> dict[str, Any]:
    """A fill as the fill history lists it. The client id is text here, though a number in orders."""
    order = fill.order
    client_id = order.request.client_id
    return {
        "clientId": None if client_id is None else str(client_id),
        "fee": plain(fill.fee),
        "feeSymbol": fill.fee_asset,
        "isMaker": fill.is_maker,
        "orderId": str(order.id),
        "price": plain(fill.price),
        "quantity": plain(fill.quantity),
        "side": SIDE[order.side],
        "symbol": order.market.symbol,
        "systemOrderType": None,
        "timestamp": naive_iso(fill.time_us),
        "tradeId": fill.trade_id,
    }


def _market_quote_quantity(order: Order) -> Decimal:
    if order.request.quote_quantity is not None:
        return order.request.quote_quantity
    return rounded_up_notional(order.executed_quote, order.market)
