"""From one state of an operation to the next. Pure; whoever asks has the facts.

Only evidence settles what was sent. That a withdrawal or margin shows nowhere is no evidence; that a setting reads
otherwise is, once it can no longer take effect.
"""

from dataclasses import replace

from gateway.operations.record import OperationRecord, Result, State
from gateway.orders.record import RefusalRecord

NOT_APPLIED = "NOT_APPLIED"
"""Reason of a setting that was read back, late enough, and is another."""

LOOK_FOR_MS = 3_600_000
"""How long an unknown operation is looked for by itself."""

_LOOK_MIN_MS, _LOOK_MAX_MS = 1_000, 60_000


def done(record: OperationRecord, *, venue_operation_id: str | None, source: str | None = None) -> OperationRecord:
    """The venue did it; `source` None: its own answer said so."""
    if record.state not in {State.SENT, State.UNKNOWN}:
        return record
    return _to(record, State.DONE, replace(record.result, venue_operation_id=venue_operation_id, evidence=source))


def found(record: OperationRecord, *, venue_operation_id: str, source: str) -> OperationRecord:
    """It had been done before it was claimed: the venue still knows it, and the store did not."""
    if record.state is not State.CLAIMED:
        return record
    return _to(record, State.DONE, replace(record.result, venue_operation_id=venue_operation_id, evidence=source))


def refused(record: OperationRecord, refusal: RefusalRecord) -> OperationRecord:
    """The venue's definite no to the only send there ever is."""
    if record.state not in {State.SENT, State.UNKNOWN}:
        return record
    return _to(record, State.REJECTED, replace(record.result, refusal=refusal, reason="VENUE_REJECTED"))


def lost(record: OperationRecord, *, cause: str, now_ms: int) -> OperationRecord:
    """The answer never came, or cannot be believed."""
    if record.state is not State.SENT:
        return record
    return _to(record, State.UNKNOWN, replace(record.result, unknown_since_ms=now_ms, unknown_cause=cause))


def not_sent(record: OperationRecord) -> OperationRecord:
    """It is certain that no byte of it left; only whoever holds the claim, or its lapsed lease, can know that."""
    return _to(record, State.NOT_SENT, record.result) if record.is_running else record


def taken_over(record: OperationRecord, *, now_ms: int) -> OperationRecord:
    """Its replica has not been heard of for longer than the lease."""
    if now_ms < record.lease_until_ms:
        return record
    if record.state is State.CLAIMED:
        return not_sent(record)
    return lost(record, cause="the replica that sent it died", now_ms=now_ms)


def read_back(
    record: OperationRecord, *, is_in_force: bool, asked_ms: int, settles_by_ms: int, source: str
) -> OperationRecord:
    """A setting was asked for at `asked_ms`; another one proves something only after `settles_by_ms`."""
    if record.state is not State.UNKNOWN:
        return record
    if is_in_force:
        return done(record, venue_operation_id=None, source=source)
    if asked_ms <= settles_by_ms:
        return record
    return _to(record, State.REJECTED, replace(record.result, reason=NOT_APPLIED, evidence=source))


def look_again_in_ms(record: OperationRecord, *, now_ms: int) -> int | None:
    """How long to wait before an unknown operation is looked for again: ever more rarely; None: not by itself."""
    waited_ms = now_ms - (record.result.unknown_since_ms or now_ms)
    return None if waited_ms >= LOOK_FOR_MS else min(max(waited_ms, _LOOK_MIN_MS), _LOOK_MAX_MS)


def _to(record: OperationRecord, state: State, result: Result) -> OperationRecord:
    return replace(record, state=state, result=result)
