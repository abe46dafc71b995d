"""A new order as a client asks for it, and the checks that cost no budget. Pure.

Off the grid is refused with the nearest valid values, never rounded: the gateway does not change an order.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import msgspec

from adapters.contract import Capabilities
from adapters.models import AccountName, Market, MarketStatus, OrderType, SelfTradePrevention, Side, TimeInForce
from gateway.errors import Code, Outcome, Refusal
from gateway.numbers import EXACT, neighbours, on_grid, plain


@dataclass(frozen=True, slots=True)
class NewOrder:
    account: AccountName
    symbol: str
    side: Side
    type: OrderType
    client_order_id: str
    quantity: Decimal | None = None
    quote_quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: TimeInForce | None = None
    reduce_only: bool = False
    self_trade_prevention: SelfTradePrevention | None = None
    cancel_if_unknown: bool = False
    labels: tuple[str, ...] = ()
    valid_until_ms: int | None = None
    max_wait_s: float | None = None

    @property
    def effective_time_in_force(self) -> TimeInForce:
        if self.time_in_force is not None:
            return self.time_in_force
        return TimeInForce.IOC if self.type is OrderType.MARKET else TimeInForce.GTC

    def content_hash(self, market: Market) -> bytes:
        """What makes two requests the same order: neither spelling, nor deadlines, nor labels."""
        content = [
            market.venue, self.account, market.symbol, self.side, self.type, _text(self.quantity),
            _text(self.quote_quantity), _text(self.price), self.effective_time_in_force, self.reduce_only,
            self.self_trade_prevention,
        ]  # fmt: skip
        if self.cancel_if_unknown:  # the others' hashes stay what they were
            content.append("cancel if unknown")
        return hashlib.sha256(msgspec.json.encode(content)).digest()


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def check(order: NewOrder, market: Market, capabilities: Capabilities) -> None:
    """Find what would make the order impossible at this venue on this market.

    Raises `Refusal` naming the field; its outcome is `not_sent`.
    """
    _check_capabilities(order, market, capabilities)
    _check_members(order)
    _check_status(order, market)
    if order.price is not None:
        _check_grid("price", order.price, market.tick_size)
        _check_bounds("price", order.price, market.min_price, market.max_price)
    if order.quantity is not None:
        _check_grid("quantity", order.quantity, market.step_size)
        _check_bounds("quantity", order.quantity, market.min_quantity, market.max_quantity)
    if order.quote_quantity is not None:
        _check_bounds("quote_quantity", order.quote_quantity, market.min_notional, None)
    if order.price is not None and order.quantity is not None and market.min_notional is not None:
        notional = EXACT.multiply(order.price, order.quantity)
        _check_bounds("quantity", notional, market.min_notional, None, what="price times quantity")


def _check_capabilities(order: NewOrder, market: Market, capabilities: Capabilities) -> None:
    _check_supported("type", order.type, capabilities.order_types, market)
    if order.time_in_force is not None:
        _check_supported("time_in_force", order.time_in_force, capabilities.times_in_force, market)
    if order.self_trade_prevention is not None:
        supported = capabilities.self_trade_prevention
        _check_supported("self_trade_prevention", order.self_trade_prevention, supported, market)
    if order.reduce_only and not capabilities.reduce_only:
        raise _refuse(Code.NOT_SUPPORTED, "reduce_only", f"{market.venue} has no reduce-only orders")
    if order.quote_quantity is not None and not capabilities.market_by_quote_quantity:
        raise _refuse(Code.NOT_SUPPORTED, "quote_quantity", f"{market.venue} takes orders by `quantity` only")


def _check_supported(field: str, value: StrEnum, supported: Iterable[StrEnum], market: Market) -> None:
    if value not in supported:
        raise _refuse(
            Code.NOT_SUPPORTED,
            field,
            f"{market.venue} does not support {field} {value.value!r}",
            details={"supported": sorted(supported)},
        )


def _check_members(order: NewOrder) -> None:
    if (order.quantity is None) == (order.quote_quantity is None):
        raise _invalid("quantity", "give either `quantity` or `quote_quantity`")
    if order.quote_quantity is not None and order.type is not OrderType.MARKET:
        raise _invalid("quote_quantity", "only a market order can be given by `quote_quantity`")
    if order.type is OrderType.MARKET and order.price is not None:
        raise _invalid("price", "a market order has no price")
    if order.type is not OrderType.MARKET and order.price is None:
        raise _invalid("price", f"a {order.type.value} order needs a price")
    resting_only = {TimeInForce.IOC, TimeInForce.FOK}
    if order.type is OrderType.POST_ONLY and order.effective_time_in_force in resting_only:
        raise _invalid("time_in_force", "a post_only order rests; IOC and FOK never do")
    if order.type is OrderType.MARKET and order.effective_time_in_force not in resting_only:
        raise _invalid("time_in_force", "a market order never rests; leave time_in_force out, or say IOC or FOK")


def _check_status(order: NewOrder, market: Market) -> None:
    open_for = {
        MarketStatus.TRADING: True,
        MarketStatus.LIMIT_ONLY: order.type is not OrderType.MARKET,
        MarketStatus.POST_ONLY: order.type is OrderType.POST_ONLY,
    }
    if not open_for.get(market.status, False):
        raise Refusal(
            Code.ORDER_REJECTED,
            f"{market.symbol} at {market.venue} is {market.status.value}: it takes no {order.type.value} order now",
            outcome=Outcome.NOT_SENT,
            venue=market.venue,
            details={"market_status": market.status},
        )


def _check_grid(field: str, value: Decimal, step: Decimal) -> None:
    if not on_grid(value, step):
        nearest = [plain(near) for near in neighbours(value, step) if near > 0]
        raise _refuse(
            Code.INVALID_PRECISION,
            field,
            f"{field} {plain(value)} is not a multiple of {plain(step)}; nearest are {' and '.join(nearest)}",
            details={"step": plain(step), "nearest": nearest},
        )


def _check_bounds(
    field: str, value: Decimal, minimum: Decimal | None, maximum: Decimal | None, *, what: str | None = None
) -> None:
    if value <= 0:
        raise _invalid(field, f"{what or field} must be above zero")
    if minimum is not None and value < minimum:
        raise _invalid(field, f"{what or field} {plain(value)} is below the market's minimum {plain(minimum)}")
    if maximum is not None and value > maximum:
        raise _invalid(field, f"{what or field} {plain(value)} is above the market's maximum {plain(maximum)}")


def _invalid(field: str, message: str) -> Refusal:
    return _refuse(Code.INVALID_PARAMETER, field, message)


def _refuse(code: Code, field: str, message: str, *, details: dict[str, object] | None = None) -> Refusal:
    return Refusal(code, message, field=field, details=details, outcome=Outcome.NOT_SENT)
