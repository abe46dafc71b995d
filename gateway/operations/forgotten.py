"""Withdrawals that a store has forgotten: before one is sent for the first time, whether it went out already.

No venue takes an id of ours for a key, so the store is all that keeps a repeat from being a second one; and a store can
be lost, or put back to what it was. So the venue's own list is read first, every time, back to where ids are forgotten
anyway; and a store that remembers nothing older than the list may lag is not trusted at all.
"""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from adapters.contract import Throttle
from adapters.errors import VenueError
from adapters.models import OperationKind, Transfer, VenueName
from gateway.accounts import Account
from gateway.clock import VenueClock
from gateway.errors import Code, Outcome, Refusal, StoreUnavailable
from gateway.operations import lifecycle, venue_calls
from gateway.operations.record import Intent, OperationRecord
from gateway.operations.records import KEEP_FINISHED_MS, Records
from gateway.operations.settling import LIST, Settling
from gateway.orders.claiming import send_window_ms
from gateway.settings import OrderSettings
from gateway.translation import read_refusal, store_refusal


class Forgotten:
    """Looks for what was asked for before the store began to remember."""

    def __init__(
        self,
        *,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        settling: Settling,
        settings: OrderSettings,
    ):
        self._records = records
        self._clocks = clocks
        self._settling = settling
        self._settings = settings

    async def look(
        self,
        account: Account,
        record: OperationRecord,
        throttle: Throttle,
        *,
        remembered_ms: int,
        other_than: Collection[str],
    ) -> OperationRecord:
        """The claimed operation, done if the venue lists it already; unchanged if it certainly was never sent.

        `other_than`: withdrawals in the list that its owner knows to be others. Raises `Refusal` where it cannot be
        told: nothing is sent then.
        """
        intent = record.intent
        if intent.kind is not OperationKind.WITHDRAWAL:
            return record  # a setting may be made twice; margin that is added shows nowhere
        if (wait_ms := self._shows_after_ms(account) - remembered_ms) > 0:
            raise _too_young(intent, wait_ms)
        since_ms = self._clocks[intent.venue].venue_time_ms() - KEEP_FINISHED_MS - self._settings.clock_error_ms
        try:
            listed = await account.capital.withdrawals(since_ms, throttle)
        except VenueError as error:
            raise read_refusal(error) from error
        if account.venue.capabilities.withdrawals_keep_client_id:
            shown = next((one for one in listed if one.client_id == intent.venue_client_id), None)
        else:
            await self._check_strangers(intent, listed, other_than)
            shown = None
        if shown is None:
            return record
        if not venue_calls.is_same(intent, shown):
            raise _other_content(intent, shown)
        return await self._settling.take(
            record, partial(lifecycle.found, venue_operation_id=shown.venue_id, source=LIST)
        )

    def _shows_after_ms(self, account: Account) -> int:
        """How long after it was let go a withdrawal may still arrive, or not show yet."""
        lag_ms = self._settings.clock_error_ms + self._settings.withdrawal_lag_ms
        return send_window_ms(account, self._settings) + lag_ms

    async def _check_strangers(self, intent: Intent, listed: Sequence[Transfer], other_than: Collection[str]) -> None:
        alike = [one.venue_id for one in listed if one.venue_id not in other_than and venue_calls.is_same(intent, one)]
        try:
            strangers = await self._records[intent.venue].strangers(intent.account, alike)
        except StoreUnavailable as error:
            raise store_refusal(write=True) from error
        if strangers:
            raise _in_doubt(intent, strangers)


def _too_young(intent: Intent, wait_ms: int) -> Refusal:
    return Refusal(
        Code.ACCOUNT_NOT_READY,
        f"the store has remembered the operations of {intent.account} for a short while only, and a withdrawal from "
        "before may not show in the venue's list yet; nothing was sent: ask again, with the same id, after retry_after",
        outcome=Outcome.NOT_SENT,
        retry_after_s=wait_ms / 1000,
        venue=intent.venue,
    )


def _in_doubt(intent: Intent, strangers: Sequence[str]) -> Refusal:
    return Refusal(
        Code.IDEMPOTENCY_CONFLICT,
        f"{intent.venue} lists the same amount to the same address as {', '.join(strangers[:5])}, which belongs to no "
        "operation here: it may be this one, asked for before the store lost its records. Nothing was sent now; if it "
        "is another withdrawal, ask again and name it in other_than",
        field="client_operation_id",
        outcome=Outcome.UNKNOWN,
        venue=intent.venue,
        details={"withdrawals": list(strangers)},
    )


def _other_content(intent: Intent, shown: Transfer) -> Refusal:
    return Refusal(
        Code.IDEMPOTENCY_CONFLICT,
        f"{intent.venue} lists {shown.venue_id} under the client_operation_id {intent.client_operation_id!r} with "
        "other content; use a new one",
        field="client_operation_id",
        outcome=Outcome.NOT_SENT,
        venue=intent.venue,
        details={"withdrawals": [shown.venue_id]},
    )
