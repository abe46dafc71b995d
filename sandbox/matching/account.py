"""One account's money: balances per asset, net positions per perpetual, fee rates, resting orders."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.matching.order import ClientId, Order

ZERO = Decimal(0)
BPS = Decimal("0.0001")
# The share of a cost that leaves with a partial close may be periodic; rounding it moves the rest into the profit,
# so that cost and profit still add up to the last digit.
COST_QUANTUM = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Rates in basis points of the traded amount; negative is a rebate."""

    spot_maker: Decimal = Decimal(8)
    spot_taker: Decimal = Decimal(10)
    perp_maker: Decimal = Decimal(2)
    perp_taker: Decimal = Decimal(5)

    def rate(self, *, is_perp: bool, is_maker: bool) -> Decimal:
        if is_perp:
            return (self.perp_maker if is_maker else self.perp_taker) * BPS
        return (self.spot_maker if is_maker else self.spot_taker) * BPS


@dataclass(slots=True)
class Balance:
    available: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        return self.available + self.locked


@dataclass(slots=True)
class Position:
    """The net position in one perpetual; short is negative. `cost` is signed like `quantity`.

    `margin` is what was put aside for it where margin is isolated. `funding` is what came (or, negative, went) for it.
    The closing figures are of the last trade that made it smaller.
    """

    id: int
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    opened_us: int = 0
    updated_us: int = 0
    margin: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    closed_volume: Decimal = ZERO
    closing_price: Decimal = ZERO
    closed_us: int | None = None
    is_liquidated: bool = False

    @property
    def entry_price(self) -> Decimal:
        return self.cost / self.quantity if self.quantity else ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        return self.quantity * mark - self.cost

    def apply(self, signed_quantity: Decimal, price: Decimal) -> Decimal:
        """Trade `signed_quantity` at `price` and return the profit this realizes."""
        held = self.quantity
        closing = ZERO
        if held and (held > 0) != (signed_quantity > 0):
            closing = min(abs(held), abs(signed_quantity)).copy_sign(held)
        profit = ZERO
        if closing:
            share = self.cost if closing == held else self._share_of_cost(closing)
            profit = closing * price - share
            self.cost -= share
            self.closed_volume += abs(closing)
            self.closing_price = price
        self.cost += (signed_quantity + closing) * price
        self.quantity = held + signed_quantity
        self.realized += profit
        return profit

    def _share_of_cost(self, closing: Decimal) -> Decimal:
        return (self.cost * closing / self.quantity).quantize(COST_QUANTUM, rounding=ROUND_HALF_EVEN)


@dataclass(slots=True)
class Terms:
    """What an account has chosen for one perpetual, where the venue lets it choose."""

    leverage: int = 1
    isolated: bool = False


@dataclass(slots=True)
class Exposure:
    """What the resting orders of one perpetual could still buy and sell."""

    buying: Decimal = ZERO
    selling: Decimal = ZERO


@dataclass(slots=True, eq=False)
class Account:
    """A sub-account. `watched` accounts get events and histories; the house's own need neither.

    `reducing` holds those open orders that are reduce-only; `reserved` is what open orders hold back as margin.
    """

    name: str
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    leverage_limit: Decimal = Decimal(10)
    watched: bool = True
    balances: defaultdict[str, Balance] = field(default_factory=lambda: defaultdict(Balance))
    positions: dict[str, Position] = field(default_factory=dict)
    exposures: defaultdict[str, Exposure] = field(default_factory=lambda: defaultdict(Exposure))
    terms: defaultdict[str, Terms] = field(default_factory=lambda: defaultdict(Terms))
    open_orders: dict[int, Order] = field(default_factory=dict)
    reducing: dict[int, Order] = field(default_factory=dict)
    reserved: Decimal = ZERO

    def find_open(self, *, order_id: int | None = None, client_id: ClientId | None = None) -> Order | None:
        """The resting order with this id, or the newest one with this client id (client ids may repeat)."""
        if order_id is not None:
            return self.open_orders.get(order_id)
        return next(
            (order for order in reversed(self.open_orders.values()) if order.request.client_id == client_id), None
        )
