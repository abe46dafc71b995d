"""Limits on one order, and what of it counts against the others. Pure.

An order that only reduces a position keeps to the price band, the rate and the allowed symbols, and to nothing else:
flattening must never be locked out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Protocol

from adapters.models import Market, OrderOptions, OrderType, Side
from gateway.errors import Code, Outcome, Refusal
from gateway.numbers import EXACT, plain
from gateway.settings import LimitSettings

UNITS_PER_QUOTE = 10_000
UNITS_MAX = 10**15
"""More than any limit, and still exact where Redis' scripts add it up."""


class LevelKind(StrEnum):
    DESK = "desk"
    CLIENT = "client"
    ACCOUNT = "account"
    MARKET = "market"


@dataclass(frozen=True, slots=True)
class Level:
    """One desk, client, account or market, and its limits."""

    kind: LevelKind
    name: str
    limits: LimitSettings

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"

    @property
    def is_counted(self) -> bool:
        """Whether other orders have a part in whether one is admitted."""
        limits = self.limits
        return any(limit is not None for limit in (limits.max_open_orders, limits.daily_notional, limits.order_rate))


class Asked(Protocol):
    """What of an order the limits look at."""

    @property
    def side(self) -> Side: ...
    @property
    def type(self) -> OrderType: ...
    @property
    def quantity(self) -> Decimal | None: ...
    @property
    def quote_quantity(self) -> Decimal | None: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def reduce_only(self) -> bool: ...
    @property
    def options(self) -> OrderOptions: ...


def needs_price(asked: Asked, levels: Iterable[Level]) -> bool:
    """Whether the market's price has a part in the answer."""
    for level in levels:
        limits = level.limits
        if limits.price_band is not None:
            return True
        if asked.reduce_only:
            continue
        if limits.max_quantity is not None and asked.quantity is None:
            return True
        if (limits.max_notional is not None or limits.daily_notional is not None) and _is_valued_by_market(asked):
            return True
    return False


def check(asked: Asked, market: Market, price: Decimal | None, levels: Sequence[Level]) -> None:
    """Find the first limit that the order alone is beyond; `price` is the market's, None if no fresh one is known.

    Raises `Refusal`, `not_sent`: with the level, the limit, what it allows and what the order would be.
    """
    for level in levels:
        _check_symbol(market, level)
        _check_band(asked, price, level)
        if not asked.reduce_only:
            _check_quantity(asked, market, price, level)
            _check_notional(asked, market, price, level)


def notional(asked: Asked, market: Market, price: Decimal | None) -> Decimal | None:
    """What the order may trade at most, in quote units; None if that takes a price that is not known.

    A sale that may take trades at the market's price where that is better than its own; an order that comes to life
    later is worth at least what it would be where that happens.
    """
    if asked.quote_quantity is not None:
        return asked.quote_quantity
    known = [asked.price, asked.options.stop_price, asked.options.activation_price]
    if _is_valued_by_market(asked):
        if price is None:
            return None
        known.append(price)
    if asked.quantity is None:
        return None
    highest = max(one for one in known if one is not None)
    return EXACT.multiply(EXACT.multiply(highest, asked.quantity), market.contract_size)


def units(quote: Decimal) -> int:
    """An amount in the integer units that are counted in, rounded up."""
    if quote * UNITS_PER_QUOTE >= UNITS_MAX:
        return UNITS_MAX
    return int(EXACT.multiply(quote, Decimal(UNITS_PER_QUOTE)).to_integral_value(ROUND_CEILING))


def amount(counted: int) -> Decimal:
    """Counted units as an amount."""
    return EXACT.divide(Decimal(counted), Decimal(UNITS_PER_QUOTE))


def rejected(
    level: Level, limit: str, *, allowed: str, would_be: str | None, message: str, field: str | None
) -> Refusal:
    """The refusal of an order that is beyond a limit."""
    return Refusal(
        Code.RISK_REJECTED,
        f"{level.kind} {level.name}, {limit}: {message}",
        field=field,
        details={
            "level": level.kind, "name": level.name, "limit": limit, "allowed": allowed, "would_be": would_be,
        },
        outcome=Outcome.NOT_SENT,
    )  # fmt: skip


def size_field(asked: Asked) -> str:
    """Which member of the order says how large it is."""
    return "quantity" if asked.quote_quantity is None else "quote_quantity"


def price_unknown(level: Level, limit: str, allowed: Decimal, *, field: str) -> Refusal:
    """The refusal of an order that cannot be judged, because no fresh price of the market is known."""
    return rejected(
        level, limit, allowed=plain(allowed), would_be=None, field=field,
        message="no fresh price of the market is known now, and this order cannot be judged without one",
    )  # fmt: skip


def _is_valued_by_market(asked: Asked) -> bool:
    if asked.quote_quantity is not None:
        return False
    return asked.price is None or (asked.side is Side.SELL and asked.type is not OrderType.POST_ONLY)


def _check_symbol(market: Market, level: Level) -> None:
    allowed = level.limits.allowed_symbols
    if allowed is not None and market.symbol not in allowed and market.venue_symbol not in allowed:
        raise rejected(
            level, "allowed_symbols", allowed=", ".join(sorted(allowed)), would_be=market.symbol, field="symbol",
            message=f"{market.symbol} is not among the markets it may trade",
        )  # fmt: skip


def _check_band(asked: Asked, price: Decimal | None, level: Level) -> None:
    band = level.limits.price_band
    if band is None:
        return
    if price is None:
        raise price_unknown(level, "price_band", band, field="type" if asked.price is None else "price")
    if asked.price is None:
        return
    price = _where_it_trades(asked, price)
    if asked.side is Side.BUY:
        edge = EXACT.multiply(price, EXACT.add(Decimal(1), band))
        is_beyond, where = asked.price > edge, "above"
    else:
        edge = EXACT.multiply(price, EXACT.subtract(Decimal(1), band))
        is_beyond, where = asked.price < edge, "below"
    if is_beyond:
        raise rejected(
            level, "price_band", allowed=plain(edge), would_be=plain(asked.price), field="price",
            message=f"the price {plain(asked.price)} is {where} {plain(edge)}, {plain(band)} from the market's "
            f"{plain(price)}",
        )  # fmt: skip


def _where_it_trades(asked: Asked, price: Decimal) -> Decimal:
    """The market's price when the order comes to life, or what is stricter."""
    stop = asked.options.stop_price
    if stop is None:
        return price
    if asked.type is OrderType.TAKE_PROFIT:  # where the market is past its stop already, it comes to life at once
        return min(stop, price) if asked.side is Side.BUY else max(stop, price)
    return stop


def _check_quantity(asked: Asked, market: Market, price: Decimal | None, level: Level) -> None:
    allowed = level.limits.max_quantity
    if allowed is None:
        return
    quantity = asked.quantity
    if quantity is None and asked.quote_quantity is not None:
        if price is None:
            raise price_unknown(level, "max_quantity", allowed, field="quote_quantity")
        quantity = EXACT.divide(asked.quote_quantity, EXACT.multiply(price, market.contract_size))
    if quantity is not None and quantity > allowed:
        shown = plain(quantity if asked.quantity is not None else round(quantity, 8))
        raise rejected(
            level, "max_quantity", allowed=plain(allowed), would_be=shown, field=size_field(asked),
            message=f"an order may be at most {plain(allowed)} {market.base}, and this is {shown}",
        )  # fmt: skip


def _check_notional(asked: Asked, market: Market, price: Decimal | None, level: Level) -> None:
    for limit, allowed in (
        ("max_notional", level.limits.max_notional),
        ("daily_notional", level.limits.daily_notional),
    ):
        if allowed is None:
            continue
        value = notional(asked, market, price)
        if value is None:
            raise price_unknown(level, limit, allowed, field=size_field(asked))
        if value > allowed:
            raise rejected(
                level, limit, allowed=plain(allowed), would_be=plain(value), field=size_field(asked),
                message=f"this order alone is worth {plain(value)} {market.quote}, of {plain(allowed)} allowed",
            )  # fmt: skip
