"""Cancelling orders: safe to repeat, and possible without the store."""

from collections.abc import Mapping

import structlog

from adapters.contract import Throttle
from adapters.errors import OrderNotFound, VenueError
from adapters.models import OrderStatus, VenueName, VenueOrder
from gateway.accounts import Account
from gateway.auth.grants import Client
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders import lifecycle, metrics
from gateway.orders.calling_off import CallingOff
from gateway.orders.finding import Finding, order_not_found
from gateway.orders.identity import OrderIdentity
from gateway.orders.record import OrderRecord, State, from_venue
from gateway.orders.records import Records
from gateway.orders.settling import Settling, now_ms
from gateway.reference import Markets
from gateway.translation import write_refusal

_log = structlog.get_logger()


class NotCancellable(Exception):
    """The venue has no such order resting: it had ended before the cancel reached it.

    A record that is not done says that this is not known: it may not have arrived yet, or a history lags.
    """

    def __init__(self, record: OrderRecord):
        super().__init__(record.intent.order_id)
        self.record = record


class Cancelling:
    """Cancels orders at their venues."""

    def __init__(
        self,
        *,
        markets: Markets,
        records: Mapping[VenueName, Records],
        finding: Finding,
        settling: Settling,
        calling_off: CallingOff,
    ):
        self._markets = markets
        self._records = records
        self._finding = finding
        self._settling = settling
        self._calling_off = calling_off

    async def cancel(self, client: Client, order_id: str, *, max_wait_s: float | None = None) -> OrderRecord:
        """Cancel the order at the venue; safe to repeat.

        Needs no store: the id says where the order is. Raises `Refusal`, and `NotCancellable` if it does not rest there
        and was not cancelled.
        """
        identity, account = self._finding.find(client, order_id)
        market = self._markets.get(identity.venue, identity.symbol)
        records = self._records[identity.venue]
        try:
            record = await records.get(order_id)
            if record is not None:
                record = await self._calling_off.call_off(record)
        except StoreUnavailable as error:
            _log.warning("cancel_without_store", order_id=order_id, error=str(error))
            record = None
        if record is not None and record.state is State.DONE:
            return cancelled_or_refuse(record)
        try:
            order = await account.trading.cancel(
                market, identity.venue_client_id, account.throttle(client.name, max_wait_s)
            )
        except OrderNotFound as error:
            if record is None:
                refusal = order_not_found(order_id)
                refusal.outcome = Outcome.REJECTED  # the venue was asked, and has no such order resting
                raise refusal from error
            return await self._cancel_of_missing(account, record, client)
        except VenueError as error:
            raise write_refusal(error) from error
        record = await self._taken(record or _without_store(identity, order_id, order), order)
        _log.info("order_cancelled", order_id=order_id, account=account.name, client=client.name, state=record.state)
        return cancelled_or_refuse(record) if record.state is State.DONE else record

    async def at_venue(self, account: Account, record: OrderRecord, throttle: Throttle) -> OrderRecord:
        """Cancel an order that shall end, whoever's it is; safe to repeat.

        Raises what the venue calls raise, and `Refusal`; `OrderNotFound` if it does not rest, or not yet.
        """
        market = self._markets.get(record.intent.venue, record.intent.symbol)
        return await self._taken(record, await account.trading.cancel(market, record.intent.venue_client_id, throttle))

    async def _taken(self, record: OrderRecord, order: VenueOrder | None) -> OrderRecord:
        """The venue took the cancel, and perhaps says what became of the order."""

        def step(current: OrderRecord) -> OrderRecord:
            current = lifecycle.cancel_taken(current, now_ms=now_ms())
            return current if order is None else lifecycle.seen(current, order, source="cancel")

        metrics.CANCELS.labels(record.intent.venue).inc()
        return await self._settling.take(record, step)

    async def _cancel_of_missing(self, account: Account, record: OrderRecord, client: Client) -> OrderRecord:
        """The venue has no such order resting: it has ended, or not arrived yet."""
        try:
            [record] = await self._settling.look_up(account, [record], account.throttle(client.name, client.max_wait_s))
        except (VenueError, Refusal) as error:
            # The cancel itself has had its answer: that no such order rests.
            _log.info("order_not_compared", order_id=record.intent.order_id, error=str(error))
        return cancelled_or_refuse(record)


def cancelled_or_refuse(record: OrderRecord) -> OrderRecord:
    """The record of an order that has ended cancelled; raises `NotCancellable` for any other."""
    if record.state is State.DONE and record.result.status is OrderStatus.CANCELLED:
        return record
    raise NotCancellable(record)


def _without_store(identity: OrderIdentity, order_id: str, order: VenueOrder | None) -> OrderRecord:
    """What can be said of an order whose record cannot be read."""
    if order is None:
        raise Refusal(
            Code.STORE_UNAVAILABLE,
            "the venue took the cancel; the order itself cannot be shown while the store is away",
            outcome=Outcome.UNKNOWN,
            retry_after_s=1,
        )
    return from_venue(identity, order_id, order)
