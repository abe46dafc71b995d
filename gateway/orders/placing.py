"""Placing orders, at most once each.

An order's way: check → claim (durable) → then as `sending` has it, in a task of our own: a client that hangs up does
not stop its order.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from adapters.errors import NotSupported
from adapters.models import Market, VenueName
from gateway.accounts import Account, Accounts
from gateway.auth.grants import Client
from gateway.clock import VenueClock
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.in_flight import InFlight
from gateway.orders.new_order import NewOrder, check
from gateway.orders.record import Intent, OrderRecord
from gateway.orders.records import Claim, Records
from gateway.orders.sending import Sending, clock_refusal, order_request, valid_until_passed, wait_s
from gateway.reference import Markets
from gateway.risk.gate import Exposure, Risk
from gateway.risk.halts import Halts
from gateway.settings import OrderSettings
from gateway.translation import store_refusal, write_refusal

_log = structlog.get_logger()

_SALTS = 3


@dataclass(frozen=True, slots=True)
class Placed:
    record: OrderRecord
    is_new: bool
    """False: this client_order_id was accepted before, and nothing was sent now."""


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
        identities: Identities,
        settings: OrderSettings,
        in_flight: InFlight,
    ):
        self._accounts = accounts
        self._markets = markets
        self._records = records
        self._clocks = clocks
        self._sending = sending
        self._risk = risk
        self._halts = halts
        self._identities = identities
        self._settings = settings
        self._in_flight = in_flight

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
        intents = tuple(
            self._intent(client, account, market, order, valid_until_ms, salt=salt) for salt in range(_SALTS)
        )
        try:
            account.trading.encode(order_request(intents[0], market))
        except NotSupported as error:
            raise write_refusal(error) from error
        return account, market, intents

    async def validate(self, client: Client, order: NewOrder) -> None:
        """Everything but sending; reserves nothing. Raises `Refusal`."""
        account, market, _ = self.check(client, order)
        exposure = await self._admissible(client, account, market, order)
        try:
            await self._risk.would_fit(exposure, account.venue.name, account.name)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error

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
        try:
            account, market, intents = self.check(client, order)
            if not self._clocks[account.venue.name].is_measured:
                raise clock_refusal(account.venue.name)
            exposure = await self._admissible(client, account, market, order)
        except Refusal:
            if (accepted := await self._accepted_before(client, order)) is not None:
                return accepted
            raise
        content = order.content_hash(market)
        # A replica that lets the order wait has not died over it.
        now_ms = self._clocks[account.venue.name].redis_time_ms()
        lease_ms = self._settings.claim_lease_ms + round(wait_s(order, intents[0], now_ms) * 1000)
        records = self._records[account.venue.name]
        while True:
            nonce = secrets.token_hex(8)
            try:
                claim, order_id = await records.claim(intents, nonce=nonce, content=content, lease_ms=lease_ms)
                if claim is Claim.EXISTS:
                    record = await self._when_settled(records, order_id)
                    if record is None:  # it was never sent after all, and the id is free
                        continue
                    return Placed(record, is_new=False)
            except StoreUnavailable as error:
                _log.warning("order_not_claimed", account=account.name, error=str(error))
                raise store_refusal(write=True) from error
            if claim is not Claim.CLAIMED:
                raise _claim_refusal(claim, order)
            intent = next(intent for intent in intents if intent.order_id == order_id)
            # Shielded: from here on the order is seen through, whoever waits for it.
            task = self._in_flight.start(self._sending.send(account, market, order, intent, nonce, exposure))
            return Placed(await asyncio.shield(task), is_new=True)

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
                return None
            order_id, content = known
            if content != order.content_hash(market):
                raise _claim_refusal(Claim.CONFLICT, order)
            record = await self._when_settled(records, order_id)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        return None if record is None else Placed(record, is_new=False)

    def _intent(
        self, client: Client, account: Account, market: Market, order: NewOrder, valid_until_ms: int, *, salt: int
    ) -> Intent:
        venue = account.venue.name
        digest = self._identities.client_id_digest(venue, account.name, client.name, order.client_order_id, salt)
        venue_client_id = account.trading.client_id(digest)
        identity = OrderIdentity(venue, account.name, market.symbol, client.name, venue_client_id)
        return Intent(
            order_id=self._identities.order_id(identity),
            venue=venue,
            account=account.name,
            owner=client.name,
            symbol=market.symbol,
            client_order_id=order.client_order_id,
            venue_client_id=venue_client_id,
            side=order.side,
            type=order.type,
            quantity=order.quantity,
            quote_quantity=order.quote_quantity,
            price=order.price,
            time_in_force=order.effective_time_in_force,
            reduce_only=order.reduce_only,
            self_trade_prevention=order.self_trade_prevention,
            labels=order.labels,
            valid_until_ms=valid_until_ms,
            options=order.options,
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


def _claim_refusal(claim: Claim, order: NewOrder) -> Refusal:
    if claim is Claim.CONFLICT:
        return Refusal(
            Code.IDEMPOTENCY_CONFLICT,
            f"the client_order_id {order.client_order_id!r} was accepted before with other content; use a new one",
            field="client_order_id",
            outcome=Outcome.NOT_SENT,
        )
    if claim is Claim.EXPIRED:
        return valid_until_passed()
    return Refusal(
        Code.ACCOUNT_NOT_READY,
        "no id is free for this order at the venue; use another client_order_id",
        field="client_order_id",
        outcome=Outcome.NOT_SENT,
    )
