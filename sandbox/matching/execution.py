"""What happens to an order that was let in: it trades by price and age, rests, and ends. Engine internals.

Matching moves money and positions at once, trade by trade. `end` is the only way out of the book besides trading.
"""

from collections import defaultdict
from decimal import Decimal

from sandbox.matching.account import Account, Position
from sandbox.matching.book import Book
from sandbox.matching.events import Fill, OrderEventKind, PositionEventKind, Trade
from sandbox.matching.floor import Floor
from sandbox.matching.order import Expiry, Order, OrderType, SelfTrade, Status, TimeInForce
from sandbox.matching.reach import Bound, crosses, fillable, opposite, reducible, side_of, wanted_at
from sandbox.matching.settlement import lock_asset, settle_perp, settle_spot

ZERO = Decimal(0)
ENDINGS = {
    Status.TRIGGER_FAILED: OrderEventKind.TRIGGER_FAILED,
    Status.TRIGGERED: OrderEventKind.TRIGGERED,
    Status.CANCELLED: OrderEventKind.CANCELLED,
    Status.EXPIRED: OrderEventKind.EXPIRED,
    Status.REJECTED: OrderEventKind.REJECTED,
}


class Execution:
    """Works on the engine's books and accounts, and tells the outbox.

    `bracketed` gathers orders with brackets that have filled, for whoever looks after the legs.
    """

    def __init__(self, floor: Floor) -> None:
        self.fees_collected: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.bracketed: dict[int, Order] = {}
        self._books = floor.books
        self._triggers = floor.triggers
        self._outbox = floor.outbox
        self._order_margin = floor.order_margin
        self._rules = floor.rules
        self._next_position_id = 1

    def run(self, order: Order, book: Book, bound: Bound, now_us: int) -> None:
        """Trade up to the bound; rest what is left of a limit order, end whatever may not rest."""
        expiry = self._match(order, book, bound, now_us)
        if not order.is_open:
            return
        request = order.request
        if expiry is Expiry.SELF_TRADE:
            self.end(order, Status.EXPIRED, now_us, expiry)
        elif request.reduce_only and order.quantity is not None and not reducible(order):
            self.end(order, Status.EXPIRED, now_us, Expiry.NOT_REDUCING)
        elif request.type is OrderType.MARKET:
            if expiry is None and order.executed:  # less than one step of the quote amount is left: that is done
                order.status = Status.FILLED
                self._forget(order)
                self._outbox.correct_last_fill(order)
            else:
                self.end(order, Status.EXPIRED, now_us, expiry or Expiry.INSUFFICIENT_LIQUIDITY)
        elif request.time_in_force is not TimeInForce.GTC:
            self.end(order, Status.EXPIRED, now_us, Expiry.IMMEDIATE_OR_CANCEL)
        elif order.price is not None:
            if request.visible is not None:
                order.hidden = max(ZERO, order.remaining - request.visible)
            book.add(order, order.price)

    def end(self, order: Order, status: Status, now_us: int, expiry: Expiry | None = None) -> None:
        """Take an unfilled order (or its rest) out of the book and give back what it held."""
        if order.is_waiting:
            self._triggers.remove(order)
        elif order.market.is_perp and order.quantity is not None:
            self.expose(order, -order.remaining)
        elif order.locked:
            asset = lock_asset(order)
            balance = order.account.balances[asset]
            balance.locked -= order.locked
            balance.available += order.locked
            order.locked = ZERO
            self._outbox.touch_balance(order.account, asset)
        order.status = status
        order.expiry = expiry
        order.updated_us = now_us
        self._forget(order)
        book = self._books[order.market.symbol]
        if order.price is not None and self._rests(order, book):
            book.shrink(order, order.price, order.remaining)
        order.remaining = ZERO
        self._order_margin.hold(order)
        self._outbox.order(ENDINGS[status], order, now_us)

    def expose(self, order: Order, quantity: Decimal) -> None:
        """Count (or, negative, stop counting) a perpetual order in the account's worst case."""
        exposure = order.account.exposures[order.market.symbol]
        if order.is_buy:
            exposure.buying += quantity
        else:
            exposure.selling += quantity

    def shrink(self, order: Order, book: Book, excess: Decimal) -> None:
        """Make a resting order smaller where it is; by all of it takes it out of the book."""
        if excess and order.price is not None and order.quantity is not None:
            order.quantity -= excess
            self.expose(order, -excess)
            book.shrink(order, order.price, excess)
            self._order_margin.hold(order)

    # -- trading -------------------------------------------------------------------------------------------------

    def _match(self, taker: Order, book: Book, bound: Bound, now_us: int) -> Expiry | None:
        """Trade until nothing is left or nothing fits; say why it stopped where that ends the order."""
        side = opposite(taker, book)
        while True:
            level = side.best()
            if level is None:
                return Expiry.INSUFFICIENT_LIQUIDITY
            if not crosses(taker, level.price, bound.price):
                return bound.expiry
            wanted = wanted_at(taker, level.price)
            if not wanted:
                return None
            maker = level.oldest()
            if maker.account is taker.account:
                rule = taker.request.self_trade
                if rule is not SelfTrade.REJECT_TAKER:
                    self.end(maker, Status.EXPIRED, now_us, Expiry.SELF_TRADE)
                if rule is not SelfTrade.REJECT_MAKER:
                    return Expiry.SELF_TRADE
                continue
            offered = fillable(maker)
            if maker.hidden:
                offered = min(offered, maker.remaining - maker.hidden)
            self._trade(taker, maker, book, min(wanted, offered), now_us)
            if not taker.is_open:
                return None

    def _trade(self, taker: Order, maker: Order, book: Book, quantity: Decimal, now_us: int) -> None:
        price = maker.price or ZERO
        book.trade_id += 1
        book.last_price = price
        buy, sell = (taker, maker) if taker.is_buy else (maker, taker)
        trade = Trade(
            symbol=book.symbol,
            id=book.trade_id,
            price=price,
            quantity=quantity,
            quote_quantity=price * quantity,
            buy_order_id=buy.id,
            sell_order_id=sell.id,
            buyer_is_maker=buy is maker,
            time_us=now_us,
        )
        book.trade(maker, price, quantity)
        if taker.quantity is not None:
            taker.remaining -= quantity
        self._outbox.add(trade)
        for order in (maker, taker):
            self._fill(order, trade, is_maker=order is maker)
        if taker.market.is_perp:
            for order in (maker, taker):
                self._follow_position(order.account, book, now_us)

    def _fill(self, order: Order, trade: Trade, *, is_maker: bool) -> None:
        order.executed += trade.quantity
        order.executed_quote += trade.quote_quantity
        order.updated_us = trade.time_us
        done = order.quantity is not None and not order.remaining
        order.status = Status.FILLED if done else Status.PARTIALLY_FILLED
        self._order_margin.hold(order)
        fee, fee_asset, realized = self._settle(order, trade, is_maker=is_maker)
        order.fees += fee
        self.fees_collected[fee_asset] += fee
        if done:
            self._forget(order)
        if order.request.take_profit is not None or order.request.stop_loss is not None:
            self.bracketed[order.id] = order
        fill = Fill(order, trade.id, trade.price, trade.quantity, fee, fee_asset, is_maker, trade.time_us, realized)
        self._outbox.order(OrderEventKind.FILLED, order, trade.time_us, fill)

    def _settle(self, order: Order, trade: Trade, *, is_maker: bool) -> tuple[Decimal, str, Decimal]:
        """Move one side's money and return (fee, fee asset, realized profit)."""
        account, market = order.account, order.market
        rate = account.fees.rate(is_perp=market.is_perp, is_maker=is_maker)
        self._outbox.touch_balance(account, market.quote)
        if not market.is_perp:
            self._outbox.touch_balance(account, market.base)
            return *settle_spot(order, price=trade.price, quantity=trade.quantity, fee_rate=rate), ZERO
        position = account.positions.get(market.symbol)
        kind = PositionEventKind.ADJUSTED
        if position is None:
            kind = PositionEventKind.OPENED
            position = account.positions[market.symbol] = Position(id=self._next_position_id, opened_us=trade.time_us)
            self._next_position_id += 1
        if order.quantity is not None:
            self.expose(order, -trade.quantity)
        held_before = position.quantity
        fee, realized = settle_perp(order, position, price=trade.price, quantity=trade.quantity, fee_rate=rate)
        self._order_margin.settle(order, position, held_before=held_before, price=trade.price)
        position.updated_us = trade.time_us
        position.fees += fee
        if not position.quantity:
            kind = PositionEventKind.CLOSED
            position.closed_us = trade.time_us
            del account.positions[market.symbol]
        self._outbox.position(kind, account, market.symbol, position, trade.time_us)
        return fee, market.quote, realized

    def _follow_position(self, account: Account, book: Book, now_us: int) -> None:
        """Resting reduce-only orders end with the position; unless they are capped at it, they shrink with it too."""
        for order in list(account.reducing.values()):
            if order.is_waiting or order.market.symbol != book.symbol or not self._rests(order, book):
                continue
            allowed = reducible(order)
            if not allowed:
                self.end(order, Status.EXPIRED, now_us, Expiry.NOT_REDUCING)
            elif not self._rules.caps_reducing and order.remaining > allowed and order.quantity is not None:
                self.shrink(order, book, order.remaining - allowed)
                self._outbox.order(OrderEventKind.MODIFIED, order, now_us)

    @staticmethod
    def _rests(order: Order, book: Book) -> bool:
        level = side_of(order, book).levels.get(order.price) if order.price is not None else None
        return level is not None and order.id in level.orders

    @staticmethod
    def _forget(order: Order) -> None:
        del order.account.open_orders[order.id]
        order.account.reducing.pop(order.id, None)
