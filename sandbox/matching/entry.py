"""How an order gets in: built, checked, its money reserved, then matched. Engine internals.

Rules, in this order: admission (state, grid, bounds, bands), post-only and reduce-only, money. Either `Refusal` is
raised and nothing happened, or the order exists, whatever becomes of it.
"""

from decimal import Decimal

from sandbox.matching.account import Account
from sandbox.matching.admission import check_request, check_state
from sandbox.matching.book import Book
from sandbox.matching.events import OrderEventKind
from sandbox.matching.execution import Execution
from sandbox.matching.floor import Floor
from sandbox.matching.market import Market
from sandbox.matching.order import Expiry, Order, OrderRequest, Origin, Status, TimeInForce
from sandbox.matching.reach import Bound, bound_of, can_fill, crosses, market_cost, opposite, reducible
from sandbox.matching.refusal import Reason, Refusal
from sandbox.matching.settlement import lock_asset, lock_for

ZERO = Decimal(0)


class Entry:
    """Knows the next order id; everything else is the floor's."""

    def __init__(self, floor: Floor, execution: Execution, *, first_order_id: int) -> None:
        self._books = floor.books
        self._states = floor.states
        self._prices = floor.prices
        self._margin = floor.margin
        self._order_margin = floor.order_margin
        self._outbox = floor.outbox
        self._rules = floor.rules
        self._execution = execution
        self._next_order_id = first_order_id

    def enter(
        self,
        account: Account,
        market: Market,
        request: OrderRequest,
        now_us: int,
        *,
        origin: Origin = Origin.USER,
        in_stead_of: Order | None = None,
    ) -> Order:
        """Let an order in and match it; with `in_stead_of` it takes the place of a trigger that fired."""
        book = self._books[market.symbol]
        if origin is Origin.USER:
            self.check_admission(request, market)
        order = self.built(account, market, request, now_us)
        order.origin = origin
        if in_stead_of is not None:
            order.related, order.triggered_us = in_stead_of, now_us
        bound = bound_of(order, book)
        would_take = self.would_take(order, book, order.price)
        if would_take and not self._rules.keeps_rejected:
            raise Refusal(Reason.WOULD_TAKE)
        self.check_reducing(order)
        self.reserve(order, book, bound)
        self.accept(order)
        if in_stead_of is not None:
            self._execution.end(in_stead_of, Status.TRIGGERED, now_us)
        if would_take:
            self._execution.end(order, Status.REJECTED, now_us, Expiry.WOULD_TAKE)
            return order
        self._outbox.order(OrderEventKind.ACCEPTED, order, now_us)
        self.execute(order, book, bound, now_us)
        return order

    def check_admission(self, request: OrderRequest, market: Market) -> None:
        """Refuse what the market takes from nobody; looks at the request alone."""
        check_state(request, self._states[market.symbol])
        symbol = market.symbol
        check_request(request, market, last_price=self._books[symbol].last_price, mark=self._prices.mark(symbol))

    def built(self, account: Account, market: Market, request: OrderRequest, now_us: int) -> Order:
        """An order with the id it will have if it is accepted."""
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

    def accept(self, order: Order) -> None:
        """From here on the order exists."""
        self._next_order_id += 1
        order.account.open_orders[order.id] = order
        self._order_margin.hold(order)
        if order.request.reduce_only:
            order.account.reducing[order.id] = order

    def execute(self, order: Order, book: Book, bound: Bound, now_us: int) -> None:
        """Match an accepted order, unless it asks for all or nothing and cannot have all."""
        if order.request.time_in_force is TimeInForce.FOK and not can_fill(order, book, bound.price):
            self._execution.end(order, Status.EXPIRED, now_us, Expiry.FILL_OR_KILL)
        else:
            self._execution.run(order, book, bound, now_us)

    @staticmethod
    def would_take(order: Order, book: Book, price: Decimal | None) -> bool:
        """Whether an order that may only add to the book would trade at once."""
        best = opposite(order, book).best()
        return order.request.post_only and best is not None and crosses(order, best.price, price)

    def check_reducing(self, order: Order) -> None:
        """Refuse a reduce-only order that has nothing, or (where the rules say so) not enough, to reduce."""
        if not order.request.reduce_only:
            return
        allowed = reducible(order)
        if not allowed or ((order.quantity or ZERO) > allowed and not self._rules.caps_reducing):
            raise Refusal(Reason.NOT_REDUCING)

    def reserve(self, order: Order, book: Book, bound: Bound) -> None:
        """Make sure the account can pay; a spot limit order's lock is taken here."""
        account, market = order.account, order.market
        if market.is_perp:
            if order.origin is Origin.USER:
                self.check_margin(order, book)
            self._execution.expose(order, order.remaining)
            return
        asset = lock_asset(order)
        needed = lock_for(order, order.remaining) if order.price is not None else market_cost(order, book, bound.price)
        if needed > self._margin.free(account, asset):
            raise Refusal(Reason.INSUFFICIENT_FUNDS)
        if order.price is not None:
            order.locked = needed
            balance = account.balances[asset]
            balance.available -= needed
            balance.locked += needed
            self._outbox.touch_balance(account, asset)

    def check_margin(self, order: Order, book: Book) -> None:
        """Refuse what the account cannot carry. The house never runs dry."""
        if not order.account.watched:
            return
        if self._order_margin.is_used:
            order.valued_at = self.worth_of(order, book)
            self._order_margin.check(order)
            return
        price = order.price or self._prices.mark(order.market.symbol)
        quantity = order.quantity or (order.request.quote_quantity or ZERO) / price
        self._margin.check(order.account, order.market, is_buy=order.is_buy, quantity=quantity, price=price)

    def worth_of(self, order: Order, book: Book) -> Decimal:
        """The price an order's margin is counted at: its own, else the best there is to trade with, else the mark."""
        best = opposite(order, book).best()
        return order.price or (best.price if best else self._prices.mark(order.market.symbol))

    def check_amended(self, order: Order, price: Decimal | None, remaining: Decimal) -> None:
        """The account must be able to pay for the order as it would be, with what it holds now given back."""
        worth = price or order.valued_at
        if self._order_margin.is_used:
            self._order_margin.check_amended(order, worth, remaining)
            return
        added = max(ZERO, remaining - order.remaining)
        self._margin.check(order.account, order.market, is_buy=order.is_buy, quantity=added, price=worth)
