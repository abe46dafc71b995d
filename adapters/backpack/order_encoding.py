"""Our order requests as Backpack's JSON, and whether an answer echoes one. Pure.

An order the venue has no words for raises `ValueError`. Source: docs.backpack.exchange, "Order", "Execute order".
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from adapters.backpack import wire
from adapters.backpack.signing import Scalar
from adapters.common.numbers import exact, plain, positive
from adapters.contract import ParamKind
from adapters.models import (
    MarketType,
    OrderRequest,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
    VenueClientId,
)

SIDES = {Side.BUY: "Bid", Side.SELL: "Ask"}
TIMES_IN_FORCE = {TimeInForce.GTC: "GTC", TimeInForce.IOC: "IOC", TimeInForce.FOK: "FOK"}
SELF_TRADE_PREVENTION = {
    SelfTradePrevention.REJECT_TAKER: "RejectTaker",
    SelfTradePrevention.REJECT_MAKER: "RejectMaker",
    SelfTradePrevention.REJECT_BOTH: "RejectBoth",
}
_WAITING = frozenset({OrderType.STOP_LIMIT, OrderType.STOP_MARKET, OrderType.TAKE_PROFIT})
"""The venue has one kind of trigger, which fires from whichever side its price is reached."""
ORDER_TYPES = _WAITING | {OrderType.LIMIT, OrderType.MARKET, OrderType.POST_ONLY}
TRIGGER_PRICE_TYPES = {
    TriggerPriceType.LAST: "LastPrice",
    TriggerPriceType.MARK: "MarkPrice",
    TriggerPriceType.INDEX: "IndexPrice",
}
VENUE_PARAMS: Mapping[str, ParamKind | tuple[str, ...]] = {
    "autoLend": ParamKind.BOOLEAN,
    "autoLendRedeem": ParamKind.BOOLEAN,
    "autoBorrow": ParamKind.BOOLEAN,
    "autoBorrowRepay": ParamKind.BOOLEAN,
    "slippageTolerance": ParamKind.DECIMAL,
    "slippageToleranceType": ("TickSize", "Percent"),
}

_CLIENT_IDS = 2**32 - 1


def client_id(digest: bytes) -> VenueClientId:
    """A uint32 that is never zero: some of the venue's clients drop a zero as if it were missing."""
    return VenueClientId(str(1 + int.from_bytes(digest, "big") % _CLIENT_IDS))


def encode_order(request: OrderRequest) -> bytes:
    """The JSON body of `POST /api/v1/order`; fields we do not mean to set are left out rather than sent as null."""
    return msgspec.json.encode(_order_params(request), order="sorted")


def _order_params(request: OrderRequest) -> dict[str, Scalar]:
    _check_supported(request)
    params: dict[str, Scalar] = {
        "clientId": int(request.venue_client_id),
        "orderType": _order_type(request),
        "side": SIDES[request.side],
        "symbol": request.market.venue_symbol,
    }
    options = request.options
    if request.quantity is not None:
        # What waits for a trigger has a size of its own name, and no other.
        params["quantity" if options.stop_price is None else "triggerQuantity"] = plain(positive(request.quantity))
    if options.stop_price is not None:
        params["triggerPrice"] = plain(positive(options.stop_price))
    if options.trigger_price_type is not None:
        params["triggerBy"] = TRIGGER_PRICE_TYPES[options.trigger_price_type]
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
    params.update(options.venue_params)
    return params


def _order_type(request: OrderRequest) -> str:
    """The venue's word for what is done once it may be done."""
    return "Limit" if request.price is not None else "Market"


def _check_supported(request: OrderRequest) -> None:
    if request.type not in ORDER_TYPES:
        raise ValueError(f"order type {request.type}")
    if request.time_in_force is not None and request.time_in_force not in TIMES_IN_FORCE:
        raise ValueError(f"time in force {request.time_in_force}")
    if request.type is OrderType.POST_ONLY and request.time_in_force not in {None, TimeInForce.GTC}:
        raise ValueError("post_only that may not rest")
    if (request.quantity is None) == (request.quote_quantity is None):
        raise ValueError("an order without exactly one of quantity and quote_quantity")
    options = request.options
    if (options.stop_price is None) == (request.type in _WAITING):
        raise ValueError("a stop order without a stop price, or another one with one")
    if options.trigger_price_type is not None and options.stop_price is None:
        raise ValueError("a price to watch and none to wait for")
    rare = (options.callback_rate, options.activation_price, options.visible_quantity, options.expire_time_ms)
    if rare != (None, None, None, None):
        raise ValueError("a trailing stop, an iceberg or an order that ends at a time")
    if unknown := options.venue_params.keys() - VENUE_PARAMS.keys():
        raise ValueError(f"a parameter {min(unknown)}")
    if request.quote_quantity is not None and request.type is not OrderType.MARKET:
        raise ValueError("quote_quantity on anything but a market order")
    if request.price is not None and request.type in {OrderType.MARKET, OrderType.STOP_MARKET}:
        raise ValueError("a market order with a price")
    if request.price is None and request.type in {OrderType.LIMIT, OrderType.POST_ONLY, OrderType.STOP_LIMIT}:
        raise ValueError("a limit order without a price")
    if request.reduce_only and request.market.type is not MarketType.PERPETUAL:
        raise ValueError("reduce_only on a spot market")


def echo_mismatch(request: OrderRequest, order: wire.Order) -> str | None:
    """The first field in which the venue's answer is not the order we meant, None if it is that order.

    A reduce-only order may come back smaller: the engine shrinks it to the position.
    """
    options = request.options
    quantity = order.quantity if options.stop_price is None else trigger_amount(order.trigger_quantity)
    is_shrunk = request.reduce_only and quantity is not None and request.quantity is not None
    checks = {
        "symbol": order.symbol == request.market.venue_symbol,
        "clientId": order.client_id is not None and str(order.client_id) == request.venue_client_id,
        "side": order.side == SIDES[request.side],
        "orderType": order.order_type == _order_type(request),
        "postOnly": bool(order.post_only) == (request.type is OrderType.POST_ONLY),
        "quantity": request.quantity is None
        or quantity == request.quantity
        or (is_shrunk and exact(quantity or Decimal(0)) < request.quantity),
        "quoteQuantity": request.quote_quantity is None or order.quote_quantity == request.quote_quantity,
        "price": request.price is None or order.price == request.price,
        "reduceOnly": bool(order.reduce_only) == request.reduce_only,
        "timeInForce": request.time_in_force is None or order.time_in_force == TIMES_IN_FORCE[request.time_in_force],
        "triggerPrice": order.trigger_price == options.stop_price,
        "triggerBy": options.trigger_price_type is None
        or order.trigger_by == TRIGGER_PRICE_TYPES[options.trigger_price_type],
    }
    return next((name for name, is_equal in checks.items() if not is_equal), None)


def trigger_amount(text: str | None) -> Decimal | None:
    """A waiting order's size; None for a share of the position, which we never ask for."""
    return None if text is None or text.endswith("%") else exact(Decimal(text))
