"""Placing orders, at most once each.

An order's way: check → claim (durable) → then as `sending` has it; from the claim on in a task of our own, since a
client that hangs up does not stop its order.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from adapters.errors import NotSupported
from adapters.models import Market, VenueName
from gateway import tracing
from gateway.accounts import Account, Accounts
from gateway.auth.grants import Client
from gateway.clock import VenueClock
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders.adoption import Adoption, OtherContent
from gateway.orders.claimed import Claimed
from gateway.orders.claiming import Admitted, Claiming
from gateway.orders.derived import venue_client_ids
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.in_flight import InFlight
from gateway.orders.new_order import NewOrder, check
from gateway.orders.record import Intent, OrderRecord, order_request
from gateway.orders.records import Claim, ClaimAnswer, Records
from gateway.orders.reservation import stands_without_record
from gateway.orders.sending import Sending, clock_refusal, hindrance_refusal, valid_until_passed, wait_s
from gateway.orders.settling import Settling
from gateway.reference import Markets
from gateway.risk.gate import Exposure, Risk
from gateway.risk.halts import Halts
from gateway.settings import OrderSettings
from gateway.store.memory import StoreMemory
from gateway.translation import store_refusal, write_refusal

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Placed:
    record: OrderRecord
    is_new: bool
    """False: this client_order_id was accepted before, and nothing was sent now."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The id was claimed before with the same content; somebody may still be at work on the order."""

    records: Records
    order_id: str


class Placing:
    """Places the orders of all accounts."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        markets: Markets,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        sending: Sending,
        risk: Risk,
        halts: Halts,
        settling: Settling,
        identities: Identities,
        settings: OrderSettings,
        in_flight: InFlight,
        memory: StoreMemory,
    ):
        self._accounts = accounts
        self._markets = markets
        self._records = records
        self._clocks = clocks
        self._sending = sending
        self._risk = risk
        self._halts = halts
        self._settling = settling
        self._identities = identities
        self._settings = settings
        self._in_flight = in_flight
        self._memory = memory
        self._claiming = Claiming(records=records, clocks=clocks, halts=halts, settings=settings)

    def check(self, client: Client, order: NewOrder) -> tuple[Account, Market, tuple[Intent, ...]]:
        """Everything that can be found wrong without asking anybody; answers with the intent under each salt."""
        account = self._accounts.get(order.account, client)
        market = self._markets.get(account.venue.name, order.symbol)
        check(order, market, account.venue.capabilities)
        now_ms = self._clocks[account.venue.name].redis_time_ms()  # which judges it in the end
        valid_until_ms = order.valid_until_ms
        if valid_until_ms is None:
            valid_until_ms = now_ms + self._settings.valid_for_ms
        if valid_until_ms <= now_ms:
            raise valid_until_passed()
        intents = self._intents(client, account, market, order, valid_until_ms)
        try:
            account.trading.encode(order_request(intents[0], market))
        except NotSupported as error:
            raise write_refusal(error) from error
        return account, market, intents

    async def check_alone(self, client: Client, order: NewOrder) -> None:
        """Everything that forbids the order whatever else is open; sends and reserves nothing. Raises `Refusal`."""
        account, market, [intent, *_] = self.check(client, order)
        await self._check_takes_orders(account, intent)
        await self._admissible(client, account, market, order)

    async def validate(self, client: Client, order: NewOrder) -> None:
        """Everything but sending; reserves nothing. Raises `Refusal`."""
        account, market, [intent, *_] = self.check(client, order)
        await self._check_takes_orders(account, intent)
        exposure = await self._admissible(client, account, market, order)
        try:
            await self._risk.would_fit(exposure, account.venue.name, account.name)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error

    async def _check_takes_orders(self, account: Account, intent: Intent) -> None:
        """What the script that claims an id judges in the end. Raises `Refusal`."""
        if self._memory.is_short:
            raise _memory_refusal()
        try:
            readiness = await self._records[account.venue.name].readiness.see(account.name)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        if not readiness.is_ready:
            raise hindrance_refusal(Claim.NOT_READY, intent)
        for held_by, symbol in readiness.held.items():
            if symbol == intent.symbol:
                raise hindrance_refusal(Claim.HELD, intent, held_by)

    async def _admissible(self, client: Client, account: Account, market: Market, order: NewOrder) -> Exposure:
        """What the order counts as, if neither a halt nor a limit on it alone forbids it."""
        self._halts.check_order(
            market.venue, account.name, client.name, market.symbol, is_reduce_only=order.reduce_only
        )
        return await self._risk.check(client.name, account.name, market, order)

    async def place(self, client: Client, order: NewOrder) -> Placed:
        """Place the order, or say what became of it if this client_order_id was accepted before.

        Safe to repeat with the same id: at most one order reaches the venue. Raises `Refusal`; one whose outcome is
        `not_sent` leaves the id free.
        """
        tracing.note(client_order_id=order.client_order_id)
        while True:
            # Shielded: from its claim on the order is seen through, whoever waits for it.
            placed = await asyncio.shield(self._in_flight.start(self._claim_and_send(client, order)))
            if isinstance(placed, Placed):
                return placed
            try:
                record = await self._when_settled(placed.records, placed.order_id)
            except StoreUnavailable as error:
                raise store_refusal(write=True) from error
            if record is not None:  # else it was never sent after all, and the id is free
                return Placed(record, is_new=False)

    async def claim(self, client: Client, order: NewOrder, *, may_admit: bool = False) -> "Claimed | Accepted | Placed":
        """Claim the order's id; whoever does sends it, or its lease lapses.

        With leave to send it, if it `may_admit`. `Placed` if nothing new can be placed now, but it was before. Raises
        `Refusal` that leaves the id as it is.
        """
        try:
            account, market, intents = self.check(client, order)
            if not self._clocks[account.venue.name].is_measured:
                raise clock_refusal(account.venue.name)
            if self._memory.is_short:
                raise _memory_refusal()
            exposure = await self._admissible(client, account, market, order)
        except Refusal:
            if (accepted := await self._accepted_before(client, order)) is not None:
                return accepted
            raise
        content = order.content_hash(market)
        # What has to be written down between claim and leave takes the long way.
        may_admit = may_admit and not exposure.levels and not order.cancel_if_unknown
        nonce = secrets.token_hex(8)
        while True:
            answer, admitted = await self._ask(account, order, intents, nonce, content, may_admit=may_admit)
            if answer.claim is Claim.CLAIMED:
                intent = next(intent for intent in intents if intent.order_id == answer.order_id)
                return Claimed(account, market, order, intent, nonce, exposure, admitted)
            if answer.claim is Claim.EXISTS:
                return Accepted(self._records[account.venue.name], answer.order_id)
            if answer.claim in {Claim.NOT_READY, Claim.LOST, Claim.HELD}:
                raise hindrance_refusal(answer.claim, intents[0], answer.order_id)
            if answer.claim is not Claim.TAKEN:
                raise _claim_refusal(answer.claim, order)
            taken = intents[answer.candidate]
            if (record := await self._standing_for(client, account, taken, answer.kept, content)) is not None:
                return Placed(record, is_new=False)
            # By another id, whose venue's id is the same.
            intents = tuple(intent for intent in intents if intent is not taken)
            if not intents:
                raise _claim_refusal(Claim.FULL, order)

    async def _claim_and_send(self, client: Client, order: NewOrder) -> "Accepted | Placed":
        claimed = await self.claim(client, order, may_admit=True)
        if isinstance(claimed, Claimed):
            return Placed(await self._sending.send(claimed), is_new=True)
        return claimed

    async def _ask(
        self,
        account: Account,
        order: NewOrder,
        intents: Sequence[Intent],
        nonce: str,
        content: bytes,
        *,
        may_admit: bool,
    ) -> tuple[ClaimAnswer, Admitted | None]:
        # A replica that lets the order wait has not died over it.
        now_ms = self._clocks[account.venue.name].redis_time_ms()
        lease_ms = self._settings.claim_lease_ms + round(wait_s(order, intents[0], now_ms) * 1000)
        try:
            with tracing.span("order.claim"):
                return await self._claiming.claim(
                    account, intents, nonce=nonce, content=content, lease_ms=lease_ms, may_admit=may_admit
                )
        except StoreUnavailable as error:
            _log.warning("order_not_claimed", account=account.name, error=str(error))
            if error.may_have_run:
                await self._sending.give_up(intents[0], nonce)
            raise store_refusal(write=True) from error

    async def _standing_for(
        self, client: Client, account: Account, intent: Intent, kept: bytes, content: bytes
    ) -> OrderRecord | None:
        """The order that stands for a venue's client id without a record, if it is this one. Raises `Refusal`."""
        adoption = Adoption(account, self._records[account.venue.name], self._settling)
        try:
            return await adoption.of(client.name, intent, kept, content)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        except OtherContent as error:
            raise _conflict(intent.client_order_id) from error

    async def _accepted_before(self, client: Client, order: NewOrder) -> Placed | None:
        """What became of this id, if it was accepted when the order still could be placed; None if it is free.

        A retry must never be told "not sent" of an order that was: because its valid_until has passed, say, or its
        market is halted by now.
        """
        account = self._accounts.get(order.account, client)
        market = self._markets.find(account.venue.name, order.symbol)
        if market is None:
            return None
        records = self._records[account.venue.name]
        try:
            known = await records.accepted(account.name, client.name, order.client_order_id)
            if known is None:
                if (placed := await self._placed_without_record(client, account, market, order)) is not None:
                    return placed
                await self._check_not_lost(account, market, client, order)
                return None
            order_id, content = known
            if content != order.content_hash(market):
                raise _claim_refusal(Claim.CONFLICT, order)
            record = await self._when_settled(records, order_id)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        return None if record is None else Placed(record, is_new=False)

    async def _check_not_lost(self, account: Account, market: Market, client: Client, order: NewOrder) -> None:
        """Until the venue was looked through after a loss, nobody can say that an order was not sent."""
        readiness = await self._records[account.venue.name].readiness.see(account.name)
        if readiness.lost_ms and not readiness.is_ready:
            [intent, *_] = self._intents(client, account, market, order, 0)
            raise hindrance_refusal(Claim.LOST, intent)

    async def _placed_without_record(
        self, client: Client, account: Account, market: Market, order: NewOrder
    ) -> Placed | None:
        """The same for an order that has ended, or was only seen at the venue."""
        records, content = self._records[account.venue.name], order.content_hash(market)
        intents = self._intents(client, account, market, order, order.valid_until_ms or 0)
        held = await records.kept_for(account.name, [intent.venue_client_id for intent in intents])
        for intent, kept in zip(intents, held, strict=True):
            if kept is None or not stands_without_record(kept):
                continue
            if (record := await self._standing_for(client, account, intent, kept, content)) is not None:
                return Placed(record, is_new=False)
        return None

    def _intents(
        self, client: Client, account: Account, market: Market, order: NewOrder, valid_until_ms: int
    ) -> tuple[Intent, ...]:
        """The order under each of the venue's client ids that it can have."""
        venue = account.venue.name
        ids = venue_client_ids(self._identities, account, client.name, order.client_order_id)
        identities = (OrderIdentity(venue, account.name, market.symbol, client.name, one) for one in ids)
        return tuple(
            Intent(
                order_id=self._identities.order_id(identity),
                venue=venue,
                account=account.name,
                owner=client.name,
                symbol=market.symbol,
                client_order_id=order.client_order_id,
                venue_client_id=identity.venue_client_id,
                side=order.side,
                type=order.type,
                quantity=order.quantity,
                quote_quantity=order.quote_quantity,
                price=order.price,
                time_in_force=order.effective_time_in_force,
                reduce_only=order.reduce_only,
                self_trade_prevention=order.self_trade_prevention,
                labels=order.labels,
                cancel_if_unknown=order.cancel_if_unknown,
                valid_until_ms=valid_until_ms,
                options=order.options,
            )
            for identity in identities
        )

    async def _when_settled(self, records: Records, order_id: str) -> OrderRecord | None:
        """The record, once no replica is at work on it any more; None if it was never sent.

        Bounded: whoever died over it is found out by then, unless it may wait for long.
        """
        deadline = time.monotonic() + self._settings.claim_lease_ms / 1000 * 2
        delay_s = 0.01
        while True:
            record = await records.get(order_id)
            if record is None or not record.is_running or time.monotonic() > deadline:
                return record
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 1.5, 0.25)


def _memory_refusal() -> Refusal:
    return Refusal(
        Code.STORE_UNAVAILABLE,
        "the memory of the order store is almost used up (crossgate_store_memory_share): it takes no new orders until "
        "there is more; cancels still go out, and what was sent is seen through",
        outcome=Outcome.NOT_SENT,
        retry_after_s=10,
    )


def _conflict(client_order_id: str | None) -> Refusal:
    return Refusal(
        Code.IDEMPOTENCY_CONFLICT,
        f"the client_order_id {client_order_id!r} was accepted before with other content; use a new one",
        field="client_order_id",
        outcome=Outcome.NOT_SENT,
    )


def _claim_refusal(claim: Claim, order: NewOrder) -> Refusal:
    if claim is Claim.CONFLICT:
        return _conflict(order.client_order_id)
    if claim is Claim.EXPIRED:
        return valid_until_passed()
    return Refusal(
        Code.ACCOUNT_NOT_READY,
        "no id is free for this order at the venue; use another client_order_id",
        field="client_order_id",
        outcome=Outcome.NOT_SENT,
    )
