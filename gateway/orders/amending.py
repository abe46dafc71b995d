"""Amending orders: by the venue's own call where it has one, else by a cancel and a new order (`replacing`).

One amend of an order at a time, and each sent once: what a lost answer leaves open is settled by a look at the venue.
"""

import asyncio
from collections.abc import Mapping

import structlog

from adapters.contract import SendTime
from adapters.errors import DefiniteNo, NeverSent, VenueError
from adapters.models import Market, VenueName
from gateway.accounts import Account
from gateway.auth.grants import Client
from gateway.clock import VenueClock
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders import amendment, lifecycle
from gateway.orders.cancelling import NotCancellable
from gateway.orders.claiming import send_window_ms
from gateway.orders.finding import Finding, order_not_found
from gateway.orders.in_flight import InFlight
from gateway.orders.new_order import NewOrder
from gateway.orders.placing import Placing
from gateway.orders.record import Amend, AmendState, OrderRecord, RefusalRecord, State
from gateway.orders.records import Records
from gateway.orders.replacing import Replacing
from gateway.orders.sending import clock_refusal
from gateway.orders.settling import Settling, now_ms
from gateway.orders.terms import Terms, amended
from gateway.reference import Markets
from gateway.risk.gate import Risk
from gateway.risk.halts import Halts
from gateway.settings import OrderSettings
from gateway.translation import store_refusal, write_refusal

_log = structlog.get_logger()


class Amending:
    """Amends orders at their venues."""

    def __init__(
        self,
        *,
        markets: Markets,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        finding: Finding,
        settling: Settling,
        placing: Placing,
        replacing: Replacing,
        risk: Risk,
        halts: Halts,
        settings: OrderSettings,
        in_flight: InFlight,
    ):
        self._markets = markets
        self._records = records
        self._clocks = clocks
        self._finding = finding
        self._settling = settling
        self._placing = placing
        self._replacing = replacing
        self._risk = risk
        self._halts = halts
        self._settings = settings
        self._in_flight = in_flight

    async def amend(self, client: Client, order_id: str, terms: Terms) -> OrderRecord:
        """Change the order; answers with it as it then is, its `amend` saying how far that got. Safe to repeat.

        Raises `Refusal`, and `NotCancellable` for an order that does not rest (any more).
        """
        identity, account = self._finding.find(client, order_id)
        try:
            record = await self._records[identity.venue].get(order_id)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        if record is None:
            raise order_not_found(order_id)
        if _was_done(record, terms):
            return record
        if account.venue.capabilities.amend:
            work = self._natively(client, account, record, terms)
        else:
            work = self._replacing.replace(client, account, record, terms)
        # Shielded: it is seen through, whoever waits for it.
        return await asyncio.shield(self._in_flight.start(work))

    async def _natively(self, client: Client, account: Account, record: OrderRecord, terms: Terms) -> OrderRecord:
        if amendment.is_open(record):
            record, _ = await self._finding.refreshed(account, record, client)
            if _was_done(record, terms):
                return record
        if record.state is not State.LIVE:
            raise NotCancellable(record)
        if amendment.is_open(record):
            if amendment.asks_for_the_same(record.result.amend, terms):
                return record
            raise _still_on_its_way()
        _check_fields(account, terms)
        # Everything that is checked of a new order, without placing any.
        wanted = amended(record, terms, client_order_id=record.intent.client_order_id or "amended")
        _, market, _ = self._placing.check(client, wanted)
        await self._allow(client, market, record, wanted)
        return await self._send(client, account, record, terms)

    async def _allow(self, client: Client, market: Market, record: OrderRecord, wanted: NewOrder) -> None:
        """Count what the order may come to. Raises `Refusal` where a limit or a halt forbids it."""
        intent = record.intent
        is_more = wanted.quantity is not None and record.quantity is not None and wanted.quantity > record.quantity
        for name in {client.name, intent.owner}:
            if is_more:  # as a new order would
                self._halts.check_order(
                    intent.venue, intent.account, name, intent.symbol, is_reduce_only=intent.reduce_only
                )
            self._halts.check_write(intent.venue, intent.account, name, intent.symbol)
        try:
            await self._risk.amend(intent.owner, intent.account, market, wanted, claim=record.nonce)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error

    async def _send(self, client: Client, account: Account, record: OrderRecord, terms: Terms) -> OrderRecord:
        market = self._markets.get(account.venue.name, record.intent.symbol)
        sent: Amend | None = None

        async def begin_send() -> SendTime:
            nonlocal record, sent
            amend, when = await self._timed(account, terms)
            record = await self._requested(record, amend)
            sent = amend
            return when

        try:
            order = await account.trading.amend(
                market,
                record.intent.venue_client_id,
                price=terms.price,
                quantity=terms.quantity,
                throttle=account.throttle(client.name, client.max_wait_s),
                begin_send=begin_send,
            )
        except (Refusal, VenueError) as error:
            return await self._not_answered(client, account, record, sent, error)

        def step(current: OrderRecord) -> OrderRecord:
            current = current if sent is None else amendment.answered(current, sent, order)
            return lifecycle.seen(current, order, source="amend")

        record = await self._settling.take(record, step)
        _log.info("order_amended", order_id=record.intent.order_id, account=account.name, client=client.name)
        return record

    async def _timed(self, account: Account, terms: Terms) -> tuple[Amend, SendTime]:
        clock = self._clocks[account.venue.name]
        if not clock.is_measured:
            raise clock_refusal(account.venue.name)
        try:
            send_ms = await self._records[account.venue.name].now_ms() + clock.venue_minus_redis_ms
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        window_ms = send_window_ms(account, self._settings)
        amend = Amend(
            terms.price,
            terms.quantity,
            AmendState.REQUESTED,
            at_ms=now_ms(),
            operation_id=terms.operation_id,
            send_ms=send_ms,
            settles_by_ms=send_ms + window_ms + self._settings.clock_error_ms,
        )
        return amend, SendTime(send_ms, window_ms)

    async def _requested(self, record: OrderRecord, amend: Amend) -> OrderRecord:
        """The record once it says, durably, that this amend is about to be sent."""
        try:
            written = await self._settling.write(record, lambda current: amendment.requested(current, amend))
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        if written is None or written.result.amend != amend:
            raise _still_on_its_way()  # or it has ended meanwhile: whoever asks again learns that
        return written

    async def _not_answered(
        self, client: Client, account: Account, record: OrderRecord, sent: Amend | None, error: Refusal | VenueError
    ) -> OrderRecord:
        refusal = write_refusal(error) if isinstance(error, VenueError) else error
        if sent is None:
            refusal.outcome = Outcome.NOT_SENT
            raise refusal from error
        if isinstance(error, Refusal | NeverSent | DefiniteNo):
            kept = RefusalRecord(refusal.code, refusal.message, refusal.venue_code)
            record = await self._settling.take(record, lambda current: amendment.failed(current, sent, kept))
            if isinstance(error, DefiniteNo):
                record, _ = await self._finding.refreshed(account, record, client)
                if record.state is State.DONE:
                    raise NotCancellable(record) from error
            raise refusal from error
        record = await self._settling.take(record, lambda current: amendment.lost(current, sent))
        _log.warning("amend_unknown", order_id=record.intent.order_id, venue=account.venue.name, cause=refusal.message)
        record, _ = await self._finding.refreshed(account, record, client)
        return record


def _was_done(record: OrderRecord, terms: Terms) -> bool:
    """Whether this amend is over, be it that others came after it.

    Raises `Refusal` if its operation id stands for other terms.
    """
    if terms.operation_id is not None and terms.operation_id in record.result.operations:
        return True
    amend = record.result.amend
    if amend is None:
        return False
    is_same = amendment.asks_for_the_same(amend, terms)
    if terms.operation_id is not None and amend.operation_id == terms.operation_id and not is_same:
        raise Refusal(
            Code.IDEMPOTENCY_CONFLICT,
            f"the client_operation_id {terms.operation_id!r} was used before for other terms; use a new one",
            field="client_operation_id",
            outcome=Outcome.NOT_SENT,
        )
    return is_same and amend.state is AmendState.DONE


def _check_fields(account: Account, terms: Terms) -> None:
    for field in ("price", "quantity"):
        if getattr(terms, field) is not None and field not in account.venue.capabilities.amend:
            raise Refusal(
                Code.NOT_SUPPORTED,
                f"{account.venue.name} cannot change the {field} of an order",
                field=field,
                details={"supported": sorted(account.venue.capabilities.amend)},
                outcome=Outcome.NOT_SENT,
            )


def _still_on_its_way() -> Refusal:
    return Refusal(
        Code.ORDER_NOT_CANCELLABLE,
        "another amend of this order is still on its way, or the order is ending; read the order, then ask again",
        outcome=Outcome.NOT_SENT,
        retryable=True,
    )
