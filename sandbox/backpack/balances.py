"""What an account has, and what that is worth as collateral: `/api/v1/capital` and `/api/v1/capital/collateral`."""

from decimal import Decimal
from typing import Any

from sandbox.backpack.markets import ASSETS, CASH
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.wire import fraction, plain
from sandbox.matching import Account, Balance, Engine
from sandbox.matching.margin import worst_exposure

ZERO = Decimal(0)
WEIGHTS = {asset.symbol: asset.weight for asset in ASSETS}


class Balances:
    """Reads accounts; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def capital(self, account: Account) -> Any:
        """Only assets that are there."""
        return {
            asset: {"available": plain(balance.available), "locked": plain(balance.locked), "staked": "0"}
            for asset, balance in account.balances.items()
            if balance.available or balance.locked
        }

    def collateral(self, account: Account, query: Parameters) -> Any:
        """Assets by their weight, debts apart from them, and the margin figures of the account as a whole."""
        query.subaccount()
        margin = self._engine.margin
        owned = {asset: item for asset, item in account.balances.items() if item.total > 0}
        assets_value = sum((self._value(asset, item) for asset, item in owned.items()), ZERO)
        debts = [self._value(asset, item) for asset, item in account.balances.items() if item.total < 0]
        liabilities = -sum(debts, ZERO)
        unrealized, equity = margin.unrealized(account), margin.equity(account)
        required, available = margin.required(account), margin.free_equity(account)
        exposure = self._exposure(account)
        maintenance = sum((margin.maintenance(account, symbol) for symbol in account.positions), ZERO)
        initial_rate, maintenance_rate = self._rates(account, exposure, required, maintenance)
        return {
            "assetsValue": plain(assets_value),
            "borrowLiability": plain(liabilities),
            "collateral": [self._row(asset, item) for asset, item in owned.items()],
            "imf": fraction(initial_rate),
            "liabilitiesValue": plain(liabilities),
            "marginFraction": fraction(equity / exposure) if exposure else None,
            "mmf": fraction(maintenance_rate),
            "netEquity": plain(equity),
            "netEquityAvailable": plain(available),
            "netEquityLocked": plain(equity - available),
            "netExposureFutures": plain(exposure),
            "pnlUnrealized": plain(unrealized),
            "unsettledEquity": plain(unrealized),
        }

    def price(self, asset: str) -> Decimal:
        """An asset's price in cash."""
        return Decimal(1) if asset == CASH else self._engine.mark(f"{asset}_{CASH}")

    def _row(self, asset: str, balance: Balance) -> dict[str, Any]:
        weight, value = WEIGHTS.get(asset, ZERO), self._value(asset, balance)
        return {
            "assetMarkPrice": plain(self.price(asset)),
            "availableQuantity": plain(balance.available),
            "balanceNotional": plain(value),
            "collateralValue": plain(value * weight),
            "collateralWeight": plain(weight),
            "lendQuantity": "0",
            "openOrderQuantity": plain(balance.locked),
            "symbol": asset,
            "totalQuantity": plain(balance.total),
        }

    def _value(self, asset: str, balance: Balance) -> Decimal:
        return balance.total * self.price(asset)

    def _exposure(self, account: Account) -> Decimal:
        """All futures at their worst case."""
        engine = self._engine
        return sum(
            (worst_exposure(account, engine.markets[symbol]) * engine.mark(symbol) for symbol in account.exposures),
            ZERO,
        )

    def _rates(
        self, account: Account, exposure: Decimal, required: Decimal, maintenance: Decimal
    ) -> tuple[Decimal, Decimal]:
        """Initial and maintenance margin as shares of the exposure; without any, what a first order would meet."""
        if exposure:
            return required / exposure, maintenance / exposure
        margin = self._engine.margin
        perp = next(market for market in self._engine.markets.values() if market.is_perp)
        return margin.initial_rate(account, perp, ZERO), margin.maintenance_rate(account, perp, ZERO)
