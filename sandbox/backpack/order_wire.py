"""Orders and fills as Backpack's REST answers show them, live and in histories.

Field sets are fixed, nulls included. An order with a trigger shows its size in `triggerQuantity`, and none of its own.
"""

from decimal import Decimal
from typing import Any

from sandbox.backpack.wire import (
    EXPIRY,
    ORDER_TYPE,
    PRICE_SOURCE,
    SELF_TRADE,
    SIDE,
    STATUS,
    naive_iso,
    plain,
    plain_or_none,
    rounded_up_notional,
)
from sandbox.matching import Leg, Order, OrderType, Origin, Slippage
from sandbox.matching.events import Fill

HUNDRED = Decimal(100)
LIQUIDATION = "LiquidatePositionOnBook"
_NO_TRIGGERS: dict[str, Any] = dict.fromkeys(
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


def order_object(order: Order) -> dict[str, Any]:
    """An order as placing, cancelling and querying answer it."""
    row = _common(order)
    row["createdAt"] = order.created_us // 1000
    row["reduceOnly"] = order.request.reduce_only or None
    row["relatedOrderId"] = None if order.related is None else str(order.related.id)
    row["triggeredAt"] = None if order.triggered_us is None else order.triggered_us // 1000
    if order.request.type is OrderType.LIMIT:
        row["postOnly"] = order.request.post_only
        row["price"] = plain_or_none(order.price)
    else:
        row["quoteQuantity"] = plain(_market_quote_quantity(order))
        row["slippageTolerance"], row["slippageToleranceType"] = _slippage(order.request.slippage)
    return row


def history_order(order: Order) -> dict[str, Any]:
    """An order as the order history lists it."""
    row = _common(order)
    row["createdAt"] = naive_iso(order.created_us)
    row["expiryReason"] = None if order.expiry is None else EXPIRY[order.expiry]
    row["postOnly"] = order.request.post_only
    row["price"] = plain_or_none(order.price)
    row["slippageTolerance"], row["slippageToleranceType"] = _slippage(order.request.slippage)
    row["systemOrderType"] = system_order_type(order)
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
        "systemOrderType": system_order_type(order),
        "timestamp": naive_iso(fill.time_us),
        "tradeId": fill.trade_id,
    }


def trigger_quantity(order: Order) -> str:
    """How much a waiting order is for: a quantity, or per cent of the position."""
    share = order.request.share
    return f"{plain(share * HUNDRED)}%" if share is not None else plain(order.quantity or Decimal(0))


def system_order_type(order: Order) -> str | None:
    """Why the venue itself placed an order; None for an account's own."""
    return LIQUIDATION if order.origin is Origin.LIQUIDATION else None


def _common(order: Order) -> dict[str, Any]:
    request = order.request
    row = {
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
    trigger = request.trigger
    if trigger is not None:
        row["quantity"] = "0"
        row["triggerBy"] = PRICE_SOURCE[trigger.source]
        row["triggerPrice"] = plain_or_none(trigger.price)
        row["triggerQuantity"] = trigger_quantity(order)
    if request.take_profit is not None:
        _write_leg(row, "takeProfit", request.take_profit)
    if request.stop_loss is not None:
        _write_leg(row, "stopLoss", request.stop_loss)
    return row


def _write_leg(row: dict[str, Any], name: str, leg: Leg) -> None:
    row[f"{name}LimitPrice"] = plain_or_none(leg.limit)
    row[f"{name}TriggerBy"] = PRICE_SOURCE[leg.source]
    row[f"{name}TriggerPrice"] = plain(leg.price)


def _slippage(slippage: Slippage | None) -> tuple[str | None, str | None]:
    if slippage is None:
        return None, None
    return plain(slippage.value), "TickSize" if slippage.in_ticks else "Percent"


def _market_quote_quantity(order: Order) -> Decimal:
    if order.request.quote_quantity is not None:
        return order.request.quote_quantity
    return rounded_up_notional(order.executed_quote, order.market)
