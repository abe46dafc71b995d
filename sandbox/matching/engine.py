"""The matching engine: orders in, events out.

An order is let in (`entry`) or waits for its price (`waiting`), trades by price and age (`execution`); funding and
liquidation come with time. Either `place` raises `Refusal` and nothing happened, or the order exists, whatever became
of it. Time is an argument; with the same calls at the same times every id, book and fill comes out the same. One caller
at a time.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from heapq import heappop, heappush

from sandbox.matching.account import Account, FeeSchedule
from sandbox.matching.admission import check_state
from sandbox.matching.entry import Entry
from sandbox.matching.events import Event, FundingPaid, FundingSettled, OrderEventKind, Transfer
from sandbox.matching.execution import Execution
from sandbox.matching.floor import Floor
from sandbox.matching.funding import Funding
from sandbox.matching.liquidation import Liquidation
from sandbox.matching.market import Market
from sandbox.matching.order import Expiry, Order, OrderRequest, Status
from sandbox.matching.reach import Bound
from sandbox.matching.refusal import Reason, Refusal
from sandbox.matching.rules import Rules
from sandbox.matching.waiting import Waiting

ZERO = Decimal(0)


class Engine:
    """All books and accounts of one simulated venue. Order ids are global, trade and update ids per market.

    `states` may be written at any time: it says what each market takes.
    """

    def __init__(
        self,
        markets: Iterable[Market],
        *,
        first_order_id: int = 1,
        first_update_id: int = 0,
        rules: Rules | None = None,
        start_us: int = 0,
    ) -> None:
        floor = Floor(markets, rules or Rules(), first_update_id=first_update_id)
        self.markets, self.states, self.books = floor.markets, floor.states, floor.books
        self.prices, self.mark = floor.prices, floor.prices.mark
        self.margin, self.order_margin = floor.margin, floor.order_margin
        self.accounts: dict[str, Account] = {}
        self.funding = Funding(self.markets, self.prices)
        self.funding.start(start_us)
        self._outbox = floor.outbox
        self._execution = Execution(floor)
        self._entry = Entry(floor, self._execution, first_order_id=first_order_id)
        self._waiting = Waiting(floor, self._entry, self._execution)
        self.liquidation = Liquidation(floor, self._entry, self._execution)
        self._ending: list[tuple[int, int, Order]] = []  # a heap of orders that end by themselves

    @property
    def fees_collected(self) -> defaultdict[str, Decimal]:
        return self._execution.fees_collected

    # -- accounts ------------------------------------------------------------------------------------------------

    def open_account(
        self,
        name: str,
        balances: dict[str, Decimal],
        *,
        fees: FeeSchedule | None = None,
        leverage_limit: Decimal = Decimal(10),
        watched: bool = True,
    ) -> Account:
        account = Account(name=name, fees=fees or FeeSchedule(), leverage_limit=leverage_limit, watched=watched)
        for asset, amount in balances.items():
            account.balances[asset].available = amount
        self.accounts[name] = account
        return account

    def transfer(self, account: Account, asset: str, amount: Decimal, now_us: int) -> None:
        """Bring money in or, negative, take it out. Whether there is as much is the caller's question."""
        account.balances[asset].available += amount
        self._outbox.touch_balance(account, asset)
        self._outbox.add(Transfer(account, asset, amount, now_us))

    def change_market(self, market: Market) -> None:
        """Give a market other rules from now on. What rests stays, off the new grid or not; amending looks at them."""
        self.markets[market.symbol] = market
        for account in self.accounts.values():
            for order in account.open_orders.values():
                if order.market.symbol == market.symbol:
                    order.market = market

    def take_events(self, now_us: int) -> list[Event]:
        """Everything since the last call: orders and trades as they happened, then books, balances, positions."""
        return self._outbox.take(self.books.values(), now_us)

    # -- orders --------------------------------------------------------------------------------------------------

    def place(self, account: Account, request: OrderRequest, now_us: int) -> Order:
        """Accept and match an order, or raise `Refusal`. Not safe to repeat: client ids are not looked at."""
        market = self.markets.get(request.symbol)
        if market is None:
            raise Refusal(Reason.UNKNOWN_MARKET)
        if request.trigger is None:
            order = self._entry.enter(account, market, request, now_us)
        else:
            check_state(request, self.states[market.symbol])
            order = self._waiting.place(account, market, request, request.trigger, now_us)
        if order.is_open and request.expires_us is not None:
            heappush(self._ending, (request.expires_us, order.id, order))
        self._waiting.follow_up(now_us)
        return order

    def amend(self, order: Order, *, price: Decimal | None, quantity: Decimal, now_us: int) -> None:
        """Change an open perpetual order's price or total quantity, or raise `Refusal` and leave it as it is.

        Less quantity keeps its place; a new price or more quantity loses it, and may trade at once.
        """
        if order.is_waiting:
            self._waiting.amend(order, price=price, quantity=quantity, now_us=now_us)
            return
        book = self.books[order.market.symbol]
        remaining = quantity - order.executed
        if price == order.price and remaining <= order.remaining:
            self._execution.shrink(order, book, order.remaining - remaining)
            order.updated_us = now_us
            self._outbox.order(OrderEventKind.MODIFIED, order, now_us)
            return
        if self._entry.would_take(order, book, price):
            raise Refusal(Reason.WOULD_TAKE)
        self._entry.check_amended(order, price, remaining)
        self._execution.shrink(order, book, order.remaining)
        order.price, order.quantity, order.remaining, order.updated_us = price, quantity, remaining, now_us
        order.valued_at = price or order.valued_at
        self.order_margin.hold(order)
        self._execution.expose(order, remaining)
        self._outbox.order(OrderEventKind.MODIFIED, order, now_us)
        self._execution.run(order, book, Bound(price), now_us)
        self._waiting.follow_up(now_us)

    def cancel(self, order: Order, now_us: int) -> None:
        """End a resting or waiting order. The order must be open."""
        self._execution.end(order, Status.CANCELLED, now_us)

    def cancel_all(self, account: Account, symbol: str, now_us: int, *, waiting: bool | None = None) -> list[Order]:
        """Cancel an account's orders of a market: only the waiting ones, only the others, or (by default) all."""
        orders = [
            order
            for order in account.open_orders.values()
            if order.market.symbol == symbol and waiting in (None, order.is_waiting)
        ]
        for order in orders:
            self.cancel(order, now_us)
        return orders

    # -- time ----------------------------------------------------------------------------------------------------

    def end_overdue(self, now_us: int) -> bool:
        """End the orders whose time is over; True if there was one."""
        has_ended = False
        while self._ending and self._ending[0][0] <= now_us:
            _, _, order = heappop(self._ending)
            if order.is_open:
                self._execution.end(order, Status.EXPIRED, now_us, Expiry.TIME)
                has_ended = True
        return has_ended

    def sample(self, now_us: int) -> None:
        """Take the books' distance from their index into marks and funding rates. Once a second."""
        self.prices.sample(now_us)
        self.funding.sample()

    def settle_funding(self, now_us: int) -> None:
        """Pay every funding that is due."""
        for settled in self.funding.settle_due(now_us):
            self._outbox.add(settled)
            for account in self.accounts.values():
                self._pay(account, settled)

    def follow_prices(self, now_us: int) -> None:
        """Do what prices ask for wherever they are now: fire triggers, liquidate."""
        self._waiting.follow_up(now_us)
        for account in self.accounts.values():
            if account.watched and account.positions:
                self.liquidation.run(account, now_us)
        self._waiting.follow_up(now_us)

    def _pay(self, account: Account, settled: FundingSettled) -> None:
        position = account.positions.get(settled.symbol)
        if position is None:
            return
        amount = -position.quantity * settled.mark * settled.rate
        asset = self.markets[settled.symbol].quote
        position.funding += amount
        account.balances[asset].available += amount
        self._outbox.touch_balance(account, asset)
        if account.watched:
            self._outbox.add(FundingPaid(account, settled, position.id, position.quantity, amount, settled.time_us))
