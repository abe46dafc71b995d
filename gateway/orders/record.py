"""The record of one order: what was asked, how far it got, what the venue says. Frozen; kept as one Redis hash.

`state` says what may be concluded:

    claimed ──► sent ──► live ──► done
       │         │  └──► unknown ──► live | done
       └─────────┴─────► not_sent    (the record is deleted: the id is free again)

- *claimed*: written before anything is sent; it has a lease, after which it is known that it never will be.
- *sent*: its send time is fixed; from here on only evidence settles it.
- *unknown*: no answer came, or none that can be believed.
- *live*: the venue has it. *done*: it will never change again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from adapters.models import (
    NO_OPTIONS,
    AccountName,
    Fill,
    OrderOptions,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    Symbol,
    TimeInForce,
    VenueClientId,
    VenueName,
    VenueOrder,
    VenueOrderId,
)
from gateway.errors import Code
from gateway.numbers import plain
from gateway.orders.identity import OrderIdentity
from gateway.orders.new_order import present


class State(StrEnum):
    CLAIMED = "claimed"
    SENT = "sent"
    UNKNOWN = "unknown"
    LIVE = "live"
    DONE = "done"
    NOT_SENT = "not_sent"


class CancelState(StrEnum):
    REQUESTED = "requested"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Intent:
    """What the client asked for: the part that never changes."""

    order_id: str
    venue: VenueName
    account: AccountName
    owner: str
    symbol: Symbol
    client_order_id: str | None
    """None where only the order's own id is known."""
    venue_client_id: VenueClientId
    side: Side
    type: OrderType
    quantity: Decimal | None
    quote_quantity: Decimal | None
    price: Decimal | None
    time_in_force: TimeInForce
    reduce_only: bool
    self_trade_prevention: SelfTradePrevention | None
    labels: tuple[str, ...]
    valid_until_ms: int
    options: OrderOptions = NO_OPTIONS


@dataclass(frozen=True, slots=True)
class RefusalRecord:
    """The venue's definite no, kept so that a retry gets the first answer again."""

    code: Code
    message: str
    venue_code: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """How far the order got: replaced as a whole with every step."""

    status: OrderStatus | None = None
    """None while nothing is known of it at the venue."""
    venue_order_id: VenueOrderId | None = None
    filled_quantity: Decimal = Decimal(0)
    average_price: Decimal | None = None
    reason: str | None = None
    refusal: RefusalRecord | None = None
    unknown_since_ms: int | None = None
    unknown_cause: str | None = None
    evidence: str | None = None
    """Which source settled an unknown order."""
    absent_since_ms: int | None = None
    """When every source first agreed, late enough, that the venue never had it."""
    cancel: CancelState | None = None
    cancel_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OrderRecord:
    intent: Intent
    state: State
    version: int
    created_ms: int
    updated_ms: int
    result: Result = Result()
    nonce: str = ""
    """Whose claim it is: an id that was freed and claimed again carries another order."""
    lease_until_ms: int = 0
    send_ms: int | None = None
    """Send time it was signed for, in the venue's time."""
    window_ms: int | None = None

    @property
    def is_running(self) -> bool:
        """Some replica is at work on it, or died over it."""
        return self.state in {State.CLAIMED, State.SENT}

    def with_result(self, state: State, result: Result) -> "OrderRecord":
        return replace(self, state=state, result=result)


def from_venue(identity: OrderIdentity, order_id: str, order: VenueOrder) -> OrderRecord:
    """A record made up from what the order's id and the venue say, where the store cannot be asked."""
    created_ms = order.created_time_us // 1_000
    intent = Intent(
        order_id=order_id,
        venue=identity.venue,
        account=identity.account,
        owner=identity.owner,
        symbol=identity.symbol,
        client_order_id=None,
        venue_client_id=identity.venue_client_id,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        quote_quantity=order.quote_quantity,
        price=order.price,
        time_in_force=order.time_in_force or TimeInForce.GTC,
        reduce_only=order.reduce_only,
        self_trade_prevention=order.self_trade_prevention,
        labels=(),
        valid_until_ms=0,
    )
    return OrderRecord(intent, State.LIVE, version=0, created_ms=created_ms, updated_ms=created_ms)


_encoder = msgspec.json.Encoder(decimal_format="string", enc_hook=str)
_intents = msgspec.json.Decoder(Intent)
_results = msgspec.json.Decoder(Result)
_fills = msgspec.json.Decoder(Fill)


def encode(part: Intent | Result) -> bytes:
    """JSON of a part of a record."""
    return _encoder.encode(_plain_numbers(part))


def encode_fill(fill: Fill) -> bytes:
    """JSON of a trade."""
    return _encoder.encode(_plain_numbers(fill))


def decode_fill(fields: Mapping[bytes, bytes]) -> Fill:
    """The trade of a journal's entry."""
    return _fills.decode(fields[b"fill"])


def _plain_numbers(part: Intent | Result | Fill) -> dict[str, Any]:
    fields = {name: getattr(part, name) for name in part.__dataclass_fields__}
    if isinstance(part, Intent):
        fields["options"] = present(part.options)
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in fields.items()}


def decode(fields: Mapping[bytes, bytes]) -> OrderRecord:
    """The record kept in a hash, or as it was when a step of it was entered into the journal."""
    return OrderRecord(
        intent=_intents.decode(fields[b"intent"]),
        state=State(fields[b"state"].decode()),
        version=int(fields[b"version"]),
        created_ms=int(fields[b"created_ms"]),
        updated_ms=int(fields[b"updated_ms"]),
        result=_results.decode(fields[b"result"]),
        nonce=fields[b"nonce"].decode(),
        lease_until_ms=int(fields.get(b"lease_until_ms", 0)),  # a journal's entry has none
        send_ms=int(fields[b"send_ms"]) if b"send_ms" in fields else None,
        window_ms=int(fields[b"window_ms"]) if b"window_ms" in fields else None,
    )
