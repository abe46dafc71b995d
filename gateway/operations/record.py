"""The record of one operation: what was asked, how far it got. Frozen; kept as one Redis hash.

    claimed ──► sent ──► done | rejected
       │         │  └──► unknown ──► done | rejected
       ├─────────┴─────► not_sent    (the record is deleted: the id is free again)
       └───────────────► done        (the venue knew it already, and the store had forgotten it)

The states mean what an order's do; the bot's own id names the record.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from adapters.models import AccountName, MarginMode, OperationKind, Symbol, VenueName
from gateway.numbers import plain
from gateway.orders.record import RefusalRecord


class State(StrEnum):
    CLAIMED = "claimed"
    SENT = "sent"
    UNKNOWN = "unknown"
    DONE = "done"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Intent:
    """What the client asked for. A second factor is no part of it: it is passed through and kept nowhere."""

    venue: VenueName
    account: AccountName
    owner: str
    client_operation_id: str
    kind: OperationKind
    valid_until_ms: int
    symbol: Symbol | None = None
    leverage: int | None = None
    margin_mode: MarginMode | None = None
    amount: Decimal | None = None
    destination: str | None = None
    """The name, in the configuration, of the address below."""
    asset: str | None = None
    chain: str | None = None
    address: str | None = None
    tag: str | None = None
    venue_client_id: str | None = None

    def content_hash(self) -> bytes:
        """What makes two requests the same operation: all but until when it may be sent."""
        return hashlib.sha256(encode(replace(self, valid_until_ms=0))).digest()


@dataclass(frozen=True, slots=True)
class Result:
    venue_operation_id: str | None = None
    refusal: RefusalRecord | None = None
    reason: str | None = None
    unknown_since_ms: int | None = None
    unknown_cause: str | None = None
    evidence: str | None = None
    """Which source settled an unknown operation."""


@dataclass(frozen=True, slots=True)
class OperationRecord:
    intent: Intent
    state: State
    version: int
    created_ms: int
    updated_ms: int
    nonce: str
    result: Result = Result()
    lease_until_ms: int = 0
    send_ms: int | None = None
    """Send time it was signed for, in the venue's time."""
    window_ms: int | None = None

    @property
    def is_running(self) -> bool:
        """Some replica is at work on it, or died over it."""
        return self.state in {State.CLAIMED, State.SENT}


_encoder = msgspec.json.Encoder(decimal_format="string", enc_hook=str)
_intents = msgspec.json.Decoder(Intent)
_results = msgspec.json.Decoder(Result)


def encode(*parts: Any) -> bytes:
    """JSON of parts of a record, as one object: no two of them have a field of the same name."""
    fields = {name: getattr(part, name) for part in parts for name in part.__dataclass_fields__}
    return _encoder.encode({name: plain(one) if isinstance(one, Decimal) else one for name, one in fields.items()})


def decode(fields: Mapping[bytes, bytes]) -> OperationRecord:
    """The record kept in a hash."""
    return OperationRecord(
        intent=_intents.decode(fields[b"intent"]),
        state=State(fields[b"state"].decode()),
        version=int(fields[b"version"]),
        created_ms=int(fields[b"created_ms"]),
        updated_ms=int(fields[b"updated_ms"]),
        nonce=fields[b"nonce"].decode(),
        result=_results.decode(fields[b"result"]),
        lease_until_ms=int(fields[b"lease_until_ms"]),
        send_ms=int(fields[b"send_ms"]) if b"send_ms" in fields else None,
        window_ms=int(fields[b"window_ms"]) if b"window_ms" in fields else None,
    )
