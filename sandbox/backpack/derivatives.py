"""Public answers about perpetuals: marks, funding, open interest. Methods return what goes out as JSON."""

from decimal import Decimal
from itertools import islice
from typing import Any

from sandbox.backpack.parameters import Parameters
from sandbox.backpack.wire import market_type, naive_iso_seconds, plain
from sandbox.matching import Engine, Market

FUNDING_ROWS = 10_000


class Derivatives:
    """Reads the engine; changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def mark_prices(self, query: Parameters, now_us: int) -> Any:
        market = query.optional_market(self._engine.markets)
        wanted = query.market_types() or ["PERP"]
        chosen = [market] if market else [item for item in self._engine.markets.values() if market_type(item) in wanted]
        return [self._mark_price(item, now_us) for item in chosen]

    def open_interest(self, query: Parameters, now_us: int) -> Any:
        market = query.optional_market(self._engine.markets)
        chosen = [market] if market else [item for item in self._engine.markets.values() if item.is_perp]
        return [
            {
                "openInterest": plain(self.open_quantity(item)) if item.is_perp else None,
                "symbol": item.symbol,
                "timestamp": now_us // 1000,
            }
            for item in chosen
        ]

    def funding_rates(self, query: Parameters) -> tuple[list[Any], int, int, int]:
        """(page of settled intervals, newest first; how many there are; limit; offset)."""
        market = query.market(self._engine.markets)
        limit, offset = query.page(high=FUNDING_ROWS)
        if not self._engine.funding.is_funded(market.symbol):
            return [], 0, limit, offset
        settled = list(islice(self._engine.funding.history(market.symbol), FUNDING_ROWS))
        rows = [
            {
                "fundingRate": plain(item.rate),
                "intervalEndTimestamp": naive_iso_seconds(item.time_us),
                "symbol": market.symbol,
            }
            for item in settled[offset : offset + limit]
        ]
        return rows, len(settled), limit, offset

    def open_quantity(self, market: Market) -> Decimal:
        """All long positions together, the house's included."""
        positions = (account.positions.get(market.symbol) for account in self._engine.accounts.values())
        return sum((position.quantity for position in positions if position and position.quantity > 0), Decimal(0))

    def _mark_price(self, market: Market, now_us: int) -> dict[str, Any]:
        symbol, funding = market.symbol, self._engine.funding
        is_perp = market.is_perp
        return {
            "fundingRate": plain(funding.rate(symbol)) if is_perp else None,
            "indexPrice": plain(self._engine.prices.index(symbol)) if is_perp else None,
            "markPrice": plain(self._engine.mark(symbol)),
            "nextFundingTimestamp": funding.next_us(symbol, now_us) // 1000 if is_perp else None,
            "symbol": symbol,
        }
