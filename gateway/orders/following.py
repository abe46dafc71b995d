"""Following an account's private stream: what the venue tells of our orders and trades, as it happens.

It settles orders whose answer was lost, and puts trades, positions and balances into the account's journal. What was
missed while the stream was down is looked up when it is back.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

import structlog

from adapters.common.backoff import delays
from adapters.contract import AccountStreams, CallKind
from adapters.errors import VenueError
from adapters.models import (
    BalanceEvent,
    ChannelState,
    Fill,
    FillEvent,
    OrderEvent,
    PositionEvent,
    StreamState,
    VenueOrder,
)
from gateway.accounts import Account
from gateway.errors import Refusal, StoreUnavailable
from gateway.orders import metrics
from gateway.orders.record import OrderRecord, State
from gateway.orders.records import Records
from gateway.orders.settling import Settling

_log = structlog.get_logger()

_CLIENT = "crossgate"
_CHECKPOINT_EVERY_S = 2.0


class Following:
    """Follows one account; `lag_ms` is how late the venue's histories may show what happened."""

    def __init__(self, account: Account, streams: AccountStreams, records: Records, settling: Settling, *, lag_ms: int):
        self._account = account
        self._streams = streams
        self._records = records
        self._holdings = records.holdings(account.name)
        self._settling = settling
        self._lag_ms = lag_ms
        self._is_whole = False
        """Everything up to now is in the journal: the stream is up, and what came before it has been looked up."""

    async def run(self) -> None:
        """Follow until cancelled; raises if the stream itself gives up."""
        gauge = metrics.PRIVATE_STREAMS.labels(self._account.name)
        catching_up: list[asyncio.Task[None]] = []
        try:
            async with (
                self._streams.connect(self._account.throttle(_CLIENT, kind=CallKind.CANCEL)) as events,
                asyncio.TaskGroup() as tasks,
            ):
                lasting = [tasks.create_task(self._keep_checkpoint()), tasks.create_task(self._holdings.run())]
                async for event in events:
                    match event:
                        case ChannelState(state=StreamState.CONNECTED):
                            gauge.set(1)
                            catching_up = [
                                tasks.create_task(self._keep_trying(work)) for work in (self._look_back, self._compare)
                            ]
                        case ChannelState(reason=reason):
                            gauge.set(0)
                            self._is_whole = False
                            for task in catching_up:
                                task.cancel()
                            _log.warning("private_stream_lost", account=self._account.name, reason=reason)
                        case OrderEvent(order=order, fill=fill):
                            await self._take(order, fill)
                        case FillEvent(fill=fill):
                            await self._take_fill(fill)
                        case BalanceEvent() | PositionEvent():
                            self._holdings.take(event)
                        case _:
                            pass  # market data comes on streams of its own
                for task in lasting:
                    task.cancel()
        finally:
            gauge.set(0)

    async def _keep_checkpoint(self) -> None:
        while True:
            await asyncio.sleep(_CHECKPOINT_EVERY_S)
            if self._is_whole:
                with suppress(StoreUnavailable):
                    await self._records.set_checkpoint(self._account.name)

    async def _take(self, order: VenueOrder, fill: Fill | None) -> None:
        try:
            record = await self._find(order)
            if record is None:
                return
            if fill is not None:  # first, so that the order's last state is told with all its fees
                await self._settling.filled(record, fill)
            await self._settling.seen(record, order, "private stream")
        except StoreUnavailable as error:
            # The record still says what it said; the next connection, or the sweep, finds the order again.
            _log.warning("order_event_not_kept", account=self._account.name, error=str(error))

    async def _take_fill(self, fill: Fill) -> None:
        try:
            if record := await self._find(fill):
                await self._settling.filled(record, fill)
        except StoreUnavailable as error:
            _log.warning("fill_not_kept", account=self._account.name, error=str(error))

    async def _find(self, told: VenueOrder | Fill) -> OrderRecord | None:
        """The order that the venue tells of; None if it is none of ours."""
        if told.venue_client_id is not None:
            record = await self._records.reserved(self._account.name, told.venue_client_id)
            if record is not None:
                return record
            if isinstance(told, VenueOrder):
                await self._records.note_seen(self._account.name, [told], is_news=False)
        metrics.FOREIGN_EVENTS.labels(self._account.name).inc()
        return None

    async def _keep_trying(self, work: Callable[[], Awaitable[None]]) -> None:
        """Find out what happened while nobody listened, until all of it is found."""
        for wait_s in delays(0.5, 30.0):
            try:
                await work()
            except (StoreUnavailable, VenueError, Refusal) as error:
                _log.warning("account_not_compared", account=self._account.name, error=str(error))
                await asyncio.sleep(wait_s)
            else:
                return

    async def _compare(self) -> None:
        data, throttle = self._account.at_venue.data, self._account.throttle(_CLIENT)
        if data is not None:
            await self._holdings.compare(partial(data.balances, throttle), partial(data.positions, throttle))

    async def _look_back(self) -> None:
        """Everything up to the connection: orders and their trades."""
        checkpoint_ms = await self._records.checkpoint_ms(self._account.name)
        since_ms = 0 if checkpoint_ms is None else checkpoint_ms - self._lag_ms
        changed = await self._records.changed_since(self._account.name, since_ms)
        throttle = self._account.throttle(_CLIENT)
        live = [record for record in changed if record.state is State.LIVE]
        await self._settling.look_up(self._account, live, throttle)
        if changed:
            # Only now does the history certainly show everything up to the connection.
            await asyncio.sleep(self._lag_ms / 1_000)
        for symbol in dict.fromkeys(record.intent.symbol for record in changed):
            first_ms = min(record.created_ms for record in changed if record.intent.symbol == symbol)
            for fill in await self._settling.fills(self._account, symbol, max(first_ms, since_ms), throttle):
                await self._take_fill(fill)
        self._is_whole = True
