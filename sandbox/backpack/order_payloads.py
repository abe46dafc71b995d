"""Reads the JSON bodies of new orders: plain ones, ones with a trigger, with a bracket, with a slippage tolerance."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sandbox.backpack import wire
from sandbox.backpack.errors import bad_payload, invalid_request, refused
from sandbox.backpack.fields import Fields, read_object, wrong_body
from sandbox.backpack.parameters import DECIMAL
from sandbox.matching import (
    Leg,
    OrderRequest,
    OrderType,
    PriceSource,
    Reason,
    SelfTrade,
    Slippage,
    TimeInForce,
    Trigger,
)

MAX_BATCH = 50
ORDER = "OrderExecutePayload"
HUNDRED = Decimal(100)

_SIDES = {name: side for side, name in wire.SIDE.items()}
_TYPES = {name: kind for kind, name in wire.ORDER_TYPE.items()}
_SELF_TRADES = {name: rule for rule, name in wire.SELF_TRADE.items()}
_TIMES = {time.value: time for time in TimeInForce}
_SOURCES = {name: source for source, name in wire.PRICE_SOURCE.items()}
# Spot margin, which is not simulated: read, and without effect.
_AUTO = ("autoLend", "autoLendRedeem", "autoBorrow", "autoBorrowRepay")
_RARE = frozenset(
    {
        *_AUTO,
        *("brokerId", "triggerPrice", "triggerQuantity", "triggerBy", "slippageTolerance", "slippageToleranceType"),
        *(f"{leg}{name}" for leg in ("takeProfit", "stopLoss") for name in ("TriggerPrice", "LimitPrice", "TriggerBy")),
    }
)


class ToleranceType(StrEnum):
    TICK_SIZE = "TickSize"
    PERCENT = "Percent"


_TOLERANCES = {kind.value: kind for kind in ToleranceType}

# A market's price of one source; None where there is no such market.
PriceOf = Callable[[str, PriceSource], Decimal | None]


def read_orders(value: Any, price_of: PriceOf) -> list[OrderRequest]:
    """A batch of orders."""
    if not isinstance(value, list):
        raise wrong_body(f"[{ORDER}]", value)
    if not value or len(value) > MAX_BATCH:
        raise invalid_request(f"Batch must hold between 1 and {MAX_BATCH} orders")
    return [read_order(read_object(item, ORDER), price_of) for item in value]


def read_order(body: Mapping[str, Any], price_of: PriceOf) -> OrderRequest:
    """One order as the engine takes it; raises `Problem` if it is malformed. Unknown members are ignored."""
    fields = Fields(body, ORDER)
    symbol = fields.symbol()
    side = fields.enum("side", "Side", _SIDES, None)
    kind = fields.enum("orderType", "OrderType", _TYPES, None)
    time = fields.enum("timeInForce", "TimeInForce", _TIMES, TimeInForce.GTC)
    rule = fields.enum("selfTradePrevention", "SelfTradePrevention", _SELF_TRADES, SelfTrade.REJECT_TAKER)
    price, quantity = fields.decimal("price"), fields.decimal("quantity")
    quote_quantity = fields.decimal("quoteQuantity")
    post_only, reduce_only = fields.boolean("postOnly"), fields.boolean("reduceOnly")
    client_id = fields.unsigned("clientId", 32)
    if post_only and (kind is OrderType.MARKET or time is not TimeInForce.GTC):
        raise refused(Reason.INCOMPLETE)
    is_limit = kind is OrderType.LIMIT
    request = OrderRequest(
        symbol=symbol,
        side=side,
        type=kind,
        quantity=quantity,
        price=price if is_limit else None,
        quote_quantity=None if is_limit else quote_quantity,
        time_in_force=time,
        post_only=post_only,
        reduce_only=reduce_only,
        self_trade=rule,
        client_id=client_id,
    )
    return request if _RARE.isdisjoint(body) else _with_rare(request, fields, price_of)


def _with_rare(request: OrderRequest, fields: Fields, price_of: PriceOf) -> OrderRequest:
    """What few orders have; to most of them it need not cost the look."""
    for name in _AUTO:
        fields.boolean(name)
    fields.unsigned("brokerId", 16)
    trigger = _trigger(fields, request.symbol, price_of)
    if trigger is not None:
        quantity, share = _trigger_quantity(fields)
        request = replace(request, trigger=trigger, quantity=quantity, share=share, quote_quantity=None)
    return replace(
        request,
        slippage=_slippage(fields),
        take_profit=_leg(fields, "takeProfit"),
        stop_loss=_leg(fields, "stopLoss"),
    )


def _trigger(fields: Fields, symbol: str, price_of: PriceOf) -> Trigger | None:
    """Where an order waits: above the price of now or below it, on whichever side the trigger price is."""
    price = fields.decimal("triggerPrice")
    source = fields.enum("triggerBy", "TriggerBy", _SOURCES, PriceSource.LAST)
    if (price is None) != (fields.optional_text("triggerQuantity") is None):
        raise invalid_request("Must specify both `triggerPrice` and `triggerQuantity` or neither")
    if price is None:
        return None
    return Trigger(source, price, rises=price > (price_of(symbol, source) or 0))


def _trigger_quantity(fields: Fields) -> tuple[Decimal | None, Decimal | None]:
    """(quantity, share) of an order with a trigger; a percentage is a share of the position there will be."""
    text = fields.text("triggerQuantity")
    number = text.removesuffix("%")
    if not DECIMAL.fullmatch(number):
        raise bad_payload("TriggerQuantity", "Invalid decimal", ORDER)
    if number == text:
        return Decimal(number), None
    share = Decimal(number) / HUNDRED
    if not 0 < share <= 1:
        raise refused(Reason.QUANTITY_OUT_OF_RANGE)
    return None, share


def _leg(fields: Fields, name: str) -> Leg | None:
    """One half of a bracket."""
    price, limit = fields.decimal(f"{name}TriggerPrice"), fields.decimal(f"{name}LimitPrice")
    source = fields.enum(f"{name}TriggerBy", "TriggerBy", _SOURCES, PriceSource.LAST)
    if price is None:
        if limit is not None:
            raise refused(Reason.INCOMPLETE)
        return None
    return Leg(source, price, limit)


def _slippage(fields: Fields) -> Slippage | None:
    """How far a market order may go; in per cent unless it says ticks."""
    tolerance = fields.decimal("slippageTolerance")
    kind = fields.enum("slippageToleranceType", "SlippageToleranceType", _TOLERANCES, ToleranceType.PERCENT)
    if tolerance is None:
        return None
    if tolerance < 0:
        raise refused(Reason.INCOMPLETE)
    return Slippage(tolerance, in_ticks=kind is ToleranceType.TICK_SIZE)
