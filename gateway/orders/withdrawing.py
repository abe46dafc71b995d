"""Withdrawing orders: those that shall end, on whoever's behalf, are cancelled until they have.

An order on its way may not be at the venue yet, so that "no such order" is no evidence: it is cancelled again and
again, ever more rarely, until its record says that it has ended.
"""

import asyncio
from collections.abc import Iterable, Mapping
from enum import Enum, StrEnum
from functools import partial

import structlog

from adapters.errors import OrderNotFound, VenueError
from adapters.models import VenueName
from gateway.accounts import Account, Accounts
from gateway.clock import VenueClock
from gateway.errors import Refusal
from gateway.orders import lifecycle, metrics
from gateway.orders.cancelling import Cancelling
from gateway.orders.chores import Chores, Do
from gateway.orders.record import Intent, OrderRecord, State
from gateway.orders.records import Records
from gateway.orders.settling import Settling, now_ms
from gateway.store import keys
from gateway.store.client import Store

_log = structlog.get_logger()

_FIRST_MS, _LAST_MS = 500, 10_000
_AT_WORK_MS = 1_000
"""When to look again at an order that a replica is at work on."""


class When(StrEnum):
    """In which case an order is to be withdrawn."""

    ALWAYS = "always"
    UNKNOWN = "unknown"
    """Only if the answer to its send was lost, however it is found out then."""


class Move(Enum):
    """What to do with an order that shall end."""

    NOTHING = "nothing"
    """It has ended, or is to be left alone."""
    WAIT = "wait"
    RELEASE = "release"
    """It has not been sent, and need not be."""
    CANCEL = "cancel"


def next_move(record: OrderRecord | None, when: When, at_ms: int, *, now_ms: int) -> Move:
    """What is to be done now. Pure.

    `at_ms`, by Redis' clock as `now_ms` is: orders accepted later than that are left alone; one that is watched may not
    be sent later. An id that was freed may stand for another order by now, which nobody wanted to end.
    """
    if record is None:
        return Move.WAIT if when is When.UNKNOWN and now_ms <= at_ms else Move.NOTHING
    is_meant = record.intent.cancel_if_unknown if when is When.UNKNOWN else record.created_ms <= at_ms
    if not is_meant or record.state in {State.DONE, State.NOT_SENT}:
        return Move.NOTHING
    if when is When.ALWAYS:
        return Move.RELEASE if record.state is State.CLAIMED else Move.CANCEL
    if record.is_running:
        return Move.WAIT
    # One that shows at the venue may have been unknown before: then nobody has had its answer.
    return Move.NOTHING if record.result.unknown_since_ms is None else Move.CANCEL


class Withdrawing:
    """Withdraws orders at all venues."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        store: Store,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        cancelling: Cancelling,
        settling: Settling,
    ):
        self._accounts = accounts
        self._records = records
        self._clocks = clocks
        self._cancelling = cancelling
        self._settling = settling
        self._chores = {
            venue: Chores(store, keys.withdrawals(venue), self._see_to_those_of(venue)) for venue in records
        }

    async def run(self) -> None:
        """Withdraw what is to be withdrawn; ends only by cancellation."""
        async with asyncio.TaskGroup() as tasks:
            for chores in self._chores.values():
                tasks.create_task(chores.run())

    async def withdraw(self, venue: VenueName, order_ids: Iterable[str], *, at_ms: int) -> None:
        """Have these orders end, as they stood at this time; safe to repeat. Raises `StoreUnavailable`."""
        await self._chores[venue].add([f"{When.ALWAYS}/{at_ms}/{order_id}" for order_id in order_ids])

    async def watch(self, intent: Intent) -> None:
        """Have an order that is about to be sent end if its answer is lost. Raises `StoreUnavailable`."""
        await self._chores[intent.venue].add([_watched(intent)])

    async def sent(self, record: OrderRecord) -> None:
        """What became of the send of a watched order is known now. Raises `StoreUnavailable`."""
        chores, chore = self._chores[record.intent.venue], _watched(record.intent)
        await (chores.hasten(chore) if record.state is State.UNKNOWN else chores.drop(chore))

    def _see_to_those_of(self, venue: VenueName) -> Do:
        async def see_to(chore: str) -> int | None:
            when, at_ms, order_id = chore.split("/")
            return await self._see_to(venue, order_id, When(when), int(at_ms))

        return see_to

    async def _see_to(self, venue: VenueName, order_id: str, when: When, at_ms: int) -> int | None:
        now_ms = self._clocks[venue].redis_time_ms()
        record = await self._records[venue].get(order_id)
        move = next_move(record, when, at_ms, now_ms=now_ms)
        if move is Move.NOTHING:
            return None
        if move is Move.WAIT or record is None:
            return _AT_WORK_MS
        if move is Move.RELEASE:
            record = await self._settling.take(record, partial(_released, record))
        elif (account := self._accounts.find(record.intent.account)) is not None:
            record = await self._cancelled(account, record)
        if next_move(record, when, at_ms, now_ms=now_ms) is Move.NOTHING:
            return None
        since_ms = at_ms if when is When.ALWAYS else record.result.unknown_since_ms or now_ms
        return min(max(now_ms - since_ms, _FIRST_MS), _LAST_MS)

    async def _cancelled(self, account: Account, record: OrderRecord) -> OrderRecord:
        """Cancel it at the venue, once; answers with what that showed."""
        throttle = account.throttle(record.intent.owner)
        try:
            record = await self._cancelling.at_venue(account, record, throttle)
        except OrderNotFound:
            if record.state is State.LIVE:  # it has ended; others are looked for by the sweep
                record = await self._looked_up(account, record)
            else:
                record = await self._settling.take(record, lambda one: lifecycle.cancel_missed(one, now_ms=now_ms()))
        except (VenueError, Refusal) as error:
            _log.warning("order_not_withdrawn", order_id=record.intent.order_id, error=str(error))
        else:
            metrics.WITHDRAWN.labels(account.name).inc()
            _log.info("order_withdrawn", order_id=record.intent.order_id, account=account.name, state=record.state)
        return record

    async def _looked_up(self, account: Account, record: OrderRecord) -> OrderRecord:
        try:
            [record] = await self._settling.look_up(account, [record], account.throttle(record.intent.owner))
        except (VenueError, Refusal) as error:
            _log.info("order_not_compared", order_id=record.intent.order_id, error=str(error))
        return record


def _watched(intent: Intent) -> str:
    return f"{When.UNKNOWN}/{intent.valid_until_ms}/{intent.order_id}"


def _released(claimed: OrderRecord, record: OrderRecord) -> OrderRecord:
    """Only a claim can be given up by others: whoever holds it finds it gone before anything is sent."""
    is_same = record.state is State.CLAIMED and record.nonce == claimed.nonce
    return lifecycle.not_sent(record) if is_same else record
