"""Our order requests as Zanbara's JSON, and whether an answer echoes one. Pure.

An order the venue has no words for raises `ValueError`. Source: docs.zanbarax.com, "overview"
(`/api-zong-lan/overview`); beyond the five members of its sample the names are inferred.
"""

import base64
import re
from decimal import Decimal

import msgspec

from adapters.models import (
    OrderRequest,
    OrderType,
    SelfTradePrevention,
    TimeInForce,
    TriggerPriceType,
    VenueClientId,
)
from adapters.zanbara import wire
from adapters.zanbara.numbers import amount

ORDER_TYPES = frozenset(OrderType)
TIMES_IN_FORCE = frozenset(TimeInForce)
TRIGGER_PRICE_TYPES = frozenset({TriggerPriceType.MARK, TriggerPriceType.LAST})
SELF_TRADE_PREVENTION: frozenset[SelfTradePrevention] = frozenset()

_RESTING = frozenset({TimeInForce.GTC, TimeInForce.GTT})
_AT_ONCE = frozenset({TimeInForce.IOC})
_TIMES_OF_TYPE = {
    OrderType.LIMIT: TIMES_IN_FORCE,
    OrderType.MARKET: frozenset({TimeInForce.IOC, TimeInForce.FOK}),
    OrderType.STOP_LIMIT: TIMES_IN_FORCE,
    OrderType.STOP_MARKET: _AT_ONCE,
    OrderType.TRAILING_STOP: _AT_ONCE,
    OrderType.POST_ONLY: _RESTING,
    OrderType.ICEBERG: _RESTING,
}
_PRICED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.POST_ONLY, OrderType.ICEBERG})
_STOPPED = frozenset({OrderType.STOP_LIMIT, OrderType.STOP_MARKET, OrderType.TAKE_PROFIT})
_LEAST_CALLBACK, _MOST_CALLBACK = Decimal("0.001"), Decimal("0.2")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def client_id(digest: bytes) -> VenueClientId:
    """`g1` for this way of making them, then 130 bits of the digest in 26 characters."""
    return VenueClientId("g1" + base64.b32encode(digest).decode().lower()[:26])


def encode_order(request: OrderRequest) -> bytes:
    """The JSON body of `POST /v1/order/place`; fields we do not mean to set are left out rather than sent as null."""
    _check_supported(request)
    body: dict[str, str | bool | int] = {
        "client_order_id": request.venue_client_id,
        "symbol": request.market.venue_symbol,
        "side": request.side,
        "type": request.type,
    }
    if request.quantity is not None:
        body["quantity"] = amount(request.quantity)
    if request.price is not None:
        body["price"] = amount(request.price)
    if request.time_in_force is not None:
        body["time_in_force"] = request.time_in_force
    if request.reduce_only:
        body["reduce_only"] = True
    options = request.options
    amounts = {
        "stop_price": options.stop_price,
        "callback_rate": options.callback_rate,
        "activation_price": options.activation_price,
        "visible_quantity": options.visible_quantity,
    }
    body |= {name: amount(value) for name, value in amounts.items() if value is not None}
    if options.trigger_price_type is not None:
        body["trigger_price_type"] = options.trigger_price_type
    if options.expire_time_ms is not None:
        body["expire_time"] = options.expire_time_ms
    return msgspec.json.encode(body)


def _check_supported(request: OrderRequest) -> None:
    if not _CLIENT_ID.fullmatch(request.venue_client_id):
        raise ValueError("a client id that is not the venue's")
    if request.type not in ORDER_TYPES:
        raise ValueError(f"order type {request.type}")
    if request.time_in_force is not None and request.time_in_force not in _times(request):
        raise ValueError(f"time in force {request.time_in_force} on a {request.type} order")
    if request.self_trade_prevention is not None:
        raise ValueError("a choice of self-trade prevention")
    if request.quote_quantity is not None:
        raise ValueError("quote_quantity")
    if request.quantity is None:
        raise ValueError("an order without a quantity")
    if request.type is not OrderType.TAKE_PROFIT and (request.price is not None) != (request.type in _PRICED):
        raise ValueError("a price on an order that has none, or none on one that needs it")
    _check_options(request)


def _times(request: OrderRequest) -> frozenset[TimeInForce]:
    if request.type is OrderType.TAKE_PROFIT:
        return _AT_ONCE if request.price is None else TIMES_IN_FORCE
    return _TIMES_OF_TYPE[request.type]


def _check_options(request: OrderRequest) -> None:
    options, kind = request.options, request.type
    if (options.stop_price is not None) != (kind in _STOPPED):
        raise ValueError("a stop price on an order that has none, or none on one that needs it")
    if (options.callback_rate is not None) != (kind is OrderType.TRAILING_STOP):
        raise ValueError("a callback rate on an order that has none, or a trailing stop without")
    if options.callback_rate is not None and not _LEAST_CALLBACK <= options.callback_rate <= _MOST_CALLBACK:
        raise ValueError(f"a callback rate that is not between {_LEAST_CALLBACK} and {_MOST_CALLBACK}")
    if options.activation_price is not None and kind is not OrderType.TRAILING_STOP:
        raise ValueError("an activation price on anything but a trailing stop")
    if (options.visible_quantity is not None) != (kind is OrderType.ICEBERG):
        raise ValueError("a visible quantity on anything but an iceberg, or an iceberg without")
    if options.trigger_price_type is not None and kind not in {*_STOPPED, OrderType.TRAILING_STOP}:
        raise ValueError("a price to watch on an order that waits for none")
    if options.trigger_price_type is not None and options.trigger_price_type not in TRIGGER_PRICE_TYPES:
        raise ValueError(f"a trigger by the {options.trigger_price_type} price")
    if (options.expire_time_ms is not None) != (request.time_in_force is TimeInForce.GTT):
        raise ValueError("expire_time without GTT, or GTT without expire_time")
    if options.venue_params:
        raise ValueError("venue_params")


def echo_mismatch(request: OrderRequest, order: wire.Order) -> str | None:
    """The first field in which the venue's answer is not the order we meant, None if it is that order."""
    options = request.options
    checks = {
        "symbol": order.symbol == request.market.venue_symbol,
        "client_order_id": order.client_order_id == request.venue_client_id,
        "side": order.side == request.side,
        "type": order.type == request.type,
        "quantity": order.quantity == request.quantity,
        "price": request.price is None or order.price == request.price,
        "reduce_only": bool(order.reduce_only) == request.reduce_only,
        "time_in_force": None in {request.time_in_force, order.time_in_force}
        or order.time_in_force == request.time_in_force,
        "stop_price": order.stop_price == options.stop_price,
        "trigger_price_type": options.trigger_price_type is None
        or order.trigger_price_type == options.trigger_price_type,
        "callback_rate": order.callback_rate == options.callback_rate,
        "activation_price": order.activation_price == options.activation_price,
        "visible_quantity": order.visible_quantity == options.visible_quantity,
        "expire_time": order.expire_time == options.expire_time_ms,
    }
    return next((name for name, is_equal in checks.items() if not is_equal), None)
