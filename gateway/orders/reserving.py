"""Orders and the limits they count against: reserved before anything is spent, released when they have ended.

Reserved by claim: whoever holds the claim of an id is alone with it, so that two attempts of one id never share a
reservation. A replica that dies in between leaves reservations behind; they are found here, and so are open orders
that nobody has counted.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import structlog

from adapters.models import AccountName, VenueName
from gateway.accounts import Account
from gateway.errors import StoreUnavailable
from gateway.orders.record import Intent, OrderRecord, State
from gateway.orders.records import Records
from gateway.reference import Markets
from gateway.risk.gate import Exposure, Risk
from gateway.translation import store_refusal

_log = structlog.get_logger()

_EVERY_S = 5.0
_PAGE = 100
"""Reservations, and open orders, looked at in one pass over an account."""
_ZERO = Decimal(0)


@dataclass(slots=True)
class _Pass:
    """How far the repair of an account has got."""

    due_s: float = 0.0
    cursor: int = 0
    offset: int = 0


class Reserving:
    """Reserves and releases for the orders of all venues."""

    def __init__(self, risk: Risk, records: Mapping[VenueName, Records], markets: Markets):
        self._risk = risk
        self._records = records
        self._markets = markets
        self._passes: dict[AccountName, _Pass] = {}

    async def reserve(self, intent: Intent, nonce: str, exposure: Exposure) -> None:
        """Count a claimed order. Raises `Refusal`, `not_sent`."""
        try:
            await self._risk.reserve(exposure, intent.venue, intent.account, claim=nonce, order_id=intent.order_id)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error

    async def ended(self, record: OrderRecord) -> None:
        """Release what an order that has ended, or never was sent, had reserved. Safe to repeat."""
        intent = record.intent
        market = self._markets.find(intent.venue, intent.symbol)
        if market is not None and not any(
            level.is_counted for level in self._risk.levels(intent.owner, intent.account, market)
        ):
            return
        try:
            await self._release(intent.venue, intent.account, record.nonce, record)
        except StoreUnavailable as error:
            _log.warning("reservation_not_released", order_id=intent.order_id, error=str(error))

    async def repair(self, account: Account) -> None:
        """Release what ended without being released, and count what is open and was not; now and then, a page each.

        Raises `StoreUnavailable`.
        """
        progress = self._passes.setdefault(account.name, _Pass())
        if time.monotonic() < progress.due_s:
            return
        progress.due_s = time.monotonic() + _EVERY_S
        await self._release_ended(account, progress)
        await self._adopt_open(account, progress)

    async def _release_ended(self, account: Account, progress: _Pass) -> None:
        venue = account.venue.name
        progress.cursor, found = await self._risk.reservations(venue, account.name, progress.cursor, count=_PAGE)
        for claim, order_id in found.items():
            # The claim was there before its reservation: one that is gone is over.
            record = await self._records[venue].get(order_id)
            is_over = record is None or record.nonce != claim
            if is_over or (record is not None and record.state is State.DONE):
                await self._release(venue, account.name, claim, None if is_over else record)
                _log.info("reservation_released_late", account=account.name, order_id=order_id)

    async def _adopt_open(self, account: Account, progress: _Pass) -> None:
        records = self._records[account.venue.name]
        ids = await records.live(account.name, offset=progress.offset, count=_PAGE)
        progress.offset = progress.offset + len(ids) if len(ids) == _PAGE else 0
        for order_id in ids:
            record = await records.get(order_id)
            if record is None or record.state is not State.LIVE:
                continue
            market = self._markets.find(record.intent.venue, record.intent.symbol)
            if market is not None:
                await self._risk.adopt(
                    account.venue.name,
                    account.name,
                    record.intent.owner,
                    market,
                    record.intent,
                    claim=record.nonce,
                    order_id=order_id,
                )

    async def _release(self, venue: VenueName, account: AccountName, claim: str, record: OrderRecord | None) -> None:
        was_sent = record is not None and record.state is not State.NOT_SENT
        traded = None
        if record is None or record.result.filled_quantity == 0:
            traded = _ZERO
        elif (market := self._markets.find(venue, record.intent.symbol)) and record.result.average_price is not None:
            traded = record.result.filled_quantity * record.result.average_price * market.contract_size
        await self._risk.release(venue, account, claim=claim, traded=traded, was_sent=was_sent)
