"""Public answers about what there is: assets, collateral, markets, sessions. Methods return what goes out as JSON."""

import re
from decimal import Decimal
from typing import Any

from sandbox.backpack.errors import bad_parameter, not_found
from sandbox.backpack.markets import ASSETS, FUNDING, INITIAL, LISTINGS, MAINTENANCE, Asset, Listing, Token
from sandbox.backpack.parameters import Parameters
from sandbox.backpack.wire import BOOK_STATE, market_type, plain, plain_or_none
from sandbox.matching import Band, Engine, MarginFunction, Market, MarketState

COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
BPS = Decimal(10_000)

# The one session there is: the markets here never close.
SESSIONS = [
    {
        "description": "Open at all times",
        "endTime": "23:59:59",
        "endWeekday": 7,
        "name": "CRYPTO",
        "startTime": "00:00:00",
        "startWeekday": 1,
        "timezone": "UTC",
    }
]


class ReferenceData:
    """Reads listings, and from the engine which orders a market takes now."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._listings = {listing.market.symbol: listing for listing in LISTINGS}

    def assets(self, query: Parameters) -> Any:
        """Every asset; all of them may be had in every country."""
        country = query.text("country")
        if country is not None and not COUNTRY.fullmatch(country):
            raise bad_parameter("country", "string", "Invalid country code")
        return [_asset(asset) for asset in ASSETS]

    def collateral(self) -> Any:
        return [_collateral(asset) for asset in ASSETS]

    def markets(self, query: Parameters) -> Any:
        wanted = query.market_types() or ["SPOT", "PERP"]
        return [self._market(listing) for listing in self._listings.values() if market_type(listing.market) in wanted]

    def market(self, query: Parameters) -> Any:
        return self._market(self._listings[query.market(self._engine.markets).symbol])

    def indicative_quote(self, query: Parameters) -> Any:
        """No asset here is a stock."""
        query.required("symbol")
        raise not_found()

    def _market(self, listing: Listing) -> dict[str, Any]:
        symbol = listing.market.symbol
        return _market(listing, self._engine.markets[symbol], self._engine.states[symbol])


def margin_function(function: MarginFunction | None) -> dict[str, str] | None:
    if function is None:
        return None
    return {"base": plain(function.base), "factor": plain(function.factor), "type": "sqrt"}


def _asset(asset: Asset) -> dict[str, Any]:
    return {
        "coingeckoId": asset.coingecko_id,
        "displayName": asset.name,
        "symbol": asset.symbol,
        "tokens": [_token(token, asset.name) for token in asset.tokens],
    }


def _token(token: Token, name: str) -> dict[str, Any]:
    return {
        "blockchain": token.blockchain,
        "contractAddress": token.contract,
        "depositEnabled": True,
        "displayName": name,
        "maximumWithdrawal": None,
        "minimumDeposit": plain(token.minimum_deposit),
        "minimumWithdrawal": plain(token.minimum_withdrawal),
        "nativeDecimals": token.decimals,
        "withdrawEnabled": True,
        "withdrawalFee": plain(token.fee),
    }


def _collateral(asset: Asset) -> dict[str, Any]:
    return {
        "haircutFunction": {"kind": dict(asset.haircut), "weight": plain(asset.weight)},
        "imfFunction": margin_function(INITIAL),
        "mmfFunction": margin_function(MAINTENANCE),
        "symbol": asset.symbol,
    }


def _band(band: Band | None) -> dict[str, str] | None:
    return None if band is None else {"maxMultiplier": plain(band.high), "minMultiplier": plain(band.low)}


def _market(listing: Listing, market: Market, state: MarketState) -> dict[str, Any]:
    """As it is now; a listing says how it was at the start."""
    is_perp = market.is_perp
    last, impact = market.last_band, market.impact
    bound = plain(FUNDING.cap * BPS)
    return {
        "baseSymbol": market.base,
        "createdAt": listing.created_at,
        "filters": {
            "price": {
                "borrowEntryFeeMaxMultiplier": "1.01",
                "borrowEntryFeeMinMultiplier": "0.99",
                "discoveryBoundBand": None,
                "maxImpactMultiplier": plain_or_none(impact.high if impact else None),
                "maxMultiplier": plain_or_none(last.high if last else None),
                "maxPrice": plain_or_none(market.max_price),
                "maxPriceUpdateMultiplier": "1.0025",
                "meanMarkPriceBand": _band(market.mark_band),
                "meanPremiumBand": None,
                "minImpactMultiplier": plain_or_none(impact.low if impact else None),
                "minMultiplier": plain_or_none(last.low if last else None),
                "minPrice": plain(market.min_price),
                "minPriceUpdateMultiplier": "0.9975",
                "tickSize": plain(market.tick),
            },
            "quantity": {
                "maxQuantity": plain_or_none(market.max_quantity),
                "minQuantity": plain(market.min_quantity),
                "stepSize": plain(market.step),
            },
        },
        "fundingInterval": FUNDING.interval_us // 1000 if is_perp else None,
        "fundingRateLowerBound": f"-{bound}" if is_perp else None,
        "fundingRateUpperBound": bound if is_perp else None,
        "imfFunction": margin_function(market.initial),
        "marketType": market_type(market),
        "mmfFunction": margin_function(market.maintenance),
        "openInterestLimit": listing.open_interest_limit,
        "orderBookState": BOOK_STATE[state],
        "positionLimitWeight": None,
        "quoteSymbol": market.quote,
        "rwaMarketType": None,
        "symbol": market.symbol,
        "visible": True,
    }
