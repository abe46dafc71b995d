"""What an account holds, entered into its journal as it changes.

What changes faster than it can be entered is entered as it is in the end. Every replica may enter the same: what was
entered last is kept beside the journal, and the venue's own time tells which of two is the newer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from adapters.common.backoff import delays
from adapters.models import AccountName, Balance, BalanceEvent, Position, PositionEvent, VenueName
from gateway.errors import StoreUnavailable
from gateway.journal.entry import EVERYBODY
from gateway.journal.holding import Holding, encode_holding, gone
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_log = structlog.get_logger()

_HOLD = Script.load("gateway.journal", "hold.lua")


class Holdings:
    """The positions and balances of one account."""

    def __init__(self, store: Store, venue: VenueName, account: AccountName, *, journal_max: int):
        self._store = store
        self._account = account
        self._journal = keys.journal(venue, account)
        self._last_entered = keys.journal_holdings(venue, account)
        self._journal_max = journal_max
        self._waiting: dict[str, Holding] = {}
        self._told: set[str] = set()
        self._wake = asyncio.Event()

    def take(self, event: BalanceEvent | PositionEvent) -> None:
        """Have it entered soon; what is still waiting to be entered of the same is replaced by it."""
        holding = Holding.told(event)
        self._waiting[holding.field] = holding
        self._told.add(holding.field)
        self._wake.set()

    async def run(self) -> None:
        """Enter what is taken; ends only by cancellation."""
        waits = delays(0.05, 1.0)
        while True:
            await self._wake.wait()
            self._wake.clear()
            taken, self._waiting = self._waiting, {}
            try:
                await asyncio.gather(*map(self._enter, taken.values()))
                waits = delays(0.05, 1.0)
            except StoreUnavailable as error:
                _log.warning("holdings_not_entered", account=self._account, error=str(error))
                self._waiting = {**taken, **self._waiting}
                self._wake.set()
                await asyncio.sleep(next(waits))

    async def compare(
        self,
        balances: Callable[[], Awaitable[Sequence[Balance]]],
        positions: Callable[[], Awaitable[Sequence[Position]]],
    ) -> None:
        """Ask the venue, and enter what nobody told; what is told meanwhile is newer than the answer.

        Raises what the questions raise, and `StoreUnavailable`.
        """
        self._told.clear()
        known = await self._store.command("HKEYS", self._last_entered)
        answers: list[Balance | Position] = [*await balances(), *await positions()]
        held = {one.field: one for one in map(Holding.found, answers)}
        for field in (name.decode() for name in known):
            held.setdefault(field, gone(field))
        await asyncio.gather(*(self._enter(one) for field, one in held.items() if field not in self._told))

    async def _enter(self, holding: Holding) -> None:
        await self._store.run(
            _HOLD,
            [self._journal, self._last_entered],
            [
                self._journal_max,
                holding.field,
                holding.venue_time_us or 0,
                holding.essence,
                holding.kind,
                EVERYBODY,
                encode_holding(holding),
            ],
        )
