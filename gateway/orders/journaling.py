"""Orders and trades as the journal keeps them: every entry is whole by itself, whatever became of the record. Pure.

What an order id says is not kept beside it, and fields go by position: a step takes a third of what its record would.
"""

from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Any

from adapters.models import Balance, Fill, Position, VenueName
from gateway.journal import positional
from gateway.journal.entry import Entry, Kind
from gateway.journal.holding import SAID_BESIDE, decode_holding
from gateway.numbers import plain
from gateway.orders.identity import OrderIdentity, spelled_out
from gateway.orders.record import Intent, OrderRecord, Result, State, decode_venue_order

_SAID_BY_ID = ("venue", "account", "owner", "symbol", "venue_client_id")


_ROOMS = {
    Kind.ORDER: (6, {0: positional.room(Intent, without=_SAID_BY_ID), 5: positional.room(Result)}),
    Kind.FILL: (3, {2: positional.room(Fill, without=_SAID_BY_ID)}),
    Kind.POSITION: (3, {2: positional.room(Position, without=SAID_BESIDE)}),
    Kind.BALANCE: (3, {2: positional.room(Balance, without=SAID_BESIDE)}),
}
"""By kind of entry: how many values it has, and how many those have that are values by position themselves."""


@dataclass(frozen=True, slots=True)
class JournaledFill:
    """A trade, and the order of ours that it belongs to."""

    order_id: str
    client_order_id: str | None
    owner: str
    fill: Fill


def encode_step(record: OrderRecord) -> bytes:
    """The order as this step left it."""
    intent = positional.values_of(record.intent, without=_SAID_BY_ID)
    result = positional.values_of(record.result)
    return positional.encode([intent, record.state, record.version, record.created_ms, record.send_ms, result])


def decode_step(entry: Entry) -> OrderRecord:
    """The order as the step left it.

    Raises `ValueError` for what is no step of an order.
    """
    intent, state, version, created_ms, send_ms, result, *_ = positional.decode(entry.data)
    return OrderRecord(
        intent=positional.made_of(Intent, intent, given=_said_by(intent[0])),
        state=State(state),
        version=version,
        created_ms=created_ms,
        updated_ms=entry.time_ms,
        result=positional.made_of(Result, result, given={}),
        send_ms=send_ms,
    )


def encode_fill(intent: Intent, fill: Fill) -> bytes:
    """A trade of this order."""
    values = positional.values_of(fill, without=_SAID_BY_ID)
    return positional.encode([intent.order_id, intent.client_order_id, values])


def decode_fill(entry: Entry) -> JournaledFill:
    """The trade of an entry.

    Raises `ValueError` for what is none.
    """
    order_id, client_order_id, values, *_ = positional.decode(entry.data)
    said = _said_by(order_id)
    owner = said.pop("owner")
    del said["account"]
    return JournaledFill(order_id, client_order_id, owner, positional.made_of(Fill, values, given=said))


def spell_out(venue: VenueName, entry: Entry) -> dict[str, Any]:
    """Everything an entry says, by name: what an archive keeps.

    One that cannot be read is kept as it is, and so, beside its names, is one that says more than this version knows.
    """
    try:
        said = _spell_out(venue, entry)
    except ValueError:
        said = None
    if said is not None and not _is_beyond(entry):
        return said
    return entry.as_told() if said is None else {**said, "beyond": entry.as_told()}


def _is_beyond(entry: Entry) -> bool:
    """Whether a newer version wrote values that this one does not know."""
    if entry.kind not in _ROOMS:
        return False
    values = positional.decode(entry.data)
    count, rooms = _ROOMS[Kind(entry.kind)]
    return len(values) > count or any(len(values[place] or ()) > room for place, room in rooms.items())


def _spell_out(venue: VenueName, entry: Entry) -> dict[str, Any] | None:
    match entry.kind:
        case Kind.ORDER:
            record = decode_step(entry)
            return {
                **_named(record.intent),
                "state": record.state,
                "version": record.version,
                "created_ms": record.created_ms,
                "send_ms": record.send_ms,
                **_named(record.result),
                "price": _spelled(record.price),
                "quantity": _spelled(record.quantity),
            }
        case Kind.FILL:
            told = decode_fill(entry)
            return {"order_id": told.order_id, "client_order_id": told.client_order_id, **_named(told.fill)}
        case Kind.POSITION | Kind.BALANCE:
            holding = decode_holding(entry, venue)
            held = None if holding.held is None else _named(holding.held)
            return {"name": holding.name, "venue_time_us": holding.venue_time_us, "held": held}
        case Kind.ORPHAN:
            return _named(decode_venue_order(entry.data))
    return None


def _named(value: Any) -> dict[str, Any]:
    return {field.name: _spelled(getattr(value, field.name)) for field in fields(value)}


def _spelled(item: Any) -> Any:
    if isinstance(item, Decimal):
        return plain(item)
    return _named(item) if is_dataclass(item) else item


def _said_by(order_id: str) -> dict[str, str]:
    said: OrderIdentity = spelled_out(order_id)
    return {name: getattr(said, name) for name in _SAID_BY_ID}
