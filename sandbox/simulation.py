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

WARM_UP_TICKS = 40

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
        )
        self.tapes = {symbol: Tape() for symbol in self.engine.markets}
        self.records = Records(lag_us=config.history_lag_ms * 1000)
        self.listeners: list[Listener] = []
        for account in config.accounts:
            self.engine.open_account(account.name, dict(account.balances), leverage_limit=account.leverage_limit)
        self._house: House | None = None
        if config.makers:
            tick_us = config.tick_ms * 1000
            # A venue has a past: ticks before the start give every market trades to show.
            start_us = now_us - WARM_UP_TICKS * tick_us
            self._house = House(self.engine, seed=config.seed, tick_us=tick_us, start_us=start_us)
        elif config.book_levels:
            lay_static_book(self.engine, seed=config.seed, levels=config.book_levels, now_us=now_us)
        self.advance(now_us)
        self._tell(now_us)

    def advance(self, now_us: int) -> None:
        """End what is overdue and let the house act up to now."""
        has_ended = self.engine.end_overdue(now_us)
        if (self._house is not None and self._house.advance(now_us)) or has_ended:
            self._tell(now_us)

    def place(self, account: Account, request: OrderRequest, now_us: int) -> Order:
        """Place an order; raises `Refusal`."""
        self.advance(now_us)
        try:
            return self.engine.place(account, request, now_us)
        finally:
            self._tell(now_us)

    def amend(self, order: Order, *, price: Decimal, quantity: Decimal, now_us: int) -> None:
        """Change an open order; raises `Refusal`."""
        try:
            self.engine.amend(order, price=price, quantity=quantity, now_us=now_us)
        finally:
            self._tell(now_us)

    def cancel(self, order: Order, now_us: int) -> None:
        """Cancel an open order."""
        self.engine.cancel(order, now_us)
        self._tell(now_us)

    def cancel_all(self, account: Account, symbol: str, now_us: int) -> list[Order]:
        orders = self.engine.cancel_all(account, symbol, now_us)
        self._tell(now_us)
        return orders

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
