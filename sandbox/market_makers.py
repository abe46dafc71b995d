"""The house: makers that quote around the fair price of the moment, and a small taker.

Pure and seeded: what happens depends on the seed and the times of the ticks alone. Prices are counted in ticks and
quantities in steps, as integers: no float enters the book.
"""

from decimal import Decimal
from random import Random

from sandbox.matching import Engine, Market, Order, OrderRequest, OrderType, Refusal, Side, TimeInForce
from sandbox.prices import UNIT, PricePath

HOUSE_CASH = Decimal(10) ** 12
LEVELS = 12
INDEX_QUANTUM = Decimal("1e-8")


class Quoter:
    """One market's fair price and the quotes around it."""

    def __init__(self, engine: Engine, market: Market, random: Random, path: PricePath) -> None:
        self._engine = engine
        self._random = random
        self._path = path
        self._index_start = market.index_price or market.start_price
        self._quotes: dict[tuple[Side, int], Order] = {}
        self._learn(market)
        self._maker = engine.open_account(f"house-maker-{market.symbol}", self._cash(), watched=False)
        self._taker = engine.open_account(f"house-taker-{market.symbol}", self._cash(), watched=False)

    def _learn(self, market: Market) -> None:
        """Count prices and quantities by this market's grid."""
        self._market = market
        self._start = self._fair = int(market.start_price / market.tick)
        self._spread = max(1, self._fair // 10_000)  # about one basis point to each side
        # A typical order is worth some 500 of the quote asset; a level in the book is a few of these.
        self._lot = max(1, int(Decimal(500) / market.start_price / market.step))

    def tick(self, now_us: int, passed_us: int) -> None:
        """Move the fair price to that of `passed_us`, quote around it, and sometimes trade."""
        market = self._engine.markets[self._market.symbol]
        if market is not self._market:
            self._withdraw(now_us)
            self._learn(market)
        self._fair = self._fair_at(passed_us)
        self._quote(now_us)
        if self._random.randrange(4) == 0:
            self._take(now_us)

    def _fair_at(self, passed_us: int) -> int:
        """The fair price in ticks: as far from the index of the moment as they were at the start."""
        prices, market = self._engine.prices, self._market
        pinned = prices.pinned_index(market.symbol)
        if pinned is not None:
            return max(1, int(pinned * market.start_price / self._index_start / market.tick))
        deviation = self._path.deviation(passed_us)
        fair = self._start + self._start * deviation // UNIT
        index = self._index_start + self._index_start * deviation / UNIT if market.is_perp else fair * market.tick
        prices.set_index(market.symbol, index.quantize(INDEX_QUANTUM))
        return fair

    def _cash(self) -> dict[str, Decimal]:
        return {self._market.base: HOUSE_CASH, self._market.quote: HOUSE_CASH}

    def _quote(self, now_us: int) -> None:
        wanted: dict[tuple[Side, int], None] = {}
        for level in range(LEVELS):
            # Steps widen with the distance: quotes crowd near the touch.
            distance = self._spread * (1 + level + level * level // 8)
            wanted[Side.BUY, self._fair - distance] = None
            wanted[Side.SELL, self._fair + distance] = None
        for key, order in list(self._quotes.items()):
            if not order.is_open or key not in wanted:
                del self._quotes[key]
                if order.is_open:
                    self._engine.cancel(order, now_us)
        for key in wanted:
            if key not in self._quotes:
                self._place(key, now_us)

    def _withdraw(self, now_us: int) -> None:
        for order in self._quotes.values():
            if order.is_open:
                self._engine.cancel(order, now_us)
        self._quotes.clear()

    def _place(self, key: tuple[Side, int], now_us: int) -> None:
        side, price = key
        request = OrderRequest(
            symbol=self._market.symbol,
            side=side,
            type=OrderType.LIMIT,
            quantity=self._size(1, 40),
            price=price * self._market.tick,
        )
        try:
            order = self._engine.place(self._maker, request, now_us)
        except Refusal:  # out of a price band after a user moved the last price far: quote again next tick
            return
        if order.is_open:
            self._quotes[key] = order

    def _take(self, now_us: int) -> None:
        side = self._random.choice((Side.BUY, Side.SELL))
        request = OrderRequest(
            symbol=self._market.symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=self._size(1, 4),
            time_in_force=TimeInForce.IOC,
        )
        try:
            self._engine.place(self._taker, request, now_us)
        except Refusal:  # nothing in the way of funds can stop the house; an emptied book can
            return

    def _size(self, low: int, high: int) -> Decimal:
        steps = self._lot * self._random.randint(low, high) // 2 + 1
        most = self._market.max_quantity
        smallest = self._market.min_quantity + -self._market.min_quantity % self._market.step
        quantity = max(smallest, steps * self._market.step)
        return quantity if most is None else min(most - most % self._market.step, quantity)


class House:
    """All quoters, ticked together."""

    def __init__(self, engine: Engine, *, seed: int) -> None:
        markets = list(engine.markets.values())
        self._quoters = [
            Quoter(engine, market, Random(f"{seed}/{market.symbol}"), PricePath(seed, market.base))
            for market in markets
        ]

    def tick(self, now_us: int, *, passed_us: int) -> None:
        """Let everybody act; prices follow the time that passed, whatever a clock put forward or back shows."""
        for quoter in self._quoters:
            quoter.tick(now_us, passed_us)


def lay_static_book(engine: Engine, *, seed: int, levels: int, now_us: int) -> None:
    """Put `levels` orders on each side of every market once, around its start price, and leave them there."""
    for market in engine.markets.values():
        random = Random(f"{seed}/static/{market.symbol}")
        house = engine.open_account(
            f"house-static-{market.symbol}", {market.base: HOUSE_CASH, market.quote: HOUSE_CASH}, watched=False
        )
        lot = max(1, int(Decimal(500) / market.start_price / market.step))
        gap = max(1, int(market.start_price / market.tick) // 10_000)
        for level in range(1, levels + 1):
            for side in (Side.BUY, Side.SELL):
                offset = level * gap * market.tick
                price = market.start_price - offset if side is Side.BUY else market.start_price + offset
                quantity = max(market.min_quantity, lot * random.randint(1, 20) * market.step)
                engine.place(house, OrderRequest(market.symbol, side, OrderType.LIMIT, quantity, price), now_us)
