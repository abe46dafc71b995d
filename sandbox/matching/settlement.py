"""Money in motion: locks at placement and transfers at a trade.

Spot: a sell locks base, a buy locks quote; a buyer pays the fee in base, a seller in quote. Perpetual: nothing is
locked, the account's margin is checked instead (`margin`, or `order_margin` where each order holds back its own);
profit and fee settle in the quote asset at once.
"""

from decimal import Decimal

from sandbox.matching.account import Position
from sandbox.matching.order import Order

ZERO = Decimal(0)


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
