"""A journal's entries as clients see them, on either edge."""

from typing import Any

import structlog

from gateway.accounts import Account
from gateway.api.account_bodies import Orphan, holding_body
from gateway.api.bodies import Shape
from gateway.api.operation_bodies import Operation
from gateway.api.order_bodies import Fill, Order
from gateway.auth import Client
from gateway.journal import EVERYBODY, Entry, Kind, decode_holding
from gateway.operations.journaling import decode_step as decode_operation
from gateway.orders.journaling import decode_fill, decode_step
from gateway.orders.record import decode_venue_order
from gateway.orders.settling import Settling

_log = structlog.get_logger()


class Event(Shape):
    """What happened on an account."""

    cursor: str
    kind: str
    """`order`, `fill`, `operation`, `position`, `balance`, `orphan`, `epoch`, or another that readers may skip."""
    client: str | None
    """On whose behalf; null where it concerns the account as a whole."""
    timestamp: int
    """When it was entered, ms."""
    data: dict[str, Any]


def is_visible(client: Client, account: Account, entry: Entry) -> bool:
    """What concerns the account as a whole every client of it sees; all else goes by its grant."""
    return entry.owner == EVERYBODY or client.sees(account.name, entry.owner)


def event_of(entry: Entry, account: Account, settling: Settling) -> Event | None:
    """The entry as an event; None, and a line in the log, for one that cannot be read."""
    data = data_of(entry, account, settling)
    if data is None:
        return None
    owner = None if entry.owner in {EVERYBODY, ""} else entry.owner
    return Event(cursor=entry.cursor, kind=entry.kind, client=owner, timestamp=entry.time_ms, data=data)


def data_of(entry: Entry, account: Account, settling: Settling) -> dict[str, Any] | None:
    """What the entry tells, in the public shape of its kind; None, and a line in the log, if it cannot be read."""
    try:
        match entry.kind:
            case Kind.ORDER:
                record = decode_step(entry)
                told: Shape = Order.of(record, settles_by_ms=settling.settles_by_ms(record))
            case Kind.FILL:
                told = Fill.of(decode_fill(entry), account=account.name)
            case Kind.OPERATION:
                told = Operation.of(decode_operation(entry))
            case Kind.POSITION | Kind.BALANCE:
                return holding_body(decode_holding(entry, account.venue.name), account.venue.name)
            case Kind.ORPHAN:
                told = Orphan.of(decode_venue_order(entry.data))
            case _:
                return entry.as_told()
        return told.model_dump(mode="json")
    except ValueError as error:
        _log.error("journal_entry_unreadable", account=account.name, cursor=entry.cursor, error=str(error))
        return None
