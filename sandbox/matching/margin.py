"""Margin of an account as a whole: what it is worth, what its open exposure asks for, what is left.

Equity is the settle asset, other collateral by its weight, and unrealized profit. A market's exposure is the worst case
of its position and open orders; what it asks for is the larger of the market's initial margin and one over the leverage
the account may use.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal

from sandbox.matching.account import Account
from sandbox.matching.market import Market
from sandbox.matching.refusal import Reason, Refusal
from sandbox.matching.rules import Rules

ZERO = Decimal(0)

MarkOf = Callable[[str], Decimal]


def worst_exposure(account: Account, market: Market, *, buying: Decimal = ZERO, selling: Decimal = ZERO) -> Decimal:
    """The largest absolute position the market could come to if one side's orders, and these besides, all filled."""
    position = account.positions.get(market.symbol)
    held = position.quantity if position else ZERO
    exposure = account.exposures[market.symbol]
    return max(abs(held + exposure.buying + buying), abs(held - exposure.selling - selling))


class Margin:
    """Reads accounts, changes nothing. Perpetuals of one engine settle in one asset."""

    def __init__(self, markets: Mapping[str, Market], mark_of: MarkOf, rules: Rules) -> None:
        self._perps = [market.symbol for market in markets.values() if market.is_perp]
        self._markets = markets
        self._mark_of = mark_of
        self._rules = rules

    @property
    def settle_asset(self) -> str | None:
        """What perpetuals settle in; None where there are none."""
        return self._markets[self._perps[0]].quote if self._perps else None

    def initial_rate(self, account: Account, market: Market, notional: Decimal) -> Decimal:
        """The share of a notional that opening it asks for."""
        by_leverage = 1 / min(account.leverage_limit, market.max_leverage)
        return by_leverage if market.initial is None else max(by_leverage, market.initial.of(notional))

    def maintenance_rate(self, account: Account, market: Market, notional: Decimal) -> Decimal:
        """The share of a notional that keeping it asks for."""
        if self._rules.half_initial:
            return 1 / Decimal(2 * account.terms[market.symbol].leverage)
        return ZERO if market.maintenance is None else market.maintenance.of(notional)

    def required(self, account: Account) -> Decimal:
        """What all open exposure asks for."""
        total = ZERO
        for symbol in self._perps:
            if symbol in account.exposures:
                market = self._markets[symbol]
                notional = worst_exposure(account, market) * self._mark_of(symbol)
                if notional:
                    total += notional * self.initial_rate(account, market, notional)
        return total

    def maintenance(self, account: Account, symbol: str) -> Decimal:
        """What keeping one position asks for, at the mark."""
        position = account.positions.get(symbol)
        if position is None:
            return ZERO
        notional = abs(position.quantity) * self._mark_of(symbol)
        return notional * self.maintenance_rate(account, self._markets[symbol], notional)

    def unrealized(self, account: Account) -> Decimal:
        return sum((position.unrealized(self._mark_of(symbol)) for symbol, position in account.positions.items()), ZERO)

    def equity(self, account: Account) -> Decimal:
        """What the account is worth as margin, in the settle asset."""
        worth = self.unrealized(account) if account.positions else ZERO
        settle_asset = self.settle_asset
        if settle_asset is not None and settle_asset in account.balances:
            worth += account.balances[settle_asset].total
        for item in self._rules.collateral:
            if item.asset in account.balances:
                worth += account.balances[item.asset].total * self._mark_of(item.priced_by) * item.weight
        return worth

    def free(self, account: Account, asset: str) -> Decimal:
        """How much of an asset may still be used for something new."""
        available = account.balances[asset].available
        if asset != self.settle_asset or not account.exposures:
            return available
        return min(available, self.free_equity(account))

    def check(self, account: Account, market: Market, *, is_buy: bool, quantity: Decimal, price: Decimal) -> None:
        """Refuse an order whose exposure the account cannot carry. One that adds no exposure is always carried."""
        before = worst_exposure(account, market)
        after = worst_exposure(
            account, market, buying=quantity if is_buy else ZERO, selling=ZERO if is_buy else quantity
        )
        if after <= before:
            return
        mark = self._mark_of(market.symbol)
        held, wanted = before * mark, before * mark + (after - before) * price
        limit = self._rules.position_limit
        if limit is not None and wanted > limit:
            raise Refusal(Reason.POSITION_LIMIT)
        needed = wanted * self.initial_rate(account, market, wanted) - held * self.initial_rate(account, market, held)
        free = self.free_equity(account)
        if needed > free:
            raise Refusal(Reason.INSUFFICIENT_MARGIN, required=needed, available=max(ZERO, free))

    def free_equity(self, account: Account) -> Decimal:
        """Equity that neither open exposure nor spot orders hold back."""
        free = self.equity(account) - self.required(account)
        settle_asset = self.settle_asset
        if settle_asset is not None:
            free -= account.balances[settle_asset].locked
        for item in self._rules.collateral:
            if item.asset in account.balances and (locked := account.balances[item.asset].locked):
                free -= locked * self._mark_of(item.priced_by) * item.weight
        return free
