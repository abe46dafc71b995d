"""A new order as a client asks for it, and the checks that cost no budget. Pure.

Off the grid is refused with the nearest valid values, never rounded: the gateway does not change an order.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import msgspec

from adapters.contract import Capabilities, ParamKind
from adapters.models import (
    NO_OPTIONS,
    AccountName,
    Market,
    MarketStatus,
    OrderOptions,
    OrderType,
    SelfTradePrevention,
    Side,
    TimeInForce,
    TriggerPriceType,
)
from gateway.errors import Code, Outcome, Refusal
from gateway.numbers import EXACT, is_decimal, neighbours, on_grid, plain
from gateway.orders.order_types import RULES, SPECIAL, default_time_in_force


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
    options: OrderOptions = NO_OPTIONS
    labels: tuple[str, ...] = ()
    valid_until_ms: int | None = None
    max_wait_s: float | None = None

    @property
    def effective_time_in_force(self) -> TimeInForce:
        if self.time_in_force is not None:
            return self.time_in_force
        return default_time_in_force(self.type, has_price=self.price is not None)

    def special(self, name: str) -> Decimal | TriggerPriceType | None:
        """A member that not every type has."""
        found: Decimal | TriggerPriceType | None = self.price if name == "price" else getattr(self.options, name)
        return found

    def content_hash(self, market: Market) -> bytes:
        """What makes two requests the same order: neither spelling, nor deadlines, nor labels."""
        content: list[object] = [
            market.venue, self.account, market.symbol, self.side, self.type, _text(self.quantity),
            _text(self.quote_quantity), _text(self.price), self.effective_time_in_force, self.reduce_only,
            self.self_trade_prevention,
        ]  # fmt: skip
        if self.options != NO_OPTIONS:
            content.append(present(self.options))
        return hashlib.sha256(msgspec.json.encode(content, order="sorted")).digest()


def present(options: OrderOptions) -> dict[str, object]:
    """The options an order has, in plain notation."""
    values = {name: getattr(options, name) for name in OrderOptions.__dataclass_fields__}
    return {
        name: plain(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
        if value not in (None, {})
    }


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def check(order: NewOrder, market: Market, capabilities: Capabilities) -> None:
    """Find what would make the order impossible at this venue on this market.

    Raises `Refusal` naming the field; its outcome is `not_sent`.
    """
    _check_capabilities(order, market, capabilities)
    _check_members(order)
    _check_status(order, market)
    options = order.options
    prices = {"price": order.price, "stop_price": options.stop_price, "activation_price": options.activation_price}
    for field, price in prices.items():
        if price is not None:
            _check_grid(field, price, market.tick_size)
            _check_bounds(field, price, market.min_price, market.max_price)
    for field, quantity in {"quantity": order.quantity, "visible_quantity": options.visible_quantity}.items():
        if quantity is not None:
            _check_grid(field, quantity, market.step_size)
            _check_bounds(field, quantity, market.min_quantity, market.max_quantity)
    if order.quantity is not None and options.visible_quantity is not None:
        _check_bounds("visible_quantity", options.visible_quantity, None, order.quantity, maximum_of="order")
    if options.callback_rate is not None and not 0 < options.callback_rate < 1:
        raise _invalid("callback_rate", "callback_rate is a share of the price, between 0 and 1")
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
    if (watched := order.options.trigger_price_type) is not None:
        _check_supported("trigger_price_type", watched, capabilities.trigger_price_types, market)
    for name, value in order.options.venue_params.items():
        _check_venue_param(name, value, capabilities, market)


def _check_venue_param(name: str, value: object, capabilities: Capabilities, market: Market) -> None:
    field, kind = f"venue_params.{name[:64]}", capabilities.venue_params.get(name)
    match kind:
        case None:
            known = sorted(capabilities.venue_params)
            details: dict[str, object] = {"supported": known}
            raise _refuse(Code.NOT_SUPPORTED, field, f"{market.venue} has no such parameter of orders", details=details)
        case ParamKind.BOOLEAN:
            is_right, wanted = isinstance(value, bool), "true or false"
        case ParamKind.DECIMAL:
            is_right, wanted = is_decimal(value), "a decimal string"
        case words:
            is_right, wanted = value in words, " or ".join(words)
    if not is_right:
        raise _invalid(field, f"{market.venue} wants {wanted} there")


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
    rules = RULES[order.type]
    for name in SPECIAL:
        if order.special(name) is None and name in rules.needs:
            raise _invalid(name, f"a {order.type.value} order needs a {name}")
        if order.special(name) is not None and name not in rules.needs | rules.may_have:
            raise _invalid(name, f"a {order.type.value} order has no {name}")
    times = rules.times(has_price=order.price is not None)
    if order.effective_time_in_force not in times:
        raise _invalid("time_in_force", f"a {order.type.value} order like this may be {', '.join(sorted(times))}")
    if (order.options.expire_time_ms is not None) != (order.time_in_force is TimeInForce.GTT):
        raise _invalid("expire_time", "expire_time belongs to time_in_force GTT, and GTT needs one")


def _check_status(order: NewOrder, market: Market) -> None:
    open_for = {
        MarketStatus.TRADING: True,
        MarketStatus.LIMIT_ONLY: order.price is not None,
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
    field: str,
    value: Decimal,
    minimum: Decimal | None,
    maximum: Decimal | None,
    *,
    what: str | None = None,
    maximum_of: str = "market",
) -> None:
    if value <= 0:
        raise _invalid(field, f"{what or field} must be above zero")
    if minimum is not None and value < minimum:
        raise _invalid(field, f"{what or field} {plain(value)} is below the market's minimum {plain(minimum)}")
    if maximum is not None and value > maximum:
        raise _invalid(field, f"{what or field} {plain(value)} is above the {maximum_of}'s maximum {plain(maximum)}")


def _invalid(field: str, message: str) -> Refusal:
    return _refuse(Code.INVALID_PARAMETER, field, message)


def _refuse(code: Code, field: str, message: str, *, details: dict[str, object] | None = None) -> Refusal:
    return Refusal(code, message, field=field, details=details, outcome=Outcome.NOT_SENT)
