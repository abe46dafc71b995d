"""Margin counted order by order: what each open order holds back, what each position holds, what is left.

An order holds amount ÷ leverage and the taker fee until it trades or ends; a reduce-only order holds nothing. A
position on cross margin holds its cost ÷ leverage, one on isolated margin what was put aside for it.
"""

from collections.abc import Callable
from decimal import Decimal

from sandbox.matching.account import Account, Position
from sandbox.matching.order import Order
from sandbox.matching.refusal import Reason, Refusal

ZERO = Decimal(0)


class OrderMargin:
    """Answers for perpetuals that settle in one asset. Keeps what orders hold back, and isolated positions' margin."""

    def __init__(self, mark_of: Callable[[str], Decimal], *, is_used: bool) -> None:
        self._mark_of = mark_of
        self.is_used = is_used

    def needed(self, order: Order, price: Decimal, quantity: Decimal | None = None) -> Decimal:
        """What the unfilled rest of an order, or another quantity of it, takes at a price."""
        if order.request.reduce_only:
            return ZERO
        amount = (order.remaining if quantity is None else quantity) * price
        return amount / order.leverage + amount * order.account.fees.rate(is_perp=True, is_maker=False)

    def hold(self, order: Order) -> None:
        """Let an order hold back what it takes now; nothing once it is over."""
        if not self.is_used or not order.account.watched:
            return
        needed = self.needed(order, order.valued_at) if order.is_open else ZERO
        order.account.reserved += needed - order.reserved
        order.reserved = needed

    def held(self, account: Account) -> Decimal:
        """What all positions hold."""
        return sum((self.held_by(account, symbol, item) for symbol, item in account.positions.items()), ZERO)

    def held_by(self, account: Account, symbol: str, position: Position) -> Decimal:
        terms = account.terms[symbol]
        return position.margin if terms.isolated else abs(position.cost) / terms.leverage

    def unrealized(self, account: Account) -> Decimal:
        return sum((position.unrealized(self._mark_of(symbol)) for symbol, position in account.positions.items()), ZERO)

    def free(self, account: Account, asset: str) -> Decimal:
        """What may be used for something new; below zero when losses have eaten into what is held."""
        cash = account.balances[asset].available
        return cash + self.unrealized(account) - self.held(account) - account.reserved

    def check(self, order: Order) -> None:
        """Refuse a new order that needs more than is free."""
        self._check(order, self.needed(order, order.valued_at), self.free(order.account, order.market.quote))

    def check_amended(self, order: Order, price: Decimal, remaining: Decimal) -> None:
        """Refuse a change of an open order; what it holds now counts as free."""
        free = self.free(order.account, order.market.quote) + order.reserved
        self._check(order, self.needed(order, price, remaining), free)

    @staticmethod
    def _check(order: Order, needed: Decimal, free: Decimal) -> None:
        available = max(ZERO, free)
        if not order.request.reduce_only and needed > available:
            raise Refusal(Reason.INSUFFICIENT_MARGIN, required=needed, available=available)

    def settle(self, order: Order, position: Position, *, held_before: Decimal, price: Decimal) -> None:
        """Put margin aside for what a trade added to an isolated position, or free it for what it took away."""
        if not order.account.terms[order.market.symbol].isolated:
            return
        now = position.quantity
        if held_before and (held_before > 0) != (now > 0):  # closed, or flipped: what is left is new
            position.margin = abs(now) * price / order.leverage
        elif abs(now) >= abs(held_before):
            position.margin += (abs(now) - abs(held_before)) * price / order.leverage
        else:
            position.margin = position.margin * now / held_before
