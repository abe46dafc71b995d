"""Following an account's private stream: what the venue tells of our orders and trades, as it happens.

It settles orders whose answer was lost, and puts trades into the account's journal. What was missed while the stream
was down is looked up when it is back.
"""

import asyncio
from collections.abc import Sequence

import structlog

from adapters.contract import AccountStreams
from adapters.errors import VenueError
from adapters.models import ChannelState, Fill, FillEvent, OrderEvent, StreamState, VenueOrder
from gateway.accounts import Account
from gateway.errors import Refusal, StoreUnavailable
from gateway.orders import metrics
from gateway.orders.record import OrderRecord
from gateway.orders.records import Records
from gateway.orders.settling import Settling

_log = structlog.get_logger()

_CLIENT = "crossgate"


class Following:
    """Follows one account."""

    def __init__(self, account: Account, streams: AccountStreams, records: Records, settling: Settling):
        self._account = account
        self._streams = streams
        self._records = records
        self._settling = settling

    async def run(self) -> None:
        """Follow until cancelled; raises if the stream itself gives up."""
        gauge = metrics.PRIVATE_STREAMS.labels(self._account.name)
        try:
            async with self._streams.connect() as events, asyncio.TaskGroup() as tasks:
                async for event in events:
                    match event:
                        case ChannelState(state=StreamState.CONNECTED):
                            gauge.set(1)
                            tasks.create_task(self._catch_up())
                        case ChannelState(reason=reason):
                            gauge.set(0)
                            _log.warning("private_stream_lost", account=self._account.name, reason=reason)
                        case OrderEvent(order=order, fill=fill):
                            await self._take(order, fill)
                        case FillEvent(fill=fill):
                            await self._take_fill(fill)
                        case _:
                            pass  # market data comes on streams of its own
        finally:
            gauge.set(0)

    async def _take(self, order: VenueOrder, fill: Fill | None) -> None:
        try:
            record = await self._find(order)
            if record is None:
                return
            await self._settling.seen(record, order, "private stream")
            if fill is not None:
                await self._records.add_fill(record, fill)
        except StoreUnavailable as error:
            # The record still says what it said; the next connection, or the sweep, finds the order again.
            _log.warning("order_event_not_kept", account=self._account.name, error=str(error))

    async def _take_fill(self, fill: Fill) -> None:
        try:
            if record := await self._find(fill):
                await self._records.add_fill(record, fill)
        except StoreUnavailable as error:
            _log.warning("fill_not_kept", account=self._account.name, error=str(error))

    async def _find(self, told: VenueOrder | Fill) -> OrderRecord | None:
        """The order that the venue tells of; None if it is none of ours."""
        if told.venue_client_id is not None:
            record = await self._records.reserved(self._account.name, told.venue_client_id)
            if record is not None:
                return record
        metrics.FOREIGN_EVENTS.labels(self._account.name).inc()
        return None

    async def _catch_up(self) -> None:
        """Compare what rests with the venue: whatever happened while nobody listened."""
        try:
            live = await self._records.live(self._account.name)
            throttle = self._account.throttle(_CLIENT)
            for record in await self._settling.look_up(self._account, live, throttle):
                _log.debug("order_compared", order_id=record.intent.order_id, state=record.state)
            await self._enter_fills(live)
        except (StoreUnavailable, VenueError, Refusal) as error:
            _log.warning("orders_not_compared", account=self._account.name, error=str(error))

    async def _enter_fills(self, live: Sequence[OrderRecord]) -> None:
        """Trades of orders that rested when the stream went away."""
        for symbol in dict.fromkeys(record.intent.symbol for record in live):
            since_ms = min(record.created_ms for record in live if record.intent.symbol == symbol)
            for fill in await self._settling.fills(self._account, symbol, since_ms, self._account.throttle(_CLIENT)):
                await self._take_fill(fill)
