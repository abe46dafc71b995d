"""Orders that wait for a price, and brackets, whose legs are such orders. Engine internals.

A leg closes what its parent has filled: it is there from the first fill on and grows with it; the leg that fires
cancels the other one.
"""

from dataclasses import replace
from decimal import Decimal

from sandbox.matching.account import Account
from sandbox.matching.admission import check_waiting
from sandbox.matching.entry import Entry
from sandbox.matching.events import OrderEventKind
from sandbox.matching.execution import Execution
from sandbox.matching.floor import Floor
from sandbox.matching.market import Market, MarketState
from sandbox.matching.order import Expiry, Leg, Order, OrderRequest, OrderType, PriceSource, Side, Status, Trigger
from sandbox.matching.reach import bound_of, reducible
from sandbox.matching.refusal import Reason, Refusal

ZERO = Decimal(0)
EXPIRIES = {
    Reason.WOULD_TAKE: Expiry.WOULD_TAKE,
    Reason.NOT_REDUCING: Expiry.NOT_REDUCING,
    Reason.INSUFFICIENT_FUNDS: Expiry.INSUFFICIENT_FUNDS,
    Reason.INSUFFICIENT_MARGIN: Expiry.INSUFFICIENT_MARGIN,
    Reason.POSITION_LIMIT: Expiry.POSITION_LIMIT,
    Reason.MARKET_STATE: Expiry.MARKET_STATE,
    Reason.QUANTITY_OUT_OF_RANGE: Expiry.INVALID_QUANTITY,
    Reason.QUANTITY_TOO_PRECISE: Expiry.INVALID_QUANTITY,
}


class Waiting:
    """Places waiting orders and brings them to life."""

    def __init__(self, floor: Floor, entry: Entry, execution: Execution) -> None:
        self._books = floor.books
        self._states = floor.states
        self._prices = floor.prices
        self._triggers = floor.triggers
        self._outbox = floor.outbox
        self._order_margin = floor.order_margin
        self._rules = floor.rules
        self._entry = entry
        self._execution = execution
        self._legs: dict[int, list[Order]] = {}  # by parent

    def place(
        self,
        account: Account,
        market: Market,
        request: OrderRequest,
        trigger: Trigger,
        now_us: int,
        *,
        parent: Order | None = None,
    ) -> Order:
        """Let an order wait. Where orders reserve their margin, it does so from now on."""
        check_waiting(request, market)
        order = self._entry.built(account, market, request, now_us)
        order.related = parent
        if self._order_margin.is_used:
            self._entry.check_reducing(order)
            self._entry.check_margin(order, self._books[market.symbol])
        order.status = Status.WAITING
        self._entry.accept(order)
        self._triggers.add(order, trigger)
        self._outbox.order(OrderEventKind.TRIGGER_PLACED, order, now_us)
        return order

    def amend(self, order: Order, *, price: Decimal | None, quantity: Decimal, now_us: int) -> None:
        """Change what a waiting order will be, or raise `Refusal`."""
        self._entry.check_amended(order, price, quantity)
        order.price, order.quantity, order.remaining, order.updated_us = price, quantity, quantity, now_us
        order.valued_at = price or order.valued_at
        self._order_margin.hold(order)
        self._outbox.order(OrderEventKind.MODIFIED, order, now_us)

    def follow_up(self, now_us: int) -> None:
        """Attach and grow legs, then fire whatever is due, until nothing is: what fires may move the price on."""
        while self._execution.bracketed or self._triggers.count:
            self._follow_parents(now_us)
            due = [
                order
                for symbol, source in self._triggers.watched()
                if self._may_fire(symbol)
                for order in self._triggers.take_due(symbol, source, self._price(symbol, source))
            ]
            if not due:
                return
            for order in due:
                if order.is_waiting:  # not cancelled by its other half just now
                    self._fire(order, now_us)

    def _may_fire(self, symbol: str) -> bool:
        """What goes on as itself waits for a closed market to open; what is replaced fails at its door."""
        return self._rules.replaces_triggered or self._states[symbol] is MarketState.OPEN

    def _price(self, symbol: str, source: PriceSource) -> Decimal:
        match source:
            case PriceSource.LAST:
                return self._prices.last(symbol)
            case PriceSource.MARK:
                return self._prices.mark(symbol)
            case PriceSource.INDEX:
                return self._prices.index(symbol)

    # -- firing ------------------------------------------------------------------------------------------------------

    def _fire(self, order: Order, now_us: int) -> None:
        self._cancel_other_legs(order, now_us)
        if self._rules.replaces_triggered:
            self._replace(order, now_us)
        else:
            self._go_on(order, now_us)

    def _replace(self, order: Order, now_us: int) -> None:
        """Place another order in its stead, or say why not."""
        quantity, expiry = self._resolved_quantity(order)
        if expiry is None:
            request = replace(order.request, trigger=None, share=None, quantity=quantity)
            try:
                self._entry.enter(order.account, order.market, request, now_us, in_stead_of=order)
            except Refusal as refusal:
                expiry = EXPIRIES.get(refusal.reason, Expiry.INVALID_PRICE)
        if expiry is not None:
            self._execution.end(order, Status.TRIGGER_FAILED, now_us, expiry)

    def _go_on(self, order: Order, now_us: int) -> None:
        """The order itself enters the book, if its account can still carry it."""
        book = self._books[order.market.symbol]
        order.triggered_us = order.updated_us = now_us
        try:
            self._entry.check_amended(order, self._entry.worth_of(order, book), order.remaining)
        except Refusal:
            self._execution.end(order, Status.EXPIRED, now_us, Expiry.INSUFFICIENT_FUNDS)
            return
        order.status = Status.NEW
        order.valued_at = self._entry.worth_of(order, book)
        self._order_margin.hold(order)
        self._execution.expose(order, order.remaining)
        self._outbox.order(OrderEventKind.TRIGGERED, order, now_us)
        if order.request.reduce_only and not reducible(order):
            self._execution.end(order, Status.EXPIRED, now_us, Expiry.NOT_REDUCING)
            return
        self._entry.execute(order, book, bound_of(order, book), now_us)

    def _resolved_quantity(self, order: Order) -> tuple[Decimal | None, Expiry | None]:
        """How much the order is for, now that it fires: a share of the position, or no more than there is to close."""
        request, market = order.request, order.market
        quantity = order.quantity
        if request.share is not None:
            position = order.account.positions.get(market.symbol)
            if position is None or (position.quantity > 0) == order.is_buy:
                return None, Expiry.NO_POSITION
            quantity = abs(position.quantity) * request.share
        if quantity is None:
            return None, None
        if request.reduce_only:
            allowed = reducible(order)
            if not allowed:
                return None, Expiry.NO_POSITION
            quantity = min(quantity, allowed)
        if order.related is not None and not market.is_perp and not order.is_buy:
            # What the parent bought has paid its fee in kind.
            quantity = min(quantity, order.account.balances[market.base].available)
        return quantity - quantity % market.step, None

    # -- brackets ----------------------------------------------------------------------------------------------------

    def _follow_parents(self, now_us: int) -> None:
        parents, self._execution.bracketed = self._execution.bracketed, {}
        for parent in parents.values():
            legs = self._legs.get(parent.id)
            if legs is None:
                self._attach(parent, now_us)
                continue
            for leg in legs:
                if leg.is_waiting:
                    leg.quantity = leg.remaining = parent.executed
                    leg.updated_us = now_us
                    self._outbox.order(OrderEventKind.MODIFIED, leg, now_us)

    def _attach(self, parent: Order, now_us: int) -> None:
        request = parent.request
        # A take-profit fires on the side of a gain, a stop-loss on the other.
        wanted = ((request.take_profit, parent.is_buy), (request.stop_loss, not parent.is_buy))
        self._legs[parent.id] = [self._placed(parent, leg, rises, now_us) for leg, rises in wanted if leg is not None]

    def _placed(self, parent: Order, leg: Leg, rises: bool, now_us: int) -> Order:  # noqa: FBT001 - one private caller
        trigger = Trigger(leg.source, leg.price, rises)
        request = OrderRequest(
            symbol=parent.market.symbol,
            side=Side.SELL if parent.is_buy else Side.BUY,
            type=OrderType.MARKET if leg.limit is None else OrderType.LIMIT,
            quantity=parent.executed,
            price=leg.limit,
            reduce_only=parent.market.is_perp,
            self_trade=parent.request.self_trade,
            trigger=trigger,
        )
        return self.place(parent.account, parent.market, request, trigger, now_us, parent=parent)

    def _cancel_other_legs(self, order: Order, now_us: int) -> None:
        """The other half of a bracket ends with the one that fires; the bracket is over."""
        legs = self._legs.pop(order.related.id, ()) if order.related is not None else ()
        for leg in legs:
            if leg is not order and leg.is_waiting:
                self._execution.end(leg, Status.CANCELLED, now_us)
