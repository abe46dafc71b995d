"""The matching engine alone: a mix of resting orders, cancels and trades on a book that is as deep as a real one."""

import time
from decimal import Decimal
from random import Random

from sandbox.matching import (
    Account,
    Engine,
    FundingTerms,
    MarginFunction,
    Market,
    MarketKind,
    Order,
    OrderRequest,
    OrderType,
    Side,
    TimeInForce,
)

LEVELS = 200
ORDERS_A_LEVEL = 3
OPERATIONS = 20_000
MIDDLE = 15_000  # in ticks
TICK = Decimal("0.01")
START_US = 1_700_000_000_000_000


def market(kind: MarketKind) -> Market:
    is_perp = kind is MarketKind.PERP
    return Market(
        symbol="SOL_USDC_PERP" if is_perp else "SOL_USDC",
        kind=kind,
        base="SOL",
        quote="USDC",
        tick=TICK,
        step=TICK,
        min_quantity=TICK,
        max_quantity=Decimal(10_000),
        min_price=TICK,
        start_price=MIDDLE * TICK,
        maintenance=MarginFunction(Decimal("0.02")) if is_perp else None,
        funding=FundingTerms(3_600_000_000) if is_perp else None,
    )


class Trading:
    """Two accounts that make a book and work on it."""

    def __init__(self, kind: MarketKind, seed: int) -> None:
        self._random = Random(seed)
        self._market = market(kind)
        self._engine = Engine([self._market])
        means = {"USDC": Decimal(10) ** 10, "SOL": Decimal(10) ** 8}
        self._maker, self._taker = (self._engine.open_account(name, dict(means)) for name in ("maker", "taker"))
        self._resting: list[Order] = []
        self._now_us = START_US
        for distance in range(1, LEVELS + 1):
            for _ in range(ORDERS_A_LEVEL):
                for side in (Side.BUY, Side.SELL):
                    self._resting.append(self._place(self._maker, self._limit(side, distance)))

    def orders_per_s(self) -> float:
        """Half new resting orders, two fifths cancels, the rest trades at once; what is wished is written before."""
        wishes = [self._wish() for _ in range(OPERATIONS)]
        started = time.perf_counter()
        for request, draw in wishes:
            if request is None:
                self._cancel(draw)
            elif request.type is OrderType.LIMIT:
                self._resting.append(self._place(self._maker, request))
            else:
                self._place(self._taker, request)
        return OPERATIONS / (time.perf_counter() - started)

    def _wish(self) -> tuple[OrderRequest | None, float]:
        """An order, or None for the cancel of one that rests: which one the second number says, from 0 to 1."""
        draw, side = self._random.random(), self._random.choice((Side.BUY, Side.SELL))
        if draw < 0.5:
            return self._limit(side, int(self._random.expovariate(0.05)) + 1), draw
        return (None, self._random.random()) if draw < 0.9 else (self._market_order(side), draw)

    def _limit(self, side: Side, distance: int) -> OrderRequest:
        return OrderRequest(
            symbol=self._market.symbol,
            side=side,
            type=OrderType.LIMIT,
            quantity=self._size(),
            price=(MIDDLE - distance if side is Side.BUY else MIDDLE + distance) * TICK,
        )

    def _market_order(self, side: Side) -> OrderRequest:
        return OrderRequest(
            symbol=self._market.symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=self._size(),
            time_in_force=TimeInForce.IOC,
        )

    def _size(self) -> Decimal:
        return self._random.randint(100, 2000) * TICK

    def _cancel(self, draw: float) -> None:
        order = self._picked(draw)
        while not order.is_open:  # a trade took it: that is no cancel
            order = self._picked(draw)
        self._engine.cancel(order, self._now_us)
        self._told()

    def _picked(self, draw: float) -> Order:
        at = int(draw * len(self._resting))
        self._resting[at], self._resting[-1] = self._resting[-1], self._resting[at]
        return self._resting.pop()

    def _place(self, account: Account, request: OrderRequest) -> Order:
        order = self._engine.place(account, request, self._now_us)
        self._told()
        return order

    def _told(self) -> None:
        """Events are taken after each call, as a venue does."""
        self._engine.take_events(self._now_us)
        self._now_us += 50


def orders_per_s(kind: MarketKind, *, seed: int = 7) -> float:
    return Trading(kind, seed).orders_per_s()
