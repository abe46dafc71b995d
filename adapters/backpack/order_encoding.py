"""Our order requests as Backpack's JSON, and whether an answer echoes one. Pure.

An order the venue has no words for raises `ValueError`. Source: docs.backpack.exchange, "Order", "Execute order".
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from adapters.backpack import wire
from adapters.backpack.signing import Scalar
from adapters.common.numbers import exact, plain, positive
from adapters.models import (
    MarketType,
    OrderRequest,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    VenueClientId,
)

SIDES = {Side.BUY: "Bid", Side.SELL: "Ask"}
TIMES_IN_FORCE = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
SELF_TRADE_PREVENTION = {
    SelfTradePrevention.REJECT_TAKER: "RejectTaker",
    SelfTradePrevention.REJECT_MAKER: "RejectMaker",
    SelfTradePrevention.REJECT_BOTH: "RejectBoth",
}
ORDER_TYPES = {OrderType.LIMIT: "Limit", OrderType.MARKET: "Market", OrderType.POST_ONLY: "Limit"}

_CLIENT_IDS = 2**32 - 1


def client_id(digest: bytes) -> VenueClientId:
    """A uint32 that is never zero: some of the venue's clients drop a zero as if it were missing."""
    return VenueClientId(str(1 + int.from_bytes(digest, "big") % _CLIENT_IDS))


def encode_order(request: OrderRequest) -> bytes:
    """The JSON body of `POST /api/v1/order`; fields we do not mean to set are left out rather than sent as null."""
    return msgspec.json.encode(_order_params(request), order="sorted")


def encode_orders(requests: Sequence[OrderRequest]) -> bytes:
    """The JSON body of `POST /api/v1/orders`."""
    return msgspec.json.encode([_order_params(request) for request in requests], order="sorted")


def _order_params(request: OrderRequest) -> dict[str, Scalar]:
    _check_supported(request)
    params: dict[str, Scalar] = {
        "clientId": int(request.venue_client_id),
        "orderType": ORDER_TYPES[request.type],
        "side": SIDES[request.side],
        "symbol": request.market.venue_symbol,
    }
    if request.quantity is not None:
        params["quantity"] = plain(positive(request.quantity))
    if request.quote_quantity is not None:
        params["quoteQuantity"] = plain(positive(request.quote_quantity))
    if request.price is not None:
        params["price"] = plain(positive(request.price))
    if request.type is OrderType.POST_ONLY:
        params["postOnly"] = True
    if request.time_in_force is not None:
        params["timeInForce"] = TIMES_IN_FORCE[request.time_in_force]
    if request.reduce_only:
        params["reduceOnly"] = True
    if request.self_trade_prevention is not None:
        params["selfTradePrevention"] = SELF_TRADE_PREVENTION[request.self_trade_prevention]
    return params


def _check_supported(request: OrderRequest) -> None:
    if request.type not in ORDER_TYPES:
        raise ValueError(f"order type {request.type}")
    if request.time_in_force is not None and request.time_in_force not in TIMES_IN_FORCE:
        raise ValueError(f"time in force {request.time_in_force}")
    if request.type is OrderType.POST_ONLY and request.time_in_force not in {None, TimeInForce.GTC}:
        raise ValueError("post_only that may not rest")
    if (request.quantity is None) == (request.quote_quantity is None):
        raise ValueError("an order without exactly one of quantity and quote_quantity")
    if request.type is OrderType.MARKET:
        if request.price is not None:
            raise ValueError("a market order with a price")
    elif request.quote_quantity is not None:
        raise ValueError("quote_quantity on anything but a market order")
    elif request.price is None:
        raise ValueError("a limit order without a price")
    if request.reduce_only and request.market.type is not MarketType.PERPETUAL:
        raise ValueError("reduce_only on a spot market")


def echo_mismatch(request: OrderRequest, order: wire.Order) -> str | None:
    """The first field in which the venue's answer is not the order we meant, None if it is that order.

    A reduce-only order may come back smaller: the engine shrinks it to the position.
    """
    is_shrunk = request.reduce_only and order.quantity is not None and request.quantity is not None
    checks = {
        "symbol": order.symbol == request.market.venue_symbol,
        "clientId": order.client_id is not None and str(order.client_id) == request.venue_client_id,
        "side": order.side == SIDES[request.side],
        "orderType": order.order_type == ORDER_TYPES[request.type],
        "postOnly": bool(order.post_only) == (request.type is OrderType.POST_ONLY),
        "quantity": request.quantity is None
        or order.quantity == request.quantity
        or (is_shrunk and exact(order.quantity or Decimal(0)) < request.quantity),
        "quoteQuantity": request.quote_quantity is None or order.quote_quantity == request.quote_quantity,
        "price": request.price is None or order.price == request.price,
        "reduceOnly": bool(order.reduce_only) == request.reduce_only,
        "timeInForce": request.time_in_force is None or order.time_in_force == TIMES_IN_FORCE[request.time_in_force],
        "triggerPrice": order.trigger_price is None,
    }
    return next((name for name, is_equal in checks.items() if not is_equal), None)
