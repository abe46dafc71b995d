"""Reads a new order in the venue's order of checks, up to where the engine takes over.

Members there, types and names, symbol, precision, size, what the type allows, number of open orders, then leverage and
position limits where they are in force. The engine checks reduce-only and balance, and alone knows whether a post-only
order would match.
"""

from dataclasses import dataclass
from decimal import Decimal

from sandbox.config import ZanbaraConfig
from sandbox.matching import (
    Account,
    Engine,
    Market,
    MarketState,
    OrderRequest,
    OrderType,
    PriceSource,
    Side,
    TimeInForce,
    Trigger,
)
from sandbox.matching.admission import decimals
from sandbox.zanbara.bodies import Fields
from sandbox.zanbara.errors import Problem, halted, invalid, missing, unknown_symbol
from sandbox.zanbara.leverage import Leverage
from sandbox.zanbara.order_kinds import EVERY_TIME, KINDS, SPECIAL_MEMBERS, Price
from sandbox.zanbara.wire import fixed

ZERO = Decimal(0)
MAX_DECIMALS = 8
RATE_STEP = Decimal("1e-6")
LEAST_CALLBACK, MOST_CALLBACK = Decimal("0.001"), Decimal("0.2")
SOURCES = {"mark": PriceSource.MARK, "last": PriceSource.LAST}


@dataclass(frozen=True, slots=True)
class Wish:
    """A new order's members, each read as its type but not compared with anything yet."""

    symbol: str
    side: str
    kind: str
    quantity: Decimal
    price: Decimal | None
    time: str
    expire_ms: int | None
    reduce_only: bool
    source: str
    stop_price: Decimal | None
    callback: Decimal | None
    activation_price: Decimal | None
    visible: Decimal | None


class NewOrders:
    """Turns bodies into orders as the engine takes them."""

    def __init__(self, engine: Engine, leverage: Leverage, config: ZanbaraConfig) -> None:
        self._engine = engine
        self._leverage = leverage
        self._kinds = tuple(kind for kind in KINDS if config.enable_v1_1 or kind != "iceberg")
        self._most_open = config.max_open_orders

    def read(self, fields: Fields, account: Account, now_us: int) -> OrderRequest:
        """One order; raises `Problem` at the first check that fails."""
        fields.require("symbol", "side", "type", "quantity")
        wish = self._wish(fields)
        market = tradable(self._engine, wish.symbol)
        _check_precision(wish, market)
        check_size(wish.quantity, market)
        _check_type(wish, fields, market)
        expires_us = _expiry(wish, now_us)
        self._check_room(account, market)
        request = _request(wish, fields.client_order_id(), expires_us)
        self._leverage.check_order(account, market, request, now_us)
        return request

    def _wish(self, fields: Fields) -> Wish:
        symbol, side = fields.text("symbol") or "", fields.choice("side", ("buy", "sell"))
        kind = fields.choice("type", self._kinds)
        quantity, price = fields.decimal("quantity") or ZERO, fields.decimal("price")
        default_time = KINDS[kind].times_for(has_price=price is not None)[0]
        return Wish(
            symbol=symbol,
            side=side,
            kind=kind,
            quantity=quantity,
            price=price,
            time=fields.choice("time_in_force", EVERY_TIME, default_time),
            expire_ms=fields.integer("expire_time"),
            reduce_only=fields.boolean("reduce_only"),
            source=fields.choice("trigger_price_type", SOURCES, "mark"),
            stop_price=fields.decimal("stop_price"),
            callback=fields.decimal("callback_rate"),
            activation_price=fields.decimal("activation_price"),
            visible=fields.decimal("visible_quantity"),
        )

    def _check_room(self, account: Account, market: Market) -> None:
        most = self._most_open
        if len(account.open_orders) < most:
            return
        if sum(order.market is market for order in account.open_orders.values()) >= most:
            raise Problem("TOO_MANY_OPEN_ORDERS", f"No more than {most} open orders in a trading pair")


def tradable(engine: Engine, symbol: str) -> Market:
    """A market that takes orders now; raises `Problem`."""
    market = engine.markets.get(symbol)
    if market is None:
        raise unknown_symbol()
    if engine.states[symbol] is not MarketState.OPEN:
        raise halted()
    return market


def check_grid(field: str, value: Decimal | None, step: Decimal) -> None:
    """Refuse more than eight decimals and whatever lies between two steps."""
    if value is not None and (decimals(value) > MAX_DECIMALS or value % step):
        raise Problem(
            "INVALID_PRECISION",
            f"{field} must be a multiple of {fixed(step)}",
            field=field,
            details={"step": fixed(step)},
        )


def check_size(quantity: Decimal, market: Market, *, field: str = "quantity") -> None:
    if not quantity:
        raise Problem("INVALID_QUANTITY", f"{field} must be positive", field=field)
    if quantity < market.min_quantity:
        raise Problem("ORDER_SIZE_TOO_SMALL", f"Minimum is {fixed(market.min_quantity)}", field=field)
    if market.max_quantity is not None and quantity > market.max_quantity:
        raise Problem("ORDER_SIZE_TOO_LARGE", f"Maximum is {fixed(market.max_quantity)}", field=field)


def check_price(field: str, value: Decimal | None) -> None:
    if value is not None and not value:
        raise Problem("INVALID_PRICE", f"{field} must be positive", field=field)


def check_visible(visible: Decimal | None, quantity: Decimal, *, field: str) -> None:
    if visible is not None and visible > quantity:
        raise Problem("INVALID_QUANTITY", "No more can be visible than there is", field=field)


def _check_precision(wish: Wish, market: Market) -> None:
    check_grid("price", wish.price, market.tick)
    check_grid("quantity", wish.quantity, market.step)
    check_grid("stop_price", wish.stop_price, market.tick)
    check_grid("callback_rate", wish.callback, RATE_STEP)
    check_grid("activation_price", wish.activation_price, market.tick)
    check_grid("visible_quantity", wish.visible, market.step)


def _check_type(wish: Wish, fields: Fields, market: Market) -> None:
    """What the type needs, and nothing that belongs to other types only."""
    kind = KINDS[wish.kind]
    if kind.price is Price.MUST_NOT_BE and wish.price is not None:
        raise Problem("INVALID_PRICE", f"A {wish.kind} order has no price", field="price")
    if kind.price is Price.MUST_BE and wish.price is None:
        raise Problem("INVALID_PRICE", f"A {wish.kind} order needs a price", field="price")
    fields.require(*kind.needs)
    for name in SPECIAL_MEMBERS:
        if fields.has(name) and name not in kind.needs + kind.allows:
            raise invalid(name, f"{name} is not for {wish.kind} orders")
    for name, value in (
        ("price", wish.price),
        ("stop_price", wish.stop_price),
        ("activation_price", wish.activation_price),
    ):
        check_price(name, value)
    if wish.callback is not None and not LEAST_CALLBACK <= wish.callback <= MOST_CALLBACK:
        raise invalid("callback_rate", f"callback_rate must lie between {LEAST_CALLBACK} and {MOST_CALLBACK}")
    if wish.visible is not None:
        check_visible(wish.visible, wish.quantity, field="visible_quantity")
        check_size(wish.visible, market, field="visible_quantity")
    if wish.time not in kind.times_for(has_price=wish.price is not None):
        raise invalid("time_in_force", f"{wish.time} is not allowed for this {wish.kind} order")


def _expiry(wish: Wish, now_us: int) -> int | None:
    if wish.time != "GTT":
        if wish.expire_ms is not None:
            raise invalid("expire_time", "expire_time is for GTT orders")
        return None
    if wish.expire_ms is None:
        raise missing("expire_time")
    if not now_us // 1000 < wish.expire_ms < 10**15:
        raise invalid("expire_time", "expire_time must lie in the future")
    return wish.expire_ms * 1000


def _request(wish: Wish, client_order_id: str | None, expires_us: int | None) -> OrderRequest:
    return OrderRequest(
        symbol=wish.symbol,
        side=Side(wish.side),
        type=OrderType.MARKET if wish.price is None else OrderType.LIMIT,
        quantity=wish.quantity,
        price=wish.price,
        time_in_force=TimeInForce.GTC if wish.time == "GTT" else TimeInForce(wish.time),
        post_only=wish.kind == "post_only",
        reduce_only=wish.reduce_only,
        client_id=client_order_id,
        expires_us=expires_us,
        visible=wish.visible,
        trigger=_trigger(wish),
    )


def _trigger(wish: Wish) -> Trigger | None:
    """A stop waits for the price to go the order's own way, a take-profit for the other, a trail for its turning."""
    is_buy, source = wish.side == "buy", SOURCES[wish.source]
    if wish.callback is not None:
        return Trigger(source, wish.activation_price, rises=is_buy, callback=wish.callback)
    if wish.stop_price is None:
        return None
    return Trigger(source, wish.stop_price, rises=is_buy if wish.kind != "take_profit" else not is_buy)
