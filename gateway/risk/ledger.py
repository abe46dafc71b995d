"""What open orders have reserved of the limits that are counted, in Redis: exact, whichever replicas race for it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from adapters.models import AccountName, VenueName
from gateway.risk.limits import Level, units
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_RESERVE = Script.load("gateway.risk", "tally.lua", "reserve.lua")
_RELEASE = Script.load("gateway.risk", "tally.lua", "release.lua")
_AMEND = Script.load("gateway.risk", "tally.lua", "amend.lua")
_USE = Script.load("gateway.risk", "tally.lua", "use.lua")

_ALL = -1
_NONE = -1


class Reservation(msgspec.Struct, frozen=True):
    """Whose it is, and where it counts: the levels as they were when the order was admitted."""

    order_id: str
    levels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Beyond:
    """Which limit of which level an order would be beyond; `would_be` counts orders or units."""

    level: int
    limit: str
    would_be: int
    wait_ms: int
    """For a rate: when the next order may go."""


@dataclass(frozen=True, slots=True)
class Use:
    """What counts against a level's limits."""

    open_orders: int
    reserved_units: int
    traded_units: int
    orders_in_period: int


class Ledger:
    """The reservations of all accounts. Every call raises `StoreUnavailable`."""

    def __init__(self, store: Store):
        self._store = store

    async def reserve(
        self,
        venue: VenueName,
        account: AccountName,
        claim: str,
        order_id: str,
        levels: Sequence[Level],
        *,
        units: int,
        is_open: bool,
        way: str = "reserve",
    ) -> Beyond | None:
        """Reserve at all levels, or say what forbids it. Safe to repeat with the same claim.

        `is_open` False counts the order's rate alone. `way` "try" changes nothing, "adopt" asks no limit.
        """
        value = msgspec.json.encode(Reservation(order_id, tuple(str(level) for level in levels)))
        arguments: list[str | bytes | int] = [claim, value, units, int(is_open), way]
        for level in levels:
            limits, rate = level.limits, level.limits.order_rate
            arguments += [
                _NONE if limits.max_open_orders is None else limits.max_open_orders,
                _daily(level),
                _NONE if rate is None else rate.count,
                _NONE if rate is None else rate.period_ms,
            ]
        names = [keys.risk_reservations(venue, account), *_names(str(level) for level in levels)]
        return _beyond(await self._store.run(_RESERVE, names, arguments))

    async def amend(
        self, venue: VenueName, account: AccountName, claim: str, levels: Sequence[Level], *, units: int
    ) -> Beyond | None:
        """Let the order trade so much, or say what forbids it; never less than before. Safe to repeat.

        An order without a reservation gets none by this.
        """
        names = [keys.risk_reservations(venue, account), *_names(str(level) for level in levels)]
        return _beyond(await self._store.run(_AMEND, names, [claim, units, *map(_daily, levels)]))

    async def release(
        self, venue: VenueName, account: AccountName, claim: str, *, traded_units: int | None, was_sent: bool
    ) -> bool:
        """End the order's reservation; False if it has none. Safe to repeat.

        `traded_units` None: as much as it might have.
        """
        reservations = keys.risk_reservations(venue, account)
        kept = await self._store.command("HGET", reservations, claim)
        if kept is None:
            return False
        levels = msgspec.json.decode(kept, type=Reservation).levels
        traded = _ALL if traded_units is None else traded_units
        released = await self._store.run(
            _RELEASE, [reservations, *_names(levels)], [claim, traded, int(not was_sent), keys.RISK_TRADED_TTL_MS]
        )
        return bool(released)

    async def use(self, levels: Sequence[Level]) -> list[Use]:
        """What counts against each level now."""
        periods = [0 if level.limits.order_rate is None else level.limits.order_rate.period_ms for level in levels]
        found = await self._store.run(_USE, list(_names(str(level) for level in levels)), periods)
        return [Use(*(int(count) for count in one)) for one in found]

    async def page(
        self, venue: VenueName, account: AccountName, cursor: int, *, count: int
    ) -> tuple[int, dict[str, str]]:
        """Some of the account's reservations, claim → order id, and where to go on; 0 begins and ends it."""
        following, found = await self._store.command(
            "HSCAN", keys.risk_reservations(venue, account), cursor, "COUNT", count
        )
        values = {
            claim.decode(): msgspec.json.decode(kept, type=Reservation).order_id
            for claim, kept in zip(found[::2], found[1::2], strict=True)
        }
        return int(following), values

    async def has(self, venue: VenueName, account: AccountName, claim: str) -> bool:
        return bool(await self._store.command("HEXISTS", keys.risk_reservations(venue, account), claim))


def _daily(level: Level) -> int:
    daily = level.limits.daily_notional
    return _NONE if daily is None else units(daily)


def _names(levels: Iterator[str] | Sequence[str]) -> Iterator[str]:
    for level in levels:
        yield from keys.risk_level(level)


def _beyond(answer: list[bytes | int]) -> Beyond | None:
    if answer[0] != b"refused":
        return None
    _, level, limit, would_be, wait_ms = answer
    name = limit.decode() if isinstance(limit, bytes) else str(limit)
    return Beyond(int(level) - 1, name, int(would_be), int(wait_ms))
