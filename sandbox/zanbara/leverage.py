"""How much leverage and how large a position an account may have at the moment.

As a rule only the market's maximum counts. With dynamic leverage the user's level, the position's size and the market's
volatility do, too.
"""

from decimal import ROUND_FLOOR, Decimal

from sandbox.matching import Account, Market, OrderRequest
from sandbox.matching.margin import worst_exposure
from sandbox.simulation import Simulation
from sandbox.zanbara.errors import Problem, leverage_exceeded
from sandbox.zanbara.profiles import Profile
from sandbox.zanbara.volatility import Volatility

ZERO = Decimal(0)
OBSERVED_EVERY_US = 1_000_000
# A position worth more than this takes so many times off the leverage.
SIZE_STEPS = ((Decimal(100_000), 5), (Decimal(50_000), 4), (Decimal(10_000), 2))


class Leverage:
    """Reads accounts and prices; changes nothing."""

    def __init__(self, simulation: Simulation, profiles: dict[str, Profile], *, is_dynamic: bool) -> None:
        self._engine = simulation.engine
        self._profiles = profiles
        self._is_dynamic = is_dynamic
        tapes = simulation.tapes
        self._volatility = Volatility(lambda symbol, now_us: tapes[symbol].mark.summary(now_us - 3_600_000_000))
        self._next_us = 0

    def advance(self, now_us: int) -> None:
        """Keep an eye on volatility."""
        if self._is_dynamic and now_us >= self._next_us:
            self._next_us = now_us + OBSERVED_EVERY_US
            self._volatility.observe(self._engine.markets, now_us)

    def clock_stepped(self, by_us: int) -> None:
        self._next_us += by_us
        self._volatility.clock_stepped(by_us)

    def most(self, account: Account, market: Market, now_us: int, *, worth: Decimal | None = None) -> int:
        """The highest leverage for a position of such worth, by default that of the one there is."""
        highest = int(market.max_leverage)
        if not self._is_dynamic:
            return highest
        level = self._profiles[account.name].level.max_leverage
        by_size = level - size_adjustment(self._worth(account, market) if worth is None else worth)
        left = min(highest, level, by_size) * (1 - self._volatility.cut(market.symbol, now_us))
        return max(1, int(left.to_integral_value(ROUND_FLOOR)))

    def check_order(self, account: Account, market: Market, request: OrderRequest, now_us: int) -> None:
        """Refuse an order whose position would be too large, or too large for the leverage that is set."""
        if not self._is_dynamic or request.reduce_only:
            return
        quantity, is_buy = request.quantity or ZERO, request.side == "buy"
        before = worst_exposure(account, market)
        after = worst_exposure(
            account, market, buying=quantity if is_buy else ZERO, selling=ZERO if is_buy else quantity
        )
        if after <= before:
            return
        worth, cap = after * self._engine.mark(market.symbol), self._profiles[account.name].level.position_cap
        most = self.most(account, market, now_us, worth=worth)
        if account.terms[market.symbol].leverage > most:
            raise leverage_exceeded(most)
        if cap is not None and worth > cap:
            raise Problem("POSITION_LIMIT_EXCEEDED", f"A position may be worth {cap} USDC at most", field="quantity")

    def _worth(self, account: Account, market: Market) -> Decimal:
        position = account.positions.get(market.symbol)
        return abs(position.quantity) * self._engine.mark(market.symbol) if position else ZERO


def size_adjustment(worth: Decimal) -> int:
    """How many times a position of such worth takes off the leverage."""
    return next((taken for above, taken in SIZE_STEPS if worth > above), 0)
