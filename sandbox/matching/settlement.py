"""Money in motion: locks at placement, transfers at a trade, and the margin a perpetual needs.

Spot: a sell locks base, a buy locks quote; a buyer pays the fee in base, a seller in quote. Perpetual: nothing is
locked, the account's free collateral is checked instead (or, by `order_margin`, what each order holds back); profit and
fee settle in the quote asset at once. Liquidation is left out: a loss may drive the settle asset below zero.
"""

from collections.abc import Callable
from decimal import Decimal

from sandbox.matching.account import Account, Position
from sandbox.matching.market import Market
from sandbox.matching.order import Order
from sandbox.matching.refusal import Reason, Refusal

ZERO = Decimal(0)

MarkOf = Callable[[str], Decimal]


def worst_exposure(account: Account, market: Market, *, buying: Decimal = ZERO, selling: Decimal = ZERO) -> Decimal:
    """The largest absolute position the market could come to if one side's orders, and these besides, all filled."""
    position = account.positions.get(market.symbol)
    held = position.quantity if position else ZERO
    exposure = account.exposures[market.symbol]
    return max(abs(held + exposure.buying + buying), abs(held - exposure.selling - selling))


class Margin:
    """Free collateral of an account: the settle asset plus unrealized profit, minus what open exposure requires."""

    def __init__(self, markets: dict[str, Market], mark_of: MarkOf) -> None:
        self._perps = [market for market in markets.values() if market.is_perp]
        self._mark_of = mark_of

    def leverage(self, account: Account, market: Market) -> Decimal:
        return min(account.leverage_limit, market.max_leverage)

    def required(self, account: Account) -> Decimal:
        total = ZERO
        for market in self._perps:
            if market.symbol in account.exposures:
                notional = worst_exposure(account, market) * self._mark_of(market.symbol)
                total += notional / self.leverage(account, market)
        return total

    def unrealized(self, account: Account) -> Decimal:
        return sum((position.unrealized(self._mark_of(symbol)) for symbol, position in account.positions.items()), ZERO)

    def free(self, account: Account, asset: str) -> Decimal:
        """How much of the settle asset may still be used for something new."""
        available = account.balances[asset].available
        if not account.exposures:
            return available
        return min(available, available + self.unrealized(account) - self.required(account))

    def check(self, account: Account, market: Market, *, is_buy: bool, quantity: Decimal, price: Decimal) -> None:
        """Refuse an order whose exposure the account cannot carry. One that adds no exposure is always carried."""
        before = worst_exposure(account, market)
        after = worst_exposure(
            account, market, buying=quantity if is_buy else ZERO, selling=ZERO if is_buy else quantity
        )
        if after <= before:
            return
        needed = (after - before) * price / self.leverage(account, market)
        equity = account.balances[market.quote].available + self.unrealized(account)
        if self.required(account) + needed > equity:
            raise Refusal(Reason.INSUFFICIENT_MARGIN)


def lock_for(order: Order, quantity: Decimal) -> Decimal:
    """What a resting spot limit order of this size holds back, in base (sell) or quote (buy)."""
    return (order.price or ZERO) * quantity if order.is_buy else quantity


def lock_asset(order: Order) -> str:
    return order.market.quote if order.is_buy else order.market.base


def settle_spot(order: Order, *, price: Decimal, quantity: Decimal, fee_rate: Decimal) -> tuple[Decimal, str]:
    """Move one side's money for a spot trade and return (fee, fee asset)."""
    market, balances = order.market, order.account.balances
    notional = price * quantity
    paid = notional if order.is_buy else quantity
    source = balances[lock_asset(order)]
    if order.locked:
        released = lock_for(order, quantity)
        order.locked -= released
        source.locked -= released
        source.available += released - paid
    else:
        source.available -= paid
    if order.is_buy:
        fee = quantity * fee_rate
        balances[market.base].available += quantity - fee
        return fee, market.base
    fee = notional * fee_rate
    balances[market.quote].available += notional - fee
    return fee, market.quote


def settle_perp(
    order: Order, position: Position, *, price: Decimal, quantity: Decimal, fee_rate: Decimal
) -> tuple[Decimal, Decimal]:
    """Move one side's position and cash for a perpetual trade and return (fee, realized profit)."""
    fee = price * quantity * fee_rate
    profit = position.apply(quantity if order.is_buy else -quantity, price)
    order.account.balances[order.market.quote].available += profit - fee
    return fee, profit
