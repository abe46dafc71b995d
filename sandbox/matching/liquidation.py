"""Closing what an account can no longer carry: its positions on cross margin together, isolated ones one by one.

Orders of the scope are ended, each position is closed with a reduce-only market order that no band holds back, a fee
goes to the insurance fund, and the fund covers what is then missing. Engine internals.
"""

from decimal import Decimal
from typing import NamedTuple

from sandbox.matching.account import Account, Position
from sandbox.matching.entry import Entry
from sandbox.matching.events import Liquidated
from sandbox.matching.execution import Execution
from sandbox.matching.floor import Floor
from sandbox.matching.market import Market
from sandbox.matching.order import Expiry, OrderRequest, OrderType, Origin, Side, Status, TimeInForce

ZERO = Decimal(0)


class Standing(NamedTuple):
    """What stands for positions, and what keeping them asks for."""

    equity: Decimal
    maintenance: Decimal


class Liquidation:
    """`fund` is what fees brought and deficits took."""

    def __init__(self, floor: Floor, entry: Entry, execution: Execution) -> None:
        self.fund = ZERO
        self._markets = floor.markets
        self._books = floor.books
        self._margin = floor.margin
        self._mark_of = floor.prices.mark
        self._outbox = floor.outbox
        self._rules = floor.rules
        self._entry = entry
        self._execution = execution

    def run(self, account: Account, now_us: int) -> None:
        """Close whatever of this account has fallen below its maintenance margin."""
        cross = [symbol for symbol in account.positions if not account.terms[symbol].isolated]
        if cross:
            standing = Standing(self._margin.equity(account), self.cross_maintenance(account))
            self._close_if_short(account, cross, standing, now_us)
        for symbol, position in list(account.positions.items()):
            if account.terms[symbol].isolated:
                worth = position.margin + position.unrealized(self._mark_of(symbol))
                standing = Standing(worth, self._margin.maintenance(account, symbol))
                self._close_if_short(account, [symbol], standing, now_us)

    def cross_maintenance(self, account: Account) -> Decimal:
        """What keeping all positions on cross margin asks for."""
        cross = (symbol for symbol in account.positions if not account.terms[symbol].isolated)
        return sum((self._margin.maintenance(account, symbol) for symbol in cross), ZERO)

    def _close_if_short(self, account: Account, symbols: list[str], standing: Standing, now_us: int) -> None:
        if standing.equity >= standing.maintenance * self._rules.liquidation_ratio:
            return
        for order in list(account.open_orders.values()):
            if order.market.symbol in symbols:
                self._execution.end(order, Status.EXPIRED, now_us, Expiry.LIQUIDATION)
        for symbol in symbols:
            position = account.positions.get(symbol)
            if position is not None and self._can_trade(symbol, is_buy=position.quantity < 0):
                self._close_position(account, self._markets[symbol], position, standing, now_us)

    def _can_trade(self, symbol: str, *, is_buy: bool) -> bool:
        """Whether there is anybody to close a position with; if not, it is tried again with the next price."""
        book = self._books[symbol]
        return (book.asks if is_buy else book.bids).best() is not None

    def _close_position(
        self, account: Account, market: Market, position: Position, standing: Standing, now_us: int
    ) -> None:
        side = Side.SELL if position.quantity > 0 else Side.BUY
        request = OrderRequest(
            symbol=market.symbol,
            side=side,
            type=OrderType.MARKET,
            quantity=abs(position.quantity),
            time_in_force=TimeInForce.IOC,
            reduce_only=True,
        )
        order = self._entry.enter(account, market, request, now_us, origin=Origin.LIQUIDATION)
        position.is_liquidated = True
        balance = account.balances[market.quote]
        fee = order.executed_quote * self._rules.liquidation_fee
        balance.available -= fee
        # Other collateral may still stand for a debt; without any the fund pays it.
        covered = max(ZERO, -max(balance.available, self._margin.equity(account)))
        balance.available += covered
        self.fund += fee - covered
        self._outbox.touch_balance(account, market.quote)
        self._outbox.add(
            Liquidated(
                account=account,
                symbol=market.symbol,
                position_id=position.id,
                side=side,
                price=order.executed_quote / order.executed,
                quantity=order.executed,
                fee=fee,
                covered=covered,
                equity=standing.equity,
                maintenance=standing.maintenance,
                time_us=now_us,
            )
        )
