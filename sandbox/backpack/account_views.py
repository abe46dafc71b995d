"""Signed account answers: settings, balances, collateral, positions."""

from decimal import Decimal
from typing import Any

from sandbox.backpack.errors import bad_payload, not_found
from sandbox.backpack.market_data import margin_function
from sandbox.backpack.markets import LISTINGS, Listing
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.payloads import read_object
from sandbox.backpack.wire import market_type, plain
from sandbox.matching import Account, Engine, Position
from sandbox.matching.settlement import worst_exposure

ZERO = Decimal(0)
CASH = "USDC"


class AccountViews:
    """Reads accounts; the only thing it changes is the leverage limit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._listings: dict[str, Listing] = {listing.market.symbol: listing for listing in LISTINGS}

    def account(self, account: Account) -> Any:
        fees = account.fees
        return {
            "autoBorrowSettlements": False,
            "autoLend": False,
            "autoRealizePnl": True,
            "autoRepayBorrows": True,
            "borrowLimit": "1000000",
            "futuresMakerFee": plain(fees.perp_maker),
            "futuresTakerFee": plain(fees.perp_taker),
            "leverageLimit": plain(account.leverage_limit),
            "limitOrders": len(account.open_orders),
            "liquidating": False,
            "positionLimit": "5000000",
            "spotMakerFee": plain(fees.spot_maker),
            "spotTakerFee": plain(fees.spot_taker),
            "triggerOrders": 0,
        }

    def update(self, account: Account, body: Any) -> None:
        """Change settings; answered with an empty body."""
        raw = read_object(body, "UpdateAccountSettingsRequest").get("leverageLimit")
        if raw is None:
            return
        if not isinstance(raw, str) or not raw.replace(".", "", 1).isdecimal() or not Decimal(raw):
            raise bad_payload("string_decimal", "Invalid decimal", "UpdateAccountSettingsRequest")
        account.leverage_limit = Decimal(raw)

    def capital(self, account: Account) -> Any:
        """Only assets that are there."""
        return {
            asset: {"available": plain(balance.available), "locked": plain(balance.locked), "staked": "0"}
            for asset, balance in account.balances.items()
            if balance.available or balance.locked
        }

    def collateral(self, account: Account) -> Any:
        margin = self._engine.margin
        rows = []
        assets_value = locked_value = ZERO
        for asset, balance in account.balances.items():
            price = self._asset_price(asset)
            value = balance.total * price
            assets_value += value
            locked_value += balance.locked * price
            rows.append(
                {
                    "assetMarkPrice": plain(price),
                    "availableQuantity": plain(balance.available),
                    "balanceNotional": plain(value),
                    "collateralValue": plain(value),
                    "collateralWeight": "1",
                    "lendQuantity": "0",
                    "openOrderQuantity": plain(balance.locked),
                    "symbol": asset,
                    "totalQuantity": plain(balance.total),
                }
            )
        unrealized = margin.unrealized(account)
        exposure = sum((abs(self._notional(symbol, item)) for symbol, item in account.positions.items()), ZERO)
        equity = assets_value + unrealized
        required = margin.required(account)
        return {
            "assetsValue": plain(assets_value),
            "borrowLiability": "0",
            "collateral": rows,
            "imf": plain(1 / account.leverage_limit),
            "liabilitiesValue": "0",
            "marginFraction": plain((equity / exposure).quantize(Decimal("1e-8"))) if exposure else None,
            "mmf": "0.0125",
            "netEquity": plain(equity),
            "netEquityAvailable": plain(equity - locked_value - required),
            "netEquityLocked": plain(locked_value + required),
            "netExposureFutures": plain(exposure),
            "pnlUnrealized": plain(unrealized),
            "unsettledEquity": plain(unrealized),
        }

    def positions(self, account: Account, query: Parameters, user_id: int) -> Any:
        """All open positions; asking for one that is not there is an error."""
        market = query.optional_market(self._engine.markets)
        kinds = query.market_types()
        rows = [
            self._position(account, symbol, position, user_id)
            for symbol, position in account.positions.items()
            if market is None or market.symbol == symbol
        ]
        if market is not None and not rows:
            raise not_found()
        return [row for row in rows if not kinds or market_type(self._engine.markets[row["symbol"]]) in kinds]

    def _position(self, account: Account, symbol: str, position: Position, user_id: int) -> dict[str, Any]:
        listing = self._listings[symbol]
        mark = self._engine.mark(symbol)
        notional = self._notional(symbol, position)
        exposure = worst_exposure(account, listing.market)
        entry = plain(position.entry_price.quantize(Decimal("1e-8")))
        imf = listing.imf.of(notional) if listing.imf else ZERO
        mmf = listing.mmf.of(notional) if listing.mmf else ZERO
        return {
            "breakEvenPrice": entry,
            "cumulativeFundingPayment": "0",
            "cumulativeInterest": "0",
            "entryPrice": entry,
            "estLiquidationPrice": "0",
            "imf": plain(max(imf, 1 / account.leverage_limit).quantize(Decimal("1e-8"))),
            "imfFunction": margin_function(listing.imf),
            "markPrice": plain(mark),
            "mmf": plain(mmf.quantize(Decimal("1e-8"))),
            "mmfFunction": margin_function(listing.mmf),
            "netCost": plain(position.cost),
            "netExposureNotional": plain(exposure * mark),
            "netExposureQuantity": plain(exposure),
            "netQuantity": plain(position.quantity),
            "pnlRealized": plain(position.realized),
            "pnlUnrealized": plain(position.unrealized(mark)),
            "positionId": str(position.id),
            "subaccountId": None,
            "symbol": symbol,
            "userId": user_id,
        }

    def _notional(self, symbol: str, position: Position) -> Decimal:
        return position.quantity * self._engine.mark(symbol)

    def _asset_price(self, asset: str) -> Decimal:
        return Decimal(1) if asset == CASH else self._engine.mark(f"{asset}_{CASH}")
