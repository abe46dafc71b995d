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
from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import msgspec

from adapters.models import (
    NO_OPTIONS,
    AccountName,
    Market,
    OrderOptions,
    OrderRequest,
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

_NOTHING: Mapping[str, msgspec.Raw] = MappingProxyType({})


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
    """What the client asked for: the part that never changes. The journal keeps it by position (`journaling`)."""

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
    cancel_if_unknown: bool = False


@dataclass(frozen=True, slots=True)
class RefusalRecord:
    """The venue's definite no, kept so that a retry gets the first answer again."""

    code: Code
    message: str
    venue_code: str | None


class AmendState(StrEnum):
    REQUESTED = "requested"
    UNKNOWN = "unknown"
    """Its answer never came; the venue's own order settles it."""
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Amend:
    """The latest amend of an order; terms that are None stay as they were."""

    price: Decimal | None
    quantity: Decimal | None
    state: AmendState
    at_ms: int
    operation_id: str | None = None
    send_ms: int | None = None
    """Send time it was signed for, in the venue's time; None where the order is cancelled and placed anew."""
    settles_by_ms: int = 0
    """From when, in the venue's time, it cannot arrive any more."""
    refusal: RefusalRecord | None = None
    new_client_order_id: str | None = None
    replaced_by: str | None = None
    """The order that stands for this one now, where the venue cannot amend."""


@dataclass(frozen=True, slots=True)
class Result:
    """How far the order got: replaced as a whole with every step. The journal keeps it by position (`journaling`)."""

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
    fees: tuple[tuple[str, Decimal], ...] = ()
    """What the trades seen so far cost, by asset; negative where they paid a rebate."""
    price: Decimal | None = None
    quantity: Decimal | None = None
    """The terms at the venue, where an amend has changed them."""
    amend: Amend | None = None
    operations: tuple[str, ...] = ()
    """Operation ids of amends before the latest; one that comes again is not carried out again."""
    is_sent_again: bool = False
    cancel_missed_ms: int | None = None
    """When it was to be cancelled and was not there yet: it is never sent again."""
    is_stuck: bool = False
    """Looked up in vain for too long, or answered with something else than was asked: people must settle it."""

    @property
    def fee(self) -> tuple[str, Decimal] | None:
        """Asset and amount; None while no trade was seen, or where they were charged in several assets."""
        return self.fees[0] if len(self.fees) == 1 else None


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an order stands among those of its account: by when it was accepted, then by its id."""

    created_ms: int
    order_id: str


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
    beyond: Mapping[str, msgspec.Raw] = field(default_factory=lambda: _NOTHING)
    """Members of the result that a newer version wrote; they are written back, or an upgrade would lose them."""

    @property
    def is_running(self) -> bool:
        """Some replica is at work on it, or died over it."""
        return self.state in {State.CLAIMED, State.SENT}

    @property
    def place(self) -> Place:
        return Place(self.created_ms, self.intent.order_id)

    @property
    def price(self) -> Decimal | None:
        """As it is at the venue."""
        return self.intent.price if self.result.price is None else self.result.price

    @property
    def quantity(self) -> Decimal | None:
        """As it is at the venue: the total, what is filled included."""
        return self.intent.quantity if self.result.quantity is None else self.result.quantity

    def with_result(self, state: State, result: Result) -> "OrderRecord":
        is_stuck = result.is_stuck and state is State.UNKNOWN
        return replace(self, state=state, result=replace(result, is_stuck=is_stuck))


def order_request(intent: Intent, market: Market) -> OrderRequest:
    """The intent, in the adapters' words."""
    return OrderRequest(
        market=market,
        venue_client_id=intent.venue_client_id,
        side=intent.side,
        type=intent.type,
        quantity=intent.quantity,
        quote_quantity=intent.quote_quantity,
        price=intent.price,
        time_in_force=intent.time_in_force,
        reduce_only=intent.reduce_only,
        self_trade_prevention=intent.self_trade_prevention,
        options=intent.options,
    )


def from_venue(
    identity: OrderIdentity, order_id: str, order: VenueOrder, *, client_order_id: str | None = None
) -> OrderRecord:
    """A record made up from what the order's id and the venue say, where the store has none or cannot be asked."""
    created_ms = order.created_time_us // 1_000
    intent = Intent(
        order_id=order_id,
        venue=identity.venue,
        account=identity.account,
        owner=identity.owner,
        symbol=identity.symbol,
        client_order_id=client_order_id,
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
_venue_orders = msgspec.json.Decoder(VenueOrder)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_RESULT_MEMBERS = frozenset(member.name for member in fields(Result))


def encode(part: Intent | Result, beyond: Mapping[str, msgspec.Raw] = _NOTHING) -> bytes:
    """JSON of a part of a record, with what a newer version knows beyond it."""
    return _encoder.encode({**_plain_numbers(part), **beyond})


def encode_venue_order(order: VenueOrder) -> bytes:
    """JSON of an order as the venue shows it."""
    return _encoder.encode(_plain_numbers(order))


def decode_venue_order(kept: bytes) -> VenueOrder:
    """The order as the venue showed it. Raises `ValueError` for what is none."""
    try:
        return _venue_orders.decode(kept)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from None


def _plain_numbers(part: Intent | Result | VenueOrder) -> dict[str, Any]:
    """Its members that are not as they are by default."""
    fields = {
        name: value
        for name, member in part.__dataclass_fields__.items()
        if (value := getattr(part, name)) != member.default
    }
    if "options" in fields:
        fields["options"] = present(fields["options"])
    return {name: plain(value) if isinstance(value, Decimal) else value for name, value in fields.items()}


def _beyond(result: bytes) -> Mapping[str, msgspec.Raw]:
    return {name: value.copy() for name, value in _members.decode(result).items() if name not in _RESULT_MEMBERS}


def decode(kept: Mapping[bytes, bytes]) -> OrderRecord:
    """The record kept in a hash."""
    return OrderRecord(
        intent=_intents.decode(kept[b"intent"]),
        state=State(kept[b"state"].decode()),
        version=int(kept[b"version"]),
        created_ms=int(kept[b"created_ms"]),
        updated_ms=int(kept[b"updated_ms"]),
        result=_results.decode(kept[b"result"]),
        nonce=kept[b"nonce"].decode(),
        lease_until_ms=int(kept[b"lease_until_ms"]),
        send_ms=int(kept[b"send_ms"]) if b"send_ms" in kept else None,
        window_ms=int(kept[b"window_ms"]) if b"window_ms" in kept else None,
        beyond=_beyond(kept[b"result"]),
    )
