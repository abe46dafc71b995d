"""One simulated venue without its wire: engine, house, tape, records, and who listens.

Pure: every call takes the time. Each call first lets the house do what was due before it, so that the same calls at the
same times give the same market.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from sandbox.config import SandboxConfig
from sandbox.market_makers import House, lay_static_book
from sandbox.matching import Account, Engine, Market, Order, OrderRequest, Rules
from sandbox.matching.events import Event, Trade
from sandbox.records import Records
from sandbox.tape import Tape
from sandbox.ticks import Ticks

WARM_UP_TICKS = 40
SECOND_US = 1_000_000

Listener = Callable[[list[Event], int], None]


@dataclass(frozen=True, slots=True)
class Manner:
    """What the venue behind a face is like: where its counters start, and how its engine settles things."""

    first_order_id: int = 1
    first_update_id: int = 0
    rules: Rules | None = None


class Simulation:
    """Owns the engine; everybody else trades through it. Listeners get each call's events, in order, at once."""

    def __init__(
        self, config: SandboxConfig, markets: Iterable[Market], *, now_us: int, manner: Manner | None = None
    ) -> None:
        manner = manner or Manner()
        self.engine = Engine(
            markets,
            first_order_id=manner.first_order_id,
            first_update_id=manner.first_update_id,
            rules=manner.rules,
            start_us=now_us,
        )
        self.tapes = {symbol: Tape() for symbol in self.engine.markets}
        self.records = Records(lag_us=config.history_lag_ms * 1000)
        self.listeners: list[Listener] = []
        for account in config.accounts:
            self.engine.open_account(account.name, dict(account.balances), leverage_limit=account.leverage_limit)
        tick_us = config.tick_ms * 1000
        # A venue has a past: ticks before the start give every market trades to show.
        self._ticks = Ticks(tick_us=tick_us, start_us=now_us - WARM_UP_TICKS * tick_us)
        self._next_second_us = 0
        self._has_heartbeat = config.book_heartbeat
        self._ahead_us = 0  # what the clock's steps add to the time that has passed
        self._house = House(self.engine, seed=config.seed) if config.makers else None
        if not config.makers and config.book_levels:
            lay_static_book(self.engine, seed=config.seed, levels=config.book_levels, now_us=now_us)
        self.advance(now_us)
        self._tell(now_us)

    def advance(self, now_us: int) -> None:
        """Let time pass up to now: orders run out, the house acts, funding is paid, prices have their consequences."""
        has_happened = False
        for tick_us in self._ticks.due(now_us):
            has_happened = True
            self._tick(tick_us)
        if self.engine.end_overdue(now_us) or has_happened:
            self._tell(now_us)

    def clock_stepped(self, by_us: int) -> None:
        """The venue's clock was put forward or back: no time has passed by that, and the market goes on as it was.

        What has a date keeps to it: orders that run out, and funding, which is paid once for each.
        """
        self._ahead_us += by_us
        self._ticks.clock_stepped(by_us)
        self._next_second_us += by_us
        self.records.clock_stepped(by_us)
        self.engine.prices.clock_stepped(by_us)

    def follow_prices(self, now_us: int) -> None:
        """Let prices that were just set have their consequences at once."""
        self.engine.follow_prices(now_us)
        self._tell(now_us)

    def transfer(self, account: Account, asset: str, amount: Decimal, now_us: int) -> None:
        """Bring money in or, negative, take it out."""
        self.engine.transfer(account, asset, amount, now_us)
        self._tell(now_us)

    def place(self, account: Account, request: OrderRequest, now_us: int) -> Order:
        """Place an order; raises `Refusal`."""
        self.advance(now_us)
        try:
            return self.engine.place(account, request, now_us)
        finally:
            self._tell(now_us)

    def amend(self, order: Order, *, price: Decimal | None, quantity: Decimal, now_us: int) -> None:
        """Change an open order; raises `Refusal`."""
        try:
            self.engine.amend(order, price=price, quantity=quantity, now_us=now_us)
        finally:
            self._tell(now_us)

    def cancel(self, order: Order, now_us: int) -> None:
        """Cancel an open order."""
        self.engine.cancel(order, now_us)
        self._tell(now_us)

    def cancel_all(self, account: Account, symbol: str, now_us: int, *, waiting: bool | None = None) -> list[Order]:
        """Cancel an account's orders of a market: only the waiting ones, only the others, or (by default) all."""
        orders = self.engine.cancel_all(account, symbol, now_us, waiting=waiting)
        self._tell(now_us)
        return orders

    def _tick(self, now_us: int) -> None:
        self.engine.end_overdue(now_us)
        if self._house is not None:
            self._house.tick(now_us, passed_us=now_us - self._ahead_us)
        if now_us >= self._next_second_us:
            self._next_second_us = now_us - now_us % SECOND_US + SECOND_US
            self.engine.sample(now_us)
            for symbol, tape in self.tapes.items():
                tape.observe(mark=self.engine.mark(symbol), index=self.engine.prices.index(symbol), now_us=now_us)
        self.engine.settle_funding(now_us)
        self.engine.follow_prices(now_us)
        if self._has_heartbeat:
            for book in self.engine.books.values():
                book.pass_id()

    def _tell(self, now_us: int) -> None:
        events = self.engine.take_events(now_us)
        if not events:
            return
        for event in events:
            if isinstance(event, Trade):
                self.tapes[event.symbol].record(event)
        self.records.record(events)
        for listener in self.listeners:
            listener(events, now_us)
