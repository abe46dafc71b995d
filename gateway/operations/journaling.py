"""Operations as the journal keeps them: every entry says by name all that was known of one. Pure.

They are few, so unlike orders' steps these need not be small.
"""

from dataclasses import dataclass

import msgspec

from gateway.journal.entry import Entry
from gateway.operations.record import Intent, OperationRecord, Result, State, encode


@dataclass(frozen=True, slots=True)
class _Progress:
    state: State
    version: int
    created_ms: int
    send_ms: int | None = None


_intents = msgspec.json.Decoder(Intent)
_results = msgspec.json.Decoder(Result)
_progress = msgspec.json.Decoder(_Progress)


def encode_step(record: OperationRecord) -> bytes:
    """The operation as this step left it."""
    progress = _Progress(record.state, record.version, record.created_ms, record.send_ms)
    return encode(record.intent, progress, record.result)


def decode_step(entry: Entry) -> OperationRecord:
    """The operation as the step left it.

    Raises `ValueError` for what is no step of an operation.
    """
    try:
        progress = _progress.decode(entry.data)
        intent, result = _intents.decode(entry.data), _results.decode(entry.data)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None
    return OperationRecord(
        intent=intent,
        state=progress.state,
        version=progress.version,
        created_ms=progress.created_ms,
        updated_ms=entry.time_ms,
        nonce="",
        result=result,
        send_ms=progress.send_ms,
    )
