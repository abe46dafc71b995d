"""Settling orders: comparing them with the venue, and writing down what that shows."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from adapters.contract import Throttle
from adapters.models import Fill, VenueName, VenueOrder
from gateway.accounts import Account
from gateway.clock import VenueClock
from gateway.errors import StoreUnavailable
from gateway.orders import amendment, lifecycle
from gateway.orders.content import difference
from gateway.orders.evidence import gather
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Added, Records
from gateway.reference import Markets
from gateway.settings import OrderSettings

_log = structlog.get_logger()

_CONFIRM_ABSENCE_MIN_MS = 1_000

Step = Callable[[OrderRecord], OrderRecord]
"""From one state of an order to the next; the same record if there is nothing to do."""

Ended = Callable[[OrderRecord], Awaitable[None]]
"""What else is to be done when an order has ended, or was not sent; safe to repeat, raises nothing."""


async def _nothing_else(_: OrderRecord) -> None: ...


class Settling:
    """Takes orders from what is known to what the venue shows."""

    def __init__(
        self,
        *,
        records: Mapping[VenueName, Records],
        markets: Markets,
        clocks: Mapping[VenueName, VenueClock],
        settings: OrderSettings,
        ended: Ended = _nothing_else,
    ):
        self._records = records
        self._markets = markets
        self._clocks = clocks
        self._settings = settings
        self._ended = ended

    async def take(self, record: OrderRecord, step: Step) -> OrderRecord:
        """Take a step and write it down, over whatever others have written meanwhile.

        What is known is answered even if it cannot be written now: the sweep finds it out again.
        """
        try:
            written = await self.write(record, step)
        except StoreUnavailable as error:
            following = step(record)
            _log.error("order_not_written", order_id=record.intent.order_id, state=following.state, error=str(error))
            return following
        return step(record) if written is None else written

    async def write(self, record: OrderRecord, step: Step) -> OrderRecord | None:
        """Like `take`, but what cannot be written raises `StoreUnavailable`. None: the record is there no more."""
        records = self._records[record.intent.venue]
        current: OrderRecord | None = record
        while current is not None:
            following = step(current)
            if following == current:
                return current
            if await records.write(following):
                if following.state in {State.DONE, State.NOT_SENT}:
                    await self._ended(following)
                return replace(following, version=following.version + 1, updated_ms=now_ms())
            read, current = current, await records.get(record.intent.order_id)
            if current == read:  # only what is left of it: nothing can be written
                return None
        return None

    async def look_up(
        self, account: Account, unsettled: Sequence[OrderRecord], throttle: Throttle
    ) -> Sequence[OrderRecord]:
        """Compare orders with the venue and settle what its sources show.

        Raises what the venue calls raise. An order that no source shows stays as it is, unless that proves its absence.
        """
        by_symbol: dict[str, list[OrderRecord]] = {}
        for record in unsettled:
            by_symbol.setdefault(record.intent.symbol, []).append(record)
        settled: list[OrderRecord] = []
        for symbol, records in by_symbol.items():
            market = self._markets.get(account.venue.name, symbol)
            clock = self._clocks[account.venue.name]
            # Taken before the first question: what shows up between question and conclusion is not absent.
            asked_ms = clock.venue_time_ms()
            evidence = await gather(
                account.trading,
                market,
                records,
                throttle,
                clock_difference_ms=clock.venue_minus_redis_ms,
                clock_error_ms=self._settings.clock_error_ms,
            )
            for record in records:
                client_id = record.intent.venue_client_id
                if (found := evidence.of(client_id)) is not None:
                    order, source = found
                    is_current = order is evidence.resting.get(client_id)
                    settled.append(await self.seen(record, order, source, asked_ms=asked_ms if is_current else None))
                elif evidence.lacks(client_id) and clock.is_measured:  # else nobody knows how late it is
                    clock.doubt()  # a step since it was sent must be known before the next round concludes
                    settled.append(await self._missing(record, asked_ms, clock.venue_time_ms()))
                else:
                    settled.append(record)
        return settled

    async def fills(self, account: Account, symbol: str, since_ms: int, throttle: Throttle) -> Sequence[Fill]:
        """The account's trades on one market since then. Raises what the venue calls raise."""
        market = self._markets.get(account.venue.name, symbol)
        return await account.trading.fills(market, since_ms - self._settings.clock_error_ms, throttle)

    def venue_time_ms(self, account: Account) -> int:
        """Now, by the venue's clock."""
        return self._clocks[account.venue.name].venue_time_ms()

    def look_again_in_ms(self, account: Account, record: OrderRecord) -> int:
        """When an order that is still unknown is worth looking for again."""
        return lifecycle.look_again_in_ms(
            record,
            now_ms=self._clocks[account.venue.name].venue_time_ms(),
            settles_by_ms=self.settles_by_ms(record),
            confirm_after_ms=self._confirm_after_ms,
        )

    async def seen(
        self, record: OrderRecord, order: VenueOrder, source: str, *, asked_ms: int | None = None
    ) -> OrderRecord:
        """Settle an order by what the venue showed of it.

        One that is stuck only if that is the order that was meant: the venue may have answered with another.
        `asked_ms`: it showed the order as it was when it was asked then, in its own time; None: it may be an older
        view.
        """

        def step(current: OrderRecord) -> OrderRecord:
            if current.result.is_stuck and difference(current.intent, order) is not None:
                return current
            current = lifecycle.seen(current, order, source=source)
            return current if asked_ms is None else amendment.shown(current, order, asked_ms=asked_ms)

        return await self.take(record, step)

    def is_overdue(self, record: OrderRecord) -> bool:
        """Whether an unknown order has been looked up in vain for too long.

        Not while its absence is being proven: after a time in which nobody looked, that takes a second look.
        """
        since_ms = record.created_ms if record.send_ms is None else record.send_ms
        now_ms = self._clocks[record.intent.venue].venue_time_ms()
        absent_ms = record.result.absent_since_ms
        is_being_proven = absent_ms is not None and now_ms <= absent_ms + 3 * self._confirm_after_ms
        return now_ms > since_ms + self._settings.stuck_after_ms and not is_being_proven

    async def filled(self, record: OrderRecord, fill: Fill) -> None:
        """One of an order's trades: counted once, however often it is told. Raises `StoreUnavailable`."""
        records = self._records[record.intent.venue]
        while await records.add_fill(lifecycle.charged(record, fill), fill) is Added.OVERTAKEN:
            record = await records.get(record.intent.order_id) or record

    async def _missing(self, record: OrderRecord, asked_ms: int, answered_ms: int) -> OrderRecord:
        return await self.take(
            record,
            lambda current: lifecycle.absent(
                current,
                asked_ms=asked_ms,
                answered_ms=answered_ms,
                settles_by_ms=self.settles_by_ms(current),
                confirm_after_ms=self._confirm_after_ms,
            ),
        )

    @property
    def _confirm_after_ms(self) -> int:
        return max(_CONFIRM_ABSENCE_MIN_MS, self._settings.history_lag_ms)

    def settles_by_ms(self, record: OrderRecord) -> int:
        """When, in the venue's time, not finding an unknown order begins to prove that it is not there."""
        window_ms = record.window_ms if record.window_ms is not None else self._settings.window_ms
        margin_ms = self._settings.clock_error_ms + self._settings.history_lag_ms
        return (record.send_ms or record.updated_ms) + window_ms + margin_ms


def now_ms() -> int:
    """This replica's clock, in milliseconds since the epoch: for what is shown, never for what is concluded."""
    return time.time_ns() // 1_000_000
