"""A firm's busy day of orders, a part of it, through the scripts of the order path; what it takes is Redis' own figure.

Each order is claimed, sent, rests, and then fills or is cancelled; when some thousands have ended they are shrunk. Some
rest until the end.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median

from adapters.models import AccountName, VenueOrderId
from bench.memory.samples import END_OF, FILL, IDENTITIES, RESTING, VENUE, intent_of
from gateway.journal import MAX_LENGTH
from gateway.orders import lifecycle
from gateway.orders.record import Intent, OrderRecord, State
from gateway.orders.records import Claim, Records
from gateway.settings import OrderSettings
from gateway.store import keys
from gateway.store.client import Store

ACCOUNTS = tuple(AccountName(f"main-{number:02d}") for number in range(1, 41))
RESTING_EACH = 100
_AT_ONCE, _PART = 40, 5_000
_JOURNALS = (keys.journal, keys.journal_fills)
_NONCE, _LEASE_MS = "0123456789abcdef", 600_000


@dataclass(frozen=True, slots=True)
class Taken:
    """Bytes of one order in each state: every key, index and member of it, without its entries in the journal."""

    open: float
    ended: float
    """Whole still."""
    shrunk: float
    entry: float
    """Of a journal; how many it keeps does not depend on the orders."""
    trade: float
    """Of those that are remembered, so that none is entered twice."""

    @property
    def journals(self) -> float:
        """Of all accounts, as long as they get."""
        return len(ACCOUNTS) * MAX_LENGTH * (self.entry + self.trade)

    def of(self, orders: float, *, whole: float) -> float:
        """Bytes of so many ended orders, of which some are whole, and of all that rests and is journaled."""
        resting = len(ACCOUNTS) * RESTING_EACH
        return self.journals + resting * self.open + whole * self.ended + (orders - whole) * self.shrunk


class Day:
    """The orders of all accounts."""

    def __init__(self, store: Store, tell: Callable[[str], None], *, resting_each: int = RESTING_EACH):
        self._store = store
        self._tell = tell
        self._resting = resting_each * len(ACCOUNTS)
        settings = OrderSettings(assume_none_sent=True, full_record_ms=0)
        self._records = Records(store, VENUE, IDENTITIES, settings)

    async def take(self, count: int) -> Taken:
        """What `count` orders take in each state."""
        for account in ACCOUNTS:
            seen = await self._records.readiness.see(account)
            await self._records.readiness.make_ready(account, seen.epoch)
        await self._pass_through(range(-400, 0))  # so that Redis knows the scripts, and the indexes are there
        await self._shrink()
        empty = await self._bytes()
        await self._begin(range(count, count + self._resting))
        rest = await self._bytes() - empty
        ended = []
        for start in range(0, count, _PART):
            self._tell(f"{start} of {count} orders")
            before = await self._bytes()
            some = range(start, min(start + _PART, count))
            await self._pass_through(some)
            ended.append((await self._bytes() - before) / len(some))
            await self._shrink()
        shrunk = (await self._bytes() - empty - rest) / count
        await self._check_none_is_free(range(0, count, max(1, count // 1_000)))
        entry, trade = await self._of_journals()
        return Taken(rest / self._resting, median(ended), shrunk, entry, trade)

    async def _pass_through(self, numbers: range) -> None:
        for start in numbers[::_AT_ONCE]:
            some = range(start, min(start + _AT_ONCE, numbers.stop))
            await asyncio.gather(*(self._order(number) for number in some))

    async def _begin(self, numbers: range) -> None:
        for start in numbers[::_AT_ONCE]:
            some = range(start, min(start + _AT_ONCE, numbers.stop))
            await asyncio.gather(*(self._rest(number) for number in some))

    async def _order(self, number: int) -> None:
        record = await self._rest(number)
        end = END_OF[number % len(END_OF)]
        if end.filled_quantity:
            charged = lifecycle.charged(record, fill := replace(FILL, trade_id=str(10**9 + number)))
            await self._records.add_fill(charged, fill)
            record = replace(charged, version=charged.version + 1)
        result = replace(end, venue_order_id=record.result.venue_order_id, fees=record.result.fees)
        _check(await self._records.write(record.with_result(State.DONE, result)))

    async def _rest(self, number: int) -> OrderRecord:
        intent = self._intent(number)
        claimed = await self._claim(intent)
        _check(claimed is Claim.CLAIMED)
        leave = await self._records.begin_send(
            intent, nonce=_NONCE, clock_difference_ms=0, window_ms=2_000, lease_ms=_LEASE_MS
        )
        sent = OrderRecord(intent, State.SENT, leave.version, 0, 0, nonce=_NONCE)
        live = sent.with_result(State.LIVE, replace(RESTING, venue_order_id=VenueOrderId(str(3 * 10**9 + number))))
        _check(await self._records.write(live))
        return replace(live, version=live.version + 1)

    async def _claim(self, intent: Intent) -> Claim:
        answer = await self._records.claim([intent], nonce=_NONCE, content=bytes(32), lease_ms=_LEASE_MS)
        return answer.claim

    def _intent(self, number: int) -> Intent:
        return intent_of(ACCOUNTS[number % len(ACCOUNTS)], number)

    async def _shrink(self) -> None:
        now_ms = await self._records.now_ms() + 1
        for account in ACCOUNTS:
            while await self._records.shrink(account, now_ms, count=1_000):
                pass

    async def _check_none_is_free(self, numbers: range) -> None:
        """Every id still answers for its order, and cannot be claimed again."""
        for number in numbers:
            _check(await self._claim(replace(self._intent(number), valid_until_ms=2**42)) is Claim.TAKEN)

    async def _bytes(self) -> int:
        """What Redis uses, without the journals."""
        info = await self._store.command("INFO", "memory")
        used = int(info.partition(b"used_memory:")[2].partition(b"\r")[0])
        return used - await self._bytes_of_journals()

    async def _bytes_of_journals(self) -> int:
        sizes = [await self._size(name(VENUE, account)) for name in _JOURNALS for account in ACCOUNTS]
        return sum(sizes)

    async def _of_journals(self) -> tuple[float, float]:
        """Bytes of one entry, and of one trade that is remembered."""
        lengths = (("XLEN", keys.journal), ("ZCARD", keys.journal_fills))
        entry, trade = [
            await self._size(name(VENUE, ACCOUNTS[0])) / await self._store.command(length, name(VENUE, ACCOUNTS[0]))
            for length, name in lengths
        ]
        return entry, trade

    async def _size(self, name: str) -> int:
        return int(await self._store.command("MEMORY", "USAGE", name, "SAMPLES", 100) or 0)


def _check(is_so: object) -> None:
    if not is_so:
        raise AssertionError("an order did not go its way")
