"""Our order requests as Zanbara's JSON, and whether an answer echoes one. Pure.

An order the venue has no words for raises `ValueError`. Source: docs.zanbarax.com, "overview"
(`/api-zong-lan/overview`); beyond the five members of its sample the names are inferred.
"""

import base64
import re
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from adapters.models import OrderRequest, OrderType, SelfTradePrevention, TimeInForce, VenueClientId
from adapters.zanbara import wire
from adapters.zanbara.numbers import amount

ORDER_TYPES = frozenset({OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY})
TIMES_IN_FORCE = frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK})
SELF_TRADE_PREVENTION: frozenset[SelfTradePrevention] = frozenset()

_TIMES_OF_TYPE = {
    OrderType.LIMIT: TIMES_IN_FORCE,
    OrderType.MARKET: frozenset({TimeInForce.IOC, TimeInForce.FOK}),
    OrderType.POST_ONLY: frozenset({TimeInForce.GTC}),
}
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def client_id(digest: bytes) -> VenueClientId:
    """`g1` for this way of making them, then 130 bits of the digest in 26 characters."""
    return VenueClientId("g1" + base64.b32encode(digest).decode().lower()[:26])


def encode_order(request: OrderRequest) -> bytes:
    """The JSON body of `POST /v1/order/place`; fields we do not mean to set are left out rather than sent as null."""
    return msgspec.json.encode(_order_body(request))


def encode_orders(requests: Sequence[OrderRequest]) -> bytes:
    """The JSON body of `POST /v1/order/place-batch`."""
    return msgspec.json.encode({"orders": [_order_body(request) for request in requests]})


def encode_amend(venue_client_id: VenueClientId, price: Decimal | None, quantity: Decimal | None) -> bytes:
    """The JSON body of `POST /v1/order/amend`: what stays is left out."""
    terms = {"price": price, "quantity": quantity}
    changed = {name: amount(value) for name, value in terms.items() if value is not None}
    return msgspec.json.encode({"client_order_id": venue_client_id, **changed})


def _order_body(request: OrderRequest) -> dict[str, str | bool]:
    _check_supported(request)
    body: dict[str, str | bool] = {
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
    return body


def _check_supported(request: OrderRequest) -> None:
    if not _CLIENT_ID.fullmatch(request.venue_client_id):
        raise ValueError("a client id that is not the venue's")
    if request.type not in ORDER_TYPES:
        raise ValueError(f"order type {request.type}")
    if request.time_in_force is not None and request.time_in_force not in _TIMES_OF_TYPE[request.type]:
        raise ValueError(f"time in force {request.time_in_force} on a {request.type} order")
    if request.self_trade_prevention is not None:
        raise ValueError("a choice of self-trade prevention")
    if request.quote_quantity is not None:
        raise ValueError("quote_quantity")
    if request.quantity is None:
        raise ValueError("an order without a quantity")
    if (request.price is None) != (request.type is OrderType.MARKET):
        raise ValueError("a market order with a price, or another one without")


def echo_mismatch(request: OrderRequest, order: wire.Order) -> str | None:
    """The first field in which the venue's answer is not the order we meant, None if it is that order."""
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
        "stop_price": order.stop_price is None,
        "visible_quantity": order.visible_quantity is None,
    }
    return next((name for name, is_equal in checks.items() if not is_equal), None)
