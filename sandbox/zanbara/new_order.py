"""Reads a new order in the venue's order of checks, up to where the engine takes over.

Members there, types and names, symbol, precision, size, what the type allows, number of open orders. The engine checks
reduce-only and balance next, and alone knows whether a post-only order would match. Conditional and iceberg orders are
not simulated: their types are refused as unknown.
"""

from decimal import Decimal

from sandbox.matching import Account, Market, OrderRequest, OrderType, Side, TimeInForce
from sandbox.matching.admission import decimals
from sandbox.zanbara.bodies import Fields
from sandbox.zanbara.errors import Problem, halted, invalid, missing, unknown_symbol
from sandbox.zanbara.markets import MAX_OPEN_ORDERS
from sandbox.zanbara.wire import fixed

MAX_DECIMALS = 8
TIMES = {
    "limit": ("GTC", "IOC", "FOK", "GTT"),
    "market": ("IOC", "FOK"),
    "post_only": ("GTC", "GTT"),
}
UNUSED_NUMBERS = ("stop_price", "callback_rate", "activation_price", "visible_quantity")


def read_new_order(
    fields: Fields, account: Account, markets: dict[str, Market], is_halted: frozenset[str], now_us: int
) -> OrderRequest:
    """One order as the engine takes it; raises `Problem` at the first check that fails."""
    fields.require("symbol", "side", "type", "quantity")
    symbol = fields.text("symbol") or ""
    side = fields.choice("side", ("buy", "sell"))
    kind = fields.choice("type", TIMES)
    quantity, price = fields.decimal("quantity") or Decimal(0), fields.decimal("price")
    time = fields.choice("time_in_force", ("GTC", "IOC", "FOK", "GTT"), "IOC" if kind == "market" else "GTC")
    expire_ms = fields.integer("expire_time")
    reduce_only = fields.boolean("reduce_only")
    fields.choice("trigger_price_type", ("mark", "last"))
    for name in UNUSED_NUMBERS:
        fields.decimal(name)
    market = tradable(symbol, markets, is_halted)
    check_grid("price", price, market.tick)
    check_grid("quantity", quantity, market.step)
    check_size(quantity, market)
    _check_type(kind, price, time)
    expires_us = _expiry(time, expire_ms, now_us)
    _check_room(account, market)
    return OrderRequest(
        symbol=symbol,
        side=Side(side),
        type=OrderType.MARKET if kind == "market" else OrderType.LIMIT,
        quantity=quantity,
        price=price,
        time_in_force=TimeInForce.GTC if time == "GTT" else TimeInForce(time),
        post_only=kind == "post_only",
        reduce_only=reduce_only,
        client_id=fields.client_order_id(),
        expires_us=expires_us,
    )


def tradable(symbol: str, markets: dict[str, Market], is_halted: frozenset[str]) -> Market:
    market = markets.get(symbol)
    if market is None:
        raise unknown_symbol()
    if symbol in is_halted:
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


def check_size(quantity: Decimal, market: Market) -> None:
    if not quantity:
        raise Problem("INVALID_QUANTITY", "quantity must be positive", field="quantity")
    if quantity < market.min_quantity:
        raise Problem("ORDER_SIZE_TOO_SMALL", f"Minimum is {fixed(market.min_quantity)}", field="quantity")
    if market.max_quantity is not None and quantity > market.max_quantity:
        raise Problem("ORDER_SIZE_TOO_LARGE", f"Maximum is {fixed(market.max_quantity)}", field="quantity")


def _check_type(kind: str, price: Decimal | None, time: str) -> None:
    if kind == "market" and price is not None:
        raise Problem("INVALID_PRICE", "A market order has no price", field="price")
    if kind != "market" and not price:
        raise Problem("INVALID_PRICE", "price must be given and positive", field="price")
    if time not in TIMES[kind]:
        raise invalid("time_in_force", f"{time} is not allowed for {kind} orders")


def _expiry(time: str, expire_ms: int | None, now_us: int) -> int | None:
    if time != "GTT":
        if expire_ms is not None:
            raise invalid("expire_time", "expire_time is for GTT orders")
        return None
    if expire_ms is None:
        raise missing("expire_time")
    if not now_us // 1000 < expire_ms < 10**15:
        raise invalid("expire_time", "expire_time must lie in the future")
    return expire_ms * 1000


def _check_room(account: Account, market: Market) -> None:
    if sum(order.market is market for order in account.open_orders.values()) >= MAX_OPEN_ORDERS:
        raise Problem("TOO_MANY_OPEN_ORDERS", f"No more than {MAX_OPEN_ORDERS} open orders in a trading pair")
