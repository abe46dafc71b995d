"""Every public path: its handler, the class it counts in, how long it may be cached."""

from collections.abc import Callable
from typing import Any

from sandbox.backpack.calls import HISTORICAL, STANDARD, Call, Route, Routes, or_no_content, text
from sandbox.backpack.candles import Klines
from sandbox.backpack.derivatives import Derivatives
from sandbox.backpack.headers import KLINES, MARKETS, OPEN_INTEREST, TICKERS, UNCACHED, Headers
from sandbox.backpack.market_data import MarketData
from sandbox.backpack.pages import Page
from sandbox.backpack.reference_data import SESSIONS, ReferenceData
from sandbox.backpack.status import VenueStatus
from sandbox.config import BackpackConfig
from sandbox.simulation import Simulation


def public_routes(simulation: Simulation, config: BackpackConfig, status: VenueStatus) -> Routes:
    data, klines = MarketData(simulation), Klines(simulation)
    reference, derivatives = ReferenceData(simulation.engine), Derivatives(simulation.engine)

    def get(
        name: str,
        handler: Callable[[Call], Any],
        headers: Headers = UNCACHED,
        *,
        historical: bool = False,
    ) -> tuple[tuple[str, str], Route]:
        request_class = HISTORICAL if historical else STANDARD
        return ("GET", f"/api/v1/{name}"), Route(handler, request_class=request_class, headers=headers)

    return dict(
        (
            get("status", lambda call: status.show()),
            get("ping", lambda call: text("pong")),
            get("time", lambda call: text(str(call.now_us // 1000))),
            get("assets", lambda call: reference.assets(call.query), MARKETS),
            get("collateral", lambda call: reference.collateral(), MARKETS),
            get("markets", lambda call: reference.markets(call.query), MARKETS),
            get("market", lambda call: reference.market(call.query), MARKETS),
            get("securities", lambda call: [], MARKETS),
            get("market-sessions", lambda call: SESSIONS, MARKETS),
            get("market-holidays", lambda call: [], MARKETS),
            get("stockSessions", lambda call: [], MARKETS),
            get("stockHolidays", lambda call: [], MARKETS),
            get("stockIndicativeQuote", lambda call: reference.indicative_quote(call.query)),
            get("ticker", lambda call: or_no_content(data.ticker(call.query, call.now_us), TICKERS), TICKERS),
            get("tickers", lambda call: data.tickers(call.query, call.now_us), TICKERS),
            get("depth", lambda call: data.depth(call.query, call.now_us)),
            get("klines", lambda call: klines.klines(call.query, call.now_us), KLINES, historical=True),
            get("trades", lambda call: data.trades(call.query), historical=config.historical_trades),
            get("trades/history", lambda call: data.trades_history(call.query), historical=True),
            get("markPrices", lambda call: derivatives.mark_prices(call.query, call.now_us)),
            get("openInterest", lambda call: derivatives.open_interest(call.query, call.now_us), OPEN_INTEREST),
            get(
                "fundingRates",
                lambda call: Page(*derivatives.funding_rates(call.query)),
                historical=config.historical_funding,
            ),
        )
    )
