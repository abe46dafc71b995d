"""Settling operations: writing down what is known, and asking the venue about those whose answer was lost.

A withdrawal is settled by the venue's list alone, and only by being in it; a setting by being read back. Margin that
was added shows nowhere, and stays unknown. Nothing is ever sent again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import structlog

from adapters.contract import Throttle
from adapters.models import OperationKind, VenueName
from gateway.accounts import Account
from gateway.clock import VenueClock
from gateway.errors import StoreUnavailable
from gateway.operations import lifecycle, venue_calls
from gateway.operations.record import OperationRecord, State
from gateway.operations.records import Records, Step
from gateway.settings import OrderSettings

_log = structlog.get_logger()

LIST = "list of withdrawals"
"""The source of evidence that a withdrawal shows in."""

Change = Callable[[OperationRecord], OperationRecord]
"""From one state of an operation to the next; the same record if there is nothing to do."""


class Settling:
    """Takes operations from what is known to what the venue shows."""

    def __init__(
        self,
        *,
        records: Mapping[VenueName, Records],
        clocks: Mapping[VenueName, VenueClock],
        settings: OrderSettings,
    ):
        self._records = records
        self._clocks = clocks
        self._settings = settings

    async def take(self, record: OperationRecord, change: Change, *, is_alone: bool = False) -> OperationRecord:
        """Take a step and write it down, over whatever others have written meanwhile.

        What is known is answered even if it cannot be written now: the sweep finds it out again, as far as it can be.
        """
        records = self._records[record.intent.venue]
        while True:
            changed = change(record)
            if changed is record:
                return record
            try:
                written = await records.write(changed, look_in_ms=_look_in_ms(changed), is_alone=is_alone)
                if written.step is Step.WRITTEN:
                    return replace(changed, version=written.version, updated_ms=written.updated_ms)
                if written.step is Step.TAKEN:
                    return record
                current = await self._current(record)
            except StoreUnavailable as error:
                _log.warning("operation_not_written", operation=record.intent.client_operation_id, error=str(error))
                return changed
            if current is None or current.nonce != record.nonce:
                return changed
            record = current

    async def look_up(self, account: Account, record: OperationRecord, throttle: Throttle) -> OperationRecord:
        """Ask the venue about one that is unknown; raises what its calls raise."""
        if record.state is not State.UNKNOWN or record.send_ms is None:
            return record
        match record.intent.kind:
            case OperationKind.WITHDRAWAL:
                return await self._look_in_list(account, record, throttle)
            case OperationKind.LEVERAGE | OperationKind.MARGIN_MODE:
                return await self._read_back(account, record, throttle)
            case OperationKind.MARGIN:
                return record

    async def _look_in_list(self, account: Account, record: OperationRecord, throttle: Throttle) -> OperationRecord:
        # While one like it is under way, what the list shows could be either.
        pending = await self._records[record.intent.venue].pending(account.name)
        if any(one.is_running and venue_calls.is_alike(one.intent, record.intent) for one in pending):
            return record
        since_ms, until_ms = self._window(record)
        by_client_id = account.venue.capabilities.withdrawals_keep_client_id
        for transfer in reversed(await account.capital.withdrawals(since_ms, throttle)):
            if by_client_id:
                is_shown = transfer.client_id == record.intent.venue_client_id
            else:
                is_shown = venue_calls.is_same(record.intent, transfer) and (
                    since_ms <= transfer.created_time_us // 1_000 <= until_ms
                )
            if not is_shown:
                continue
            shown = partial(lifecycle.done, venue_operation_id=transfer.venue_id, source=LIST)
            settled = await self.take(record, shown, is_alone=True)
            if settled.state is not State.UNKNOWN:
                return settled
        return record

    async def _read_back(self, account: Account, record: OperationRecord, throttle: Throttle) -> OperationRecord:
        asked_ms = self._clocks[record.intent.venue].venue_time_ms()
        positions = await account.data.positions(throttle)
        is_in_force = venue_calls.setting_in_force(record.intent, positions)
        if is_in_force is None:
            return record
        _, settles_by_ms = self._window(record)
        return await self.take(
            record,
            lambda current: lifecycle.read_back(
                current, is_in_force=is_in_force, asked_ms=asked_ms, settles_by_ms=settles_by_ms, source="positions"
            ),
        )

    def _window(self, record: OperationRecord) -> tuple[int, int]:
        """From when to when, in its own time, the venue can have done it."""
        send_ms, error_ms = record.send_ms or 0, self._settings.clock_error_ms
        return send_ms - error_ms, send_ms + (record.window_ms or 0) + error_ms

    async def _current(self, record: OperationRecord) -> OperationRecord | None:
        intent = record.intent
        return await self._records[intent.venue].get(intent.account, intent.owner, intent.client_operation_id)


def _look_in_ms(record: OperationRecord) -> int | None:
    return lifecycle.look_again_in_ms(record, now_ms=now_ms()) if record.state is State.UNKNOWN else None


def now_ms() -> int:
    return time.time_ns() // 1_000_000
