"""The limits of all levels put to one order: what it alone may be, and what it may be beside all others."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from adapters.models import AccountName, Market, VenueName
from gateway.errors import Refusal
from gateway.numbers import plain
from gateway.risk.ledger import Beyond, Ledger, Use
from gateway.risk.limits import (
    Asked,
    Level,
    LevelKind,
    amount,
    check,
    needs_price,
    notional,
    rejected,
    size_field,
    units,
)
from gateway.settings import LimitSettings, Settings

_UNLIMITED = LimitSettings()


class Prices(Protocol):
    """Where the price of a market comes from."""

    async def price(self, market: Market) -> Decimal | None:
        """The price now; None if no fresh one is known."""
        ...


@dataclass(frozen=True, slots=True)
class Exposure:
    """What an order that may go counts as, at the levels that count."""

    levels: Sequence[Level]
    units: int
    is_open: bool
    """It counts as open and by its notional, not by its rate alone."""
    size_field: str


class Risk:
    """Judges orders by the limits of their desk, client, account and market."""

    def __init__(self, settings: Settings, prices: Prices, ledger: Ledger):
        self._settings = settings
        self._prices = prices
        self._ledger = ledger

    def take_up(self, settings: Settings) -> None:
        """Go by these limits from now on; what open orders have reserved stays reserved."""
        self._settings = settings

    def desk_of(self, client: str) -> str | None:
        """The desk of a client, as configured now."""
        config = self._settings.clients.get(client)
        return None if config is None else config.desk

    @property
    def desks(self) -> frozenset[str]:
        return frozenset(self._settings.desks)

    def levels(self, client: str, account: AccountName, market: Market) -> tuple[Level, ...]:
        """The levels of an order that limit anything."""
        own = self._own_levels(client, account)
        configured = self._settings.venues[market.venue].markets
        of_market = configured.get(market.symbol) or configured.get(market.venue_symbol)
        if of_market is not None:
            own += (_market_level(market, of_market.limits),)
        return tuple(level for level in own if level.limits != _UNLIMITED)

    async def check(self, client: str, account: AccountName, market: Market, asked: Asked) -> Exposure:
        """Judge the order alone; answers with what it counts as.

        Raises `Refusal`, `not_sent`.
        """
        levels = self.levels(client, account, market)
        price = await self._prices.price(market) if needs_price(asked, levels) else None
        check(asked, market, price, levels)
        value = notional(asked, market, price)
        counted = tuple(level for level in levels if level.is_counted)
        # A notional that nobody knows is one that no limit asks for.
        return Exposure(
            counted, 0 if value is None else units(value), is_open=not asked.reduce_only, size_field=size_field(asked)
        )

    async def reserve(
        self, exposure: Exposure, venue: VenueName, account: AccountName, *, claim: str, order_id: str
    ) -> None:
        """Count an order from now on, exactly, whichever replicas race. Safe to repeat with the same claim.

        Raises `Refusal`, `not_sent`, and `StoreUnavailable`.
        """
        await self._reserve(exposure, venue, account, claim=claim, order_id=order_id, way="reserve")

    async def would_fit(self, exposure: Exposure, venue: VenueName, account: AccountName) -> None:
        """Judge the order beside all others, and count nothing. Raises as `reserve` does."""
        await self._reserve(exposure, venue, account, claim="", order_id="", way="try")

    async def adopt(
        self,
        venue: VenueName,
        account: AccountName,
        client: str,
        market: Market,
        asked: Asked,
        *,
        claim: str,
        order_id: str,
    ) -> None:
        """Count an order that is open already, whatever the limits. Safe to repeat. Raises `StoreUnavailable`."""
        levels = tuple(level for level in self.levels(client, account, market) if level.is_counted)
        if not levels or await self._ledger.has(venue, account, claim):
            return
        price = await self._prices.price(market) if needs_price(asked, levels) else None
        value = notional(asked, market, price)
        if value is None and asked.price is not None and asked.quantity is not None:
            value = asked.price * asked.quantity * market.contract_size
        exposure = Exposure(levels, 0 if value is None else units(value), not asked.reduce_only, size_field(asked))
        await self._reserve(exposure, venue, account, claim=claim, order_id=order_id, way="adopt")

    async def amend(self, client: str, account: AccountName, market: Market, asked: Asked, *, claim: str) -> None:
        """Judge an open order as it shall become (`asked`), and count it so from now on.

        What is counted never shrinks by this: the rest is given back when the order ends. Safe to repeat. Raises
        `Refusal`, `not_sent`, and `StoreUnavailable`.
        """
        exposure = await self.check(client, account, market, asked)
        if exposure.levels:
            beyond = await self._ledger.amend(market.venue, account, claim, exposure.levels, units=exposure.units)
            if beyond is not None:
                raise _refusal(exposure, beyond)

    async def release(
        self, venue: VenueName, account: AccountName, *, claim: str, traded: Decimal | None, was_sent: bool
    ) -> bool:
        """An order has ended: what it did not trade (None: nobody knows) is free again. Safe to repeat.

        Raises `StoreUnavailable`; the sweep releases what was not.
        """
        traded_units = None if traded is None else units(traded)
        return await self._ledger.release(venue, account, claim, traded_units=traded_units, was_sent=was_sent)

    async def reservations(
        self, venue: VenueName, account: AccountName, cursor: int, *, count: int
    ) -> tuple[int, dict[str, str]]:
        """Some of the account's reservations, claim → order id, and where to go on. Raises `StoreUnavailable`."""
        return await self._ledger.page(venue, account, cursor, count=count)

    async def state(self, client: str, account: AccountName, markets: Sequence[Market]) -> list[tuple[Level, Use]]:
        """The limits of a client on an account, those of these markets too, and what counts against each.

        Raises `StoreUnavailable`.
        """
        levels = list(self._own_levels(client, account))
        for market in markets:
            levels += [level for level in self.levels(client, account, market) if level.kind is LevelKind.MARKET]
        return list(zip(levels, await self._ledger.use(levels), strict=True))

    def unknown_markets(self, venue: VenueName, known: Sequence[Market]) -> list[str]:
        """Markets that are configured and that the venue does not have: their limits would limit nothing."""
        names = {name for market in known for name in (market.symbol, market.venue_symbol)}
        return sorted(set(self._settings.venues[venue].markets) - names)

    def _own_levels(self, client: str, account: AccountName) -> tuple[Level, ...]:
        def found() -> Iterator[Level]:
            settings = self._settings
            desk = self.desk_of(client)
            if desk is not None and desk in settings.desks:
                yield Level(LevelKind.DESK, desk, settings.desks[desk].limits)
            if client in settings.clients:
                yield Level(LevelKind.CLIENT, client, settings.clients[client].limits)
            if account in settings.accounts:
                yield Level(LevelKind.ACCOUNT, account, settings.accounts[account].limits)

        return tuple(found())

    async def _reserve(
        self, exposure: Exposure, venue: VenueName, account: AccountName, *, claim: str, order_id: str, way: str
    ) -> None:
        if not exposure.levels:
            return
        beyond = await self._ledger.reserve(
            venue,
            account,
            claim,
            order_id,
            exposure.levels,
            units=exposure.units,
            is_open=exposure.is_open,
            way=way,
        )
        if beyond is not None:
            raise _refusal(exposure, beyond)


def _market_level(market: Market, limits: LimitSettings) -> Level:
    return Level(LevelKind.MARKET, f"{market.venue}/{market.symbol}", limits)


def _refusal(exposure: Exposure, beyond: Beyond) -> Refusal:
    level = exposure.levels[beyond.level]
    limits = level.limits
    if beyond.limit == "daily_notional":
        allowed, would_be = plain(limits.daily_notional or Decimal(0)), plain(amount(beyond.would_be))
        message = f"with this order {would_be} of {allowed} a day would be traded or on order"
        field = exposure.size_field
    elif beyond.limit == "order_rate":
        rate = limits.order_rate
        allowed, would_be = ("" if rate is None else str(rate.count)), str(beyond.would_be)
        message = f"this would be order {would_be} of {allowed} in {0 if rate is None else rate.period_ms} ms"
        field = None
    else:
        allowed, would_be = str(limits.max_open_orders), str(beyond.would_be)
        message = f"this would be open order {would_be} of {allowed} allowed"
        field = None
    refusal = rejected(level, beyond.limit, allowed=allowed, would_be=would_be, message=message, field=field)
    if beyond.limit == "order_rate":
        refusal.retry_after_s = beyond.wait_ms / 1000
    return refusal
