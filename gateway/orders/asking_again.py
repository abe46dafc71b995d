"""Asking a venue what became of an order whose answer never came, by sending it the same order once more.

Only where the venue takes an id for one order for ever. The same bytes, signed for the same time, are answered with the
order that is there, or place it now if they had never arrived: either settles it at once, long before its absence
could be proven. A refusal says nothing of what was sent first.
"""

import asyncio
from collections.abc import Mapping

import structlog

from adapters.contract import CallKind, Deduplication, SendTime
from adapters.errors import DefiniteNo, VenueError
from adapters.models import VenueName, VenueOrder
from gateway.accounts import Account
from gateway.clock import VenueClock
from gateway.errors import Refusal, StoreUnavailable
from gateway.orders import lifecycle
from gateway.orders.in_flight import InFlight
from gateway.orders.record import OrderRecord, order_request
from gateway.orders.records import Records
from gateway.orders.settling import Settling
from gateway.reference import Markets
from gateway.risk.halts import Halts

_log = structlog.get_logger()

_CLIENT = "crossgate"
_MAX_WAIT_S = 1.0
_BEFORE_EACH_S = (0.0, 0.5, 1.0)
"""So often it is asked, after these pauses: each costs what an order costs."""

SOURCE = "asked again"


class _NothingToAsk(Exception):
    """It must not be sent again, and nothing was."""


class AskingAgain:
    """Asks for the orders of all accounts."""

    def __init__(
        self,
        *,
        records: Mapping[VenueName, Records],
        markets: Markets,
        clocks: Mapping[VenueName, VenueClock],
        settling: Settling,
        halts: Halts,
        in_flight: InFlight,
    ):
        self._records = records
        self._markets = markets
        self._clocks = clocks
        self._settling = settling
        self._halts = halts
        self._in_flight = in_flight

    def start(self, account: Account, record: OrderRecord) -> None:
        """Ask about an unknown order, if this venue can be asked so, in a task of its own: nobody waits for it."""
        if account.venue.capabilities.deduplication is Deduplication.FOREVER:
            self._in_flight.start(self._ask(account, record))

    async def _ask(self, account: Account, record: OrderRecord) -> None:
        for pause_s in _BEFORE_EACH_S:
            await asyncio.sleep(pause_s)
            try:
                placed = await self._ask_once(account, record)
                await self._settling.seen(record, placed, SOURCE)
            except (DefiniteNo, _NothingToAsk) as error:
                _log.info("order_not_shown_when_asked_again", order_id=record.intent.order_id, error=str(error))
                return
            except (VenueError, Refusal, StoreUnavailable) as error:
                _log.info("order_not_asked_again", order_id=record.intent.order_id, error=str(error))
            else:
                return

    async def _ask_once(self, account: Account, record: OrderRecord) -> VenueOrder:
        request = order_request(record.intent, self._markets.get(record.intent.venue, record.intent.symbol))

        async def same_time() -> SendTime:
            intent = record.intent
            self._halts.check_order(
                intent.venue, intent.account, intent.owner, intent.symbol, is_reduce_only=intent.reduce_only
            )
            return await self._leave(record)

        return await account.trading.place(
            request,
            account.trading.encode(request),
            # Settling an order in doubt is as urgent as a cancel, and may use the same reserve.
            throttle=account.throttle(_CLIENT, _MAX_WAIT_S, kind=CallKind.CANCEL),
            begin_send=same_time,
        )

    async def _leave(self, record: OrderRecord) -> SendTime:
        """Write down that it is sent again, and when it was sent first. Raises `_NothingToAsk`, `StoreUnavailable`."""
        records, clock = self._records[record.intent.venue], self._clocks[record.intent.venue]
        while True:
            current = await records.get(record.intent.order_id)
            if current is None or current.nonce != record.nonce or current.send_ms is None or current.window_ms is None:
                raise _NothingToAsk("it is another order by now")
            may_be_sent = lifecycle.may_be_sent_again(
                current, venue_ms=clock.venue_time_ms(), redis_ms=clock.redis_time_ms()
            )
            if not may_be_sent or not clock.is_measured:
                raise _NothingToAsk("it is settled, called off or too old")
            if current.result.is_sent_again or await records.write(lifecycle.sent_again(current)):
                return SendTime(current.send_ms, current.window_ms)
