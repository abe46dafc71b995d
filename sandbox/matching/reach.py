"""What an order could trade with, asked of the book as it is: sides, crossing, bounds, sizes. Changes nothing."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from sandbox.matching.book import Book, BookSide, Level
from sandbox.matching.order import Expiry, Order, Origin, SelfTrade

ZERO = Decimal(0)


class Bound(NamedTuple):
    """The worst price an order may trade at (none: any), and how an order ends that would have to go beyond."""

    price: Decimal | None = None
    expiry: Expiry = Expiry.PRICE_IMPACT


def opposite(order: Order, book: Book) -> BookSide:
    """The side an order trades with."""
    return book.asks if order.is_buy else book.bids


def side_of(order: Order, book: Book) -> BookSide:
    """The side an order rests on."""
    return book.bids if order.is_buy else book.asks


def crosses(order: Order, price: Decimal, bound: Decimal | None) -> bool:
    """Whether an order may trade at a price; no bound allows any."""
    if bound is None:
        return True
    return price <= bound if order.is_buy else price >= bound


def bound_of(order: Order, book: Book) -> Bound:
    """An order's limit; for a market order what the market's impact bound and its own tolerance leave of the book."""
    if order.price is not None:
        return Bound(order.price)
    best = opposite(order, book).best()
    if best is None or order.origin is Origin.LIQUIDATION:
        return Bound()
    bounds = []
    if (impact := order.market.impact) is not None:
        bounds.append(Bound(best.price * (impact.high if order.is_buy else impact.low)))
    if (slippage := order.request.slippage) is not None:
        unit = order.market.tick if slippage.in_ticks else best.price / 100
        away = slippage.value * unit
        bounds.append(Bound(best.price + away if order.is_buy else best.price - away, Expiry.SLIPPAGE))
    if not bounds:
        return Bound()
    tightest = min if order.is_buy else max
    return tightest(bounds, key=lambda bound: bound.price or ZERO)


def wanted_at(order: Order, price: Decimal) -> Decimal:
    """How much base the order would still trade at this price, on the step grid."""
    if order.quantity is not None:
        return fillable(order)
    left = (order.request.quote_quantity or ZERO) - order.executed_quote
    wanted = left / price
    if order.request.reduce_only:
        wanted = min(wanted, reducible(order))
    return wanted - wanted % order.market.step


def fillable(order: Order) -> Decimal:
    """How much of an order's rest may trade: a reduce-only one no more than there is to reduce."""
    return min(order.remaining, reducible(order)) if order.request.reduce_only else order.remaining


def reducible(order: Order) -> Decimal:
    """How much of the opposite position there is to reduce."""
    position = order.account.positions.get(order.market.symbol)
    if position is None or (position.quantity > 0) == order.is_buy:
        return ZERO
    return abs(position.quantity)


def _reachable(order: Order, book: Book, bound: Decimal | None) -> Iterable[Level]:
    for level in opposite(order, book).best_first():
        if not crosses(order, level.price, bound):
            return
        yield level


def market_cost(order: Order, book: Book, bound: Decimal | None) -> Decimal:
    """What a spot market order takes from the account: quote for a buy, base for a sell."""
    if not order.is_buy and order.quantity is not None:
        return order.quantity
    if order.is_buy and order.request.quote_quantity is not None:
        return order.request.quote_quantity
    base_left, quote_left = order.quantity, order.request.quote_quantity
    base = quote = ZERO
    for level in _reachable(order, book, bound):
        quantity = level.quantity
        if base_left is not None:
            quantity = min(quantity, base_left - base)
        elif quote_left is not None:
            quantity = min(quantity, (quote_left - quote) / level.price)
        if not quantity:
            break
        base += quantity
        quote += quantity * level.price
    return quote if order.is_buy else base


def can_fill(order: Order, book: Book, bound: Decimal | None) -> bool:
    """Whether a fill-or-kill order would fill completely, its own orders not counted."""
    if order.quantity is not None and fillable(order) < order.remaining:
        return False
    base, quote_left = order.remaining, order.request.quote_quantity or ZERO
    for level in _reachable(order, book, bound):
        for maker in level.orders.values():
            if maker.account is order.account:
                if order.request.self_trade is SelfTrade.REJECT_MAKER:
                    continue
                return False
            base -= fillable(maker)
            quote_left -= fillable(maker) * level.price
            if (base if order.quantity is not None else quote_left) <= 0:
                return True
    return False
