"""A price-time order book and its update id.

Every change of a level's quantity takes one id. Which levels changed since the last look is kept as a set, so that
many changes can be told as one.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator
from decimal import Decimal

from sandbox.matching.events import BookChange
from sandbox.matching.order import Order

ZERO = Decimal(0)


class Level:
    """The orders resting at one price, oldest first."""

    __slots__ = ("orders", "price", "quantity")

    def __init__(self, price: Decimal) -> None:
        self.price = price
        self.quantity = ZERO
        self.orders: OrderedDict[int, Order] = OrderedDict()

    def oldest(self) -> Order:
        return next(iter(self.orders.values()))


class BookSide:
    """One side of a book. `prices` ascends on both sides; the best bid is its last element, the best ask its first."""

    __slots__ = ("_best", "levels", "prices")

    def __init__(self, *, is_bid: bool) -> None:
        self.prices: list[Decimal] = []
        self.levels: dict[Decimal, Level] = {}
        self._best = -1 if is_bid else 0

    def best(self) -> Level | None:
        return self.levels[self.prices[self._best]] if self.prices else None

    def best_first(self) -> Iterator[Level]:
        prices = reversed(self.prices) if self._best else iter(self.prices)
        return (self.levels[price] for price in prices)

    def ascending(self, limit: int) -> list[tuple[Decimal, Decimal]]:
        """The best `limit` levels as (price, quantity), lowest price first."""
        prices = self.prices[-limit:] if self._best else self.prices[:limit]
        return [(price, self.levels[price].quantity) for price in prices]

    def quantity_at(self, price: Decimal) -> Decimal:
        level = self.levels.get(price)
        return level.quantity if level else ZERO

    def add(self, order: Order, price: Decimal) -> None:
        level = self.levels.get(price)
        if level is None:
            level = self.levels[price] = Level(price)
            insort(self.prices, price)
        level.orders[order.id] = order
        level.quantity += order.remaining - order.hidden

    def refill(self, order: Order, price: Decimal, quantity: Decimal) -> None:
        """Show `quantity` more of what an order hides, as the youngest of its level."""
        level = self.levels[price]
        order.hidden -= quantity
        level.quantity += quantity
        level.orders.move_to_end(order.id)

    def shrink(self, order: Order, price: Decimal, quantity: Decimal) -> None:
        """Take `quantity` off what a resting order shows; it keeps its place, and nothing left at all removes it."""
        level = self.levels[price]
        level.quantity -= quantity
        order.remaining -= quantity
        if not order.remaining:
            del level.orders[order.id]
        if not level.orders:
            del self.levels[price]
            del self.prices[bisect_left(self.prices, price)]


class Book:
    """Both sides of one market."""

    __slots__ = (
        "_changed_asks",
        "_changed_bids",
        "_seen_id",
        "asks",
        "bids",
        "last_price",
        "skipped",
        "symbol",
        "trade_id",
        "update_id",
    )

    def __init__(self, symbol: str, *, last_price: Decimal, update_id: int = 0) -> None:
        self.symbol = symbol
        self.bids = BookSide(is_bid=True)
        self.asks = BookSide(is_bid=False)
        self.update_id = update_id
        self.skipped = 0  # update ids that nobody was or will be told
        self.trade_id = 0
        self.last_price = last_price
        self._seen_id = update_id
        self._changed_bids: dict[Decimal, None] = {}
        self._changed_asks: dict[Decimal, None] = {}

    def add(self, order: Order, price: Decimal) -> None:
        self._side(order).add(order, price)
        self._changed(order, price)

    def shrink(self, order: Order, price: Decimal, quantity: Decimal) -> None:
        """Make a resting order smaller: what it hides goes first."""
        if order.hidden:
            unseen = min(order.hidden, quantity)
            order.hidden -= unseen
            order.remaining -= unseen
            quantity -= unseen
            if not quantity:
                return
        self._side(order).shrink(order, price, quantity)
        self._changed(order, price)

    def trade(self, order: Order, price: Decimal, quantity: Decimal) -> None:
        """Take a trade off what a resting order shows. An iceberg that shows nothing any more shows its next part."""
        side = self._side(order)
        side.shrink(order, price, quantity)
        if order.hidden and order.remaining == order.hidden:
            side.refill(order, price, min(order.request.visible or ZERO, order.hidden))
        self._changed(order, price)

    def pass_id(self) -> None:
        """Use up an update id without a change, unless one was used anyway since this was last looked at."""
        if self._seen_id == self.update_id:
            self.update_id += 1

    def skip_ids(self, count: int) -> None:
        """Use up update ids of which no change will tell: after what was told last there is a gap."""
        self.update_id += count
        self.skipped += count
        self._seen_id += count

    def take_change(self, time_us: int) -> BookChange | None:
        """What changed since this was last asked, as one; None if nothing did."""
        if self._seen_id == self.update_id:
            return None
        change = BookChange(
            symbol=self.symbol,
            first_id=self._seen_id + 1,
            last_id=self.update_id,
            bids=[(price, self.bids.quantity_at(price)) for price in sorted(self._changed_bids)],
            asks=[(price, self.asks.quantity_at(price)) for price in sorted(self._changed_asks)],
            time_us=time_us,
        )
        self._seen_id = self.update_id
        self._changed_bids.clear()
        self._changed_asks.clear()
        return change

    def _side(self, order: Order) -> BookSide:
        return self.bids if order.is_buy else self.asks

    def _changed(self, order: Order, price: Decimal) -> None:
        self.update_id += 1
        (self._changed_bids if order.is_buy else self._changed_asks)[price] = None
