"""The matching engine: orders in, events out.

Rules, in this order: admission (grid, bounds, bands), post-only and reduce-only, money, then matching by price and age.
Either `place` raises `Refusal` and nothing happened, or the order exists, whatever became of it. Time is an argument;
with the same calls at the same times every id, book and fill comes out the same. One caller at a time.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from sandbox.matching.account import Account, FeeSchedule, Position
from sandbox.matching.admission import check_request
from sandbox.matching.book import Book
from sandbox.matching.events import Event, Fill, OrderEventKind, PositionEventKind, Trade
from sandbox.matching.market import Market
from sandbox.matching.order import Expiry, Order, OrderRequest, OrderType, SelfTrade, Status, TimeInForce
from sandbox.matching.outbox import Outbox
from sandbox.matching.reach import can_fill, crosses, market_cost, opposite, reducible, side_of, wanted_at, worst_price
from sandbox.matching.refusal import Reason, Refusal
from sandbox.matching.settlement import Margin, lock_asset, lock_for, settle_perp, settle_spot

ZERO = Decimal(0)


class Engine:
    """All books and accounts of one simulated venue. Order ids are global, trade and update ids per market."""

    def __init__(self, markets: Iterable[Market], *, first_order_id: int = 1, first_update_id: int = 0) -> None:
        self.markets = {market.symbol: market for market in markets}
        self.books = {
            market.symbol: Book(market.symbol, last_price=market.start_price, update_id=first_update_id)
            for market in self.markets.values()
        }
        self.accounts: dict[str, Account] = {}
        self.fees_collected: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.margin = Margin(self.markets, self.mark)
        self._marks: dict[str, Decimal] = {}
        self._next_order_id = first_order_id
        self._next_position_id = 1
        self._outbox = Outbox()

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
        order = Order(
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
        )
        bound = worst_price(order, book)
        self._check_flags(order, book)
        self._reserve(order, book, bound)
        self._next_order_id += 1
        account.open_orders[order.id] = order
        if request.reduce_only:
            account.reducing[order.id] = order
        self._outbox.order(OrderEventKind.ACCEPTED, order, now_us)
        if request.time_in_force is TimeInForce.FOK and not can_fill(order, book, bound):
            self._end(order, Status.EXPIRED, now_us, Expiry.FILL_OR_KILL)
            return order
        expiry = self._match(order, book, bound, now_us)
        self._finish_taking(order, book, expiry, now_us)
        return order

    def cancel(self, order: Order, now_us: int) -> None:
        """End a resting order. The order must be open."""
        self._end(order, Status.CANCELLED, now_us)

    def cancel_all(self, account: Account, symbol: str, now_us: int) -> list[Order]:
        orders = [order for order in account.open_orders.values() if order.market.symbol == symbol]
        for order in orders:
            self.cancel(order, now_us)
        return orders

    # -- before matching -----------------------------------------------------------------------------------------

    def _check_flags(self, order: Order, book: Book) -> None:
        if order.request.post_only:
            best = opposite(order, book).best()
            if best is not None and crosses(order, best.price, order.price):
                raise Refusal(Reason.WOULD_TAKE)
        if order.request.reduce_only and (order.quantity or ZERO) > reducible(order):
            raise Refusal(Reason.NOT_REDUCING)
        if order.request.reduce_only and not reducible(order):
            raise Refusal(Reason.NOT_REDUCING)

    def _reserve(self, order: Order, book: Book, bound: Decimal | None) -> None:
        """Make sure the account can pay; a spot limit order's lock is taken here."""
        account, market = order.account, order.market
        if market.is_perp:
            price = order.price or self.mark(market.symbol)
            quantity = order.quantity or (order.request.quote_quantity or ZERO) / price
            self.margin.check(account, market, is_buy=order.is_buy, quantity=quantity, price=price)
            self._expose(order, order.remaining)
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

    def _expose(self, order: Order, quantity: Decimal) -> None:
        """Count (or, negative, stop counting) a perpetual order in the account's worst case."""
        exposure = order.account.exposures[order.market.symbol]
        if order.is_buy:
            exposure.buying += quantity
        else:
            exposure.selling += quantity

    # -- matching ------------------------------------------------------------------------------------------------

    def _match(self, taker: Order, book: Book, bound: Decimal | None, now_us: int) -> Expiry | None:
        """Trade until nothing is left or nothing fits; say why it stopped where that ends the order."""
        side = opposite(taker, book)
        while True:
            level = side.best()
            if level is None:
                return Expiry.INSUFFICIENT_LIQUIDITY
            if not crosses(taker, level.price, bound):
                return Expiry.PRICE_IMPACT
            wanted = wanted_at(taker, level.price)
            if not wanted:
                return None
            maker = level.oldest()
            if maker.account is taker.account:
                rule = taker.request.self_trade
                if rule is not SelfTrade.REJECT_TAKER:
                    self._end(maker, Status.EXPIRED, now_us, Expiry.SELF_TRADE)
                if rule is not SelfTrade.REJECT_MAKER:
                    return Expiry.SELF_TRADE
                continue
            self._trade(taker, maker, book, min(wanted, maker.remaining), now_us)
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
        book.shrink(maker, price, quantity)
        if taker.quantity is not None:
            taker.remaining -= quantity
        self._outbox.add(trade)
        for order in (maker, taker):
            self._fill(order, trade, is_maker=order is maker)
        if taker.market.is_perp:
            for order in (maker, taker):
                self._shrink_reducing(order.account, book, now_us)

    def _fill(self, order: Order, trade: Trade, *, is_maker: bool) -> None:
        order.executed += trade.quantity
        order.executed_quote += trade.quote_quantity
        order.updated_us = trade.time_us
        done = order.quantity is not None and not order.remaining
        order.status = Status.FILLED if done else Status.PARTIALLY_FILLED
        fee, fee_asset = self._settle(order, trade, is_maker=is_maker)
        self.fees_collected[fee_asset] += fee
        if done:
            self._forget(order)
        fill = Fill(order, trade.id, trade.price, trade.quantity, fee, fee_asset, is_maker, trade.time_us)
        self._outbox.order(OrderEventKind.FILLED, order, trade.time_us, fill)

    def _settle(self, order: Order, trade: Trade, *, is_maker: bool) -> tuple[Decimal, str]:
        account, market = order.account, order.market
        rate = account.fees.rate(is_perp=market.is_perp, is_maker=is_maker)
        self._outbox.touch_balance(account, market.quote)
        if not market.is_perp:
            self._outbox.touch_balance(account, market.base)
            return settle_spot(order, price=trade.price, quantity=trade.quantity, fee_rate=rate)
        position = account.positions.get(market.symbol)
        kind = PositionEventKind.ADJUSTED
        if position is None:
            kind = PositionEventKind.OPENED
            position = account.positions[market.symbol] = Position(id=self._next_position_id, opened_us=trade.time_us)
            self._next_position_id += 1
        if order.quantity is not None:
            self._expose(order, -trade.quantity)
        fee = settle_perp(order, position, price=trade.price, quantity=trade.quantity, fee_rate=rate)
        if not position.quantity:
            kind = PositionEventKind.CLOSED
            del account.positions[market.symbol]
        self._outbox.position(kind, account, market.symbol, position, trade.time_us)
        return fee

    def _shrink_reducing(self, account: Account, book: Book, now_us: int) -> None:
        """Resting reduce-only orders may not outgrow the position they reduce."""
        for order in list(account.reducing.values()):
            side = side_of(order, book)
            if order.market.symbol != book.symbol or order.price is None or order.price not in side.levels:
                continue
            if order.id not in side.levels[order.price].orders:
                continue
            allowed = reducible(order)
            if not allowed:
                self._end(order, Status.EXPIRED, now_us, Expiry.NOT_REDUCING)
            elif order.remaining > allowed and order.quantity is not None:
                excess = order.remaining - allowed
                order.quantity -= excess
                self._expose(order, -excess)
                book.shrink(order, order.price, excess)
                self._outbox.order(OrderEventKind.MODIFIED, order, now_us)

    # -- after matching ------------------------------------------------------------------------------------------

    def _finish_taking(self, order: Order, book: Book, expiry: Expiry | None, now_us: int) -> None:
        """Rest what is left of a limit order; end whatever may not rest."""
        if not order.is_open:
            return
        request = order.request
        if expiry is Expiry.SELF_TRADE:
            self._end(order, Status.EXPIRED, now_us, expiry)
        elif request.type is OrderType.MARKET:
            if expiry is None and order.executed:  # less than one step of the quote amount is left: that is done
                order.status = Status.FILLED
                self._forget(order)
                self._outbox.correct_last_fill(order)
            else:
                self._end(order, Status.EXPIRED, now_us, expiry or Expiry.INSUFFICIENT_LIQUIDITY)
        elif request.time_in_force is not TimeInForce.GTC:
            self._end(order, Status.EXPIRED, now_us, Expiry.IMMEDIATE_OR_CANCEL)
        elif order.price is not None:
            book.add(order, order.price)

    def _end(self, order: Order, status: Status, now_us: int, expiry: Expiry | None = None) -> None:
        """Take an unfilled order (or its rest) out of the book and give back what it held."""
        order.status = status
        order.expiry = expiry
        order.updated_us = now_us
        if order.market.is_perp and order.quantity is not None:
            self._expose(order, -order.remaining)
        elif order.locked:
            asset = lock_asset(order)
            balance = order.account.balances[asset]
            balance.locked -= order.locked
            balance.available += order.locked
            order.locked = ZERO
            self._outbox.touch_balance(order.account, asset)
        self._forget(order)
        book = self.books[order.market.symbol]
        level = side_of(order, book).levels.get(order.price) if order.price is not None else None
        if level is not None and order.id in level.orders and order.price is not None:
            book.shrink(order, order.price, order.remaining)
        order.remaining = ZERO
        kind = OrderEventKind.CANCELLED if status is Status.CANCELLED else OrderEventKind.EXPIRED
        self._outbox.order(kind, order, now_us)

    def _forget(self, order: Order) -> None:
        del order.account.open_orders[order.id]
        order.account.reducing.pop(order.id, None)
