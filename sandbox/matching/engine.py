"""The matching engine: orders in, events out.

Rules, in this order: admission (grid, bounds, bands), post-only and reduce-only, money, then matching by price and age.
Either `place` raises `Refusal` and nothing happened, or the order exists, whatever became of it. Time is an argument;
with the same calls at the same times every id, book and fill comes out the same. One caller at a time.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from heapq import heappop, heappush

from sandbox.matching.account import Account, FeeSchedule
from sandbox.matching.admission import check_request
from sandbox.matching.book import Book
from sandbox.matching.events import Event, OrderEventKind
from sandbox.matching.execution import Execution
from sandbox.matching.market import Market
from sandbox.matching.order import Expiry, Order, OrderRequest, Status, TimeInForce
from sandbox.matching.order_margin import OrderMargin
from sandbox.matching.outbox import Outbox
from sandbox.matching.reach import can_fill, crosses, market_cost, opposite, reducible, worst_price
from sandbox.matching.refusal import Reason, Refusal
from sandbox.matching.rules import Rules
from sandbox.matching.settlement import Margin, lock_asset, lock_for

ZERO = Decimal(0)


class Engine:
    """All books and accounts of one simulated venue. Order ids are global, trade and update ids per market."""

    def __init__(
        self,
        markets: Iterable[Market],
        *,
        first_order_id: int = 1,
        first_update_id: int = 0,
        rules: Rules | None = None,
    ) -> None:
        self.markets = {market.symbol: market for market in markets}
        self.books = {
            market.symbol: Book(market.symbol, last_price=market.start_price, update_id=first_update_id)
            for market in self.markets.values()
        }
        self.accounts: dict[str, Account] = {}
        self.margin = Margin(self.markets, self.mark)
        self.order_margin = OrderMargin(self.mark)
        self._rules = rules or Rules()
        self._marks: dict[str, Decimal] = {}
        self._next_order_id = first_order_id
        self._outbox = Outbox()
        self._execution = Execution(self.books, self._outbox, self.order_margin, self._rules)
        self._ending: list[tuple[int, int, Order]] = []  # a heap of orders that end by themselves

    @property
    def fees_collected(self) -> defaultdict[str, Decimal]:
        return self._execution.fees_collected

    # -- accounts and prices -------------------------------------------------------------------------------------

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

    def mark(self, symbol: str) -> Decimal:
        """The mark price: what the price process last said, else the last trade (at first the start price)."""
        mark = self._marks.get(symbol)
        return self.books[symbol].last_price if mark is None else mark

    def set_mark(self, symbol: str, price: Decimal) -> None:
        self._marks[symbol] = price

    def take_events(self, now_us: int) -> list[Event]:
        """Everything since the last call: orders and trades as they happened, then books, balances, positions."""
        return self._outbox.take(self.books.values(), now_us)

    # -- orders --------------------------------------------------------------------------------------------------

    def place(self, account: Account, request: OrderRequest, now_us: int) -> Order:
        """Accept and match an order, or raise `Refusal`. Not safe to repeat: client ids are not looked at."""
        market = self.markets.get(request.symbol)
        if market is None:
            raise Refusal(Reason.UNKNOWN_MARKET)
        book = self.books[request.symbol]
        check_request(request, market, last_price=book.last_price, mark=self.mark(request.symbol))
        order = self._new_order(account, market, request, now_us)
        bound = worst_price(order, book)
        would_take = self._would_take(order, book, order.price)
        if would_take and not self._rules.keeps_rejected:
            raise Refusal(Reason.WOULD_TAKE)
        self._check_reducing(order)
        self._reserve(order, book, bound)
        self._next_order_id += 1
        account.open_orders[order.id] = order
        if request.reduce_only:
            account.reducing[order.id] = order
        if would_take:
            self._execution.end(order, Status.REJECTED, now_us, Expiry.WOULD_TAKE)
            return order
        self._outbox.order(OrderEventKind.ACCEPTED, order, now_us)
        if request.time_in_force is TimeInForce.FOK and not can_fill(order, book, bound):
            self._execution.end(order, Status.EXPIRED, now_us, Expiry.FILL_OR_KILL)
            return order
        self._execution.run(order, book, bound, now_us)
        if order.is_open and request.expires_us is not None:
            heappush(self._ending, (request.expires_us, order.id, order))
        return order

    def amend(self, order: Order, *, price: Decimal, quantity: Decimal, now_us: int) -> None:
        """Change an open perpetual order's price or total quantity, or raise `Refusal` and leave it as it is.

        Less quantity keeps its place; a new price or more quantity loses it, and may trade at once.
        """
        book = self.books[order.market.symbol]
        remaining, resting_at = quantity - order.executed, order.price or ZERO
        if price == resting_at and remaining <= order.remaining:
            self._resize(order, book, remaining)
            order.updated_us = now_us
            self._outbox.order(OrderEventKind.MODIFIED, order, now_us)
            return
        if self._would_take(order, book, price):
            raise Refusal(Reason.WOULD_TAKE)
        self._check_amended(order, price, remaining)
        self._resize(order, book, ZERO)
        order.price, order.quantity, order.remaining, order.updated_us = price, quantity, remaining, now_us
        self._execution.expose(order, remaining)
        self._outbox.order(OrderEventKind.MODIFIED, order, now_us)
        self._execution.run(order, book, price, now_us)

    def cancel(self, order: Order, now_us: int) -> None:
        """End a resting order. The order must be open."""
        self._execution.end(order, Status.CANCELLED, now_us)

    def cancel_all(self, account: Account, symbol: str, now_us: int) -> list[Order]:
        orders = [order for order in account.open_orders.values() if order.market.symbol == symbol]
        for order in orders:
            self.cancel(order, now_us)
        return orders

    def end_overdue(self, now_us: int) -> bool:
        """End the orders whose time is over; True if there was one."""
        has_ended = False
        while self._ending and self._ending[0][0] <= now_us:
            _, _, order = heappop(self._ending)
            if order.is_open:
                self._execution.end(order, Status.EXPIRED, now_us, Expiry.TIME)
                has_ended = True
        return has_ended

    # -- before matching -----------------------------------------------------------------------------------------

    def _new_order(self, account: Account, market: Market, request: OrderRequest, now_us: int) -> Order:
        terms = account.terms.get(market.symbol)
        return Order(
            id=self._next_order_id,
            account=account,
            market=market,
            request=request,
            side=request.side,
            quantity=request.quantity,
            price=request.price,
            created_us=now_us,
            updated_us=now_us,
            remaining=request.quantity or ZERO,
            leverage=terms.leverage if terms else 1,
            isolated=terms.isolated if terms else False,
        )

    @staticmethod
    def _would_take(order: Order, book: Book, price: Decimal | None) -> bool:
        """Whether an order that may only add to the book would trade at once."""
        best = opposite(order, book).best()
        return order.request.post_only and best is not None and crosses(order, best.price, price)

    def _check_reducing(self, order: Order) -> None:
        if not order.request.reduce_only:
            return
        allowed = reducible(order)
        if not allowed or ((order.quantity or ZERO) > allowed and not self._rules.caps_reducing):
            raise Refusal(Reason.NOT_REDUCING)

    def _reserve(self, order: Order, book: Book, bound: Decimal | None) -> None:
        """Make sure the account can pay; a spot limit order's lock is taken here."""
        account, market = order.account, order.market
        if market.is_perp:
            self._check_margin(order, book)
            self._execution.expose(order, order.remaining)
            return
        asset = lock_asset(order)
        needed = lock_for(order, order.remaining) if order.price is not None else market_cost(order, book, bound)
        if needed > self.margin.free(account, asset):
            raise Refusal(Reason.INSUFFICIENT_FUNDS)
        if order.price is not None:
            order.locked = needed
            balance = account.balances[asset]
            balance.available -= needed
            balance.locked += needed
            self._outbox.touch_balance(account, asset)

    def _check_margin(self, order: Order, book: Book) -> None:
        mark = self.mark(order.market.symbol)
        if self._rules.reserves_margin:
            if order.account.watched:  # the house never runs dry
                best = opposite(order, book).best()
                self.order_margin.check(order, order.price or (best.price if best else mark))
            return
        price = order.price or mark
        quantity = order.quantity or (order.request.quote_quantity or ZERO) / price
        self.margin.check(order.account, order.market, is_buy=order.is_buy, quantity=quantity, price=price)

    # -- amending ------------------------------------------------------------------------------------------------

    def _check_amended(self, order: Order, price: Decimal, remaining: Decimal) -> None:
        """The account must be able to pay for the order as it would be, with what it holds now given back."""
        if self._rules.reserves_margin:
            self.order_margin.check_amended(order, price, remaining)
            return
        added = max(ZERO, remaining - order.remaining)
        self.margin.check(order.account, order.market, is_buy=order.is_buy, quantity=added, price=price)

    def _resize(self, order: Order, book: Book, remaining: Decimal) -> None:
        """Make a resting order smaller where it is; to nothing takes it out of the book."""
        excess = order.remaining - remaining
        if excess and order.price is not None and order.quantity is not None:
            order.quantity -= excess
            self._execution.expose(order, -excess)
            book.shrink(order, order.price, excess)
