"""Reference data: the venues' markets, loaded at start, refreshed, and served while a refresh fails."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog

from adapters.common.backoff import delays
from adapters.contract import Throttle, Venue
from adapters.errors import VenueError
from adapters.models import Market, VenueName
from gateway.errors import Code, Refusal

_log = structlog.get_logger()

REFRESH_S = 3_600.0


class Markets:
    """Every venue's markets by our symbol, and by the venue's own name as an alias."""

    def __init__(self, venues: Mapping[VenueName, Venue], throttle_for: Callable[[VenueName], Throttle]):
        self._venues = venues
        self._throttle_for = throttle_for
        self._by_symbol: dict[VenueName, dict[str, Market]] = {}
        self._aliases: dict[VenueName, dict[str, Market]] = {}
        self._loaded = {name: asyncio.Event() for name in venues}

    def all(self) -> Iterable[Market]:
        for markets in self._by_symbol.values():
            yield from markets.values()

    def of(self, venue: VenueName) -> Iterable[Market]:
        return self._by_symbol.get(venue, {}).values()

    def is_loaded(self, venue: VenueName) -> bool:
        return self._loaded[venue].is_set()

    async def wait_loaded(self, venue: VenueName) -> None:
        await self._loaded[venue].wait()

    def find(self, venue: str, symbol: str) -> Market | None:
        """The market, by our symbol or the venue's; None if there is none."""
        name = VenueName(venue)
        return self._by_symbol.get(name, {}).get(symbol) or self._aliases.get(name, {}).get(symbol)

    def get(self, venue: str, symbol: str) -> Market:
        """The market.

        Raises `Refusal`: no such venue, no such market, or the venue has not told its markets yet.
        """
        if venue not in self._venues:
            raise venue_not_found(venue, self._venues)
        market = self.find(venue, symbol)
        if market is not None:
            return market
        if not self.is_loaded(VenueName(venue)):
            raise Refusal(
                Code.VENUE_UNAVAILABLE,
                f"{venue} has not told its markets yet; it may be down",
                venue=venue,
                retry_after_s=1,
            )
        raise Refusal(
            Code.MARKET_NOT_FOUND,
            f"{venue} has no market {symbol!r}; GET /v1/markets?venue={venue} lists them",
            field="symbol",
            venue=venue,
        )

    async def keep_fresh(self, venue: VenueName) -> None:
        """Load one venue's markets and go on refreshing them; ends only by cancellation."""
        while True:
            for delay_s in delays(0.2, 15.0):
                if await self._refresh(venue):
                    break
                await asyncio.sleep(delay_s)
            await asyncio.sleep(REFRESH_S)

    async def _refresh(self, venue: VenueName) -> bool:
        try:
            markets = await self._venues[venue].market_data.markets(self._throttle_for(venue))
        except (VenueError, Refusal) as error:
            _log.warning("markets_not_refreshed", venue=venue, error=str(error), have=self.is_loaded(venue))
            return False
        self._by_symbol[venue] = {market.symbol: market for market in markets}
        self._aliases[venue] = {market.venue_symbol: market for market in markets}
        if not self.is_loaded(venue):
            _log.info("markets_loaded", venue=venue, count=len(markets))
        self._loaded[venue].set()
        return True


def venue_not_found(venue: str, known: Iterable[str]) -> Refusal:
    """The answer to an unknown venue's name."""
    return Refusal(
        Code.VENUE_NOT_FOUND,
        f"there is no venue {venue[:64]!r}",
        field="venue",
        details={"supported": sorted(known)},
    )
