"""What is left of a finished order: enough to answer for it, in a few bytes. Pure.

Labels are not kept, texts of the venue in short, and nothing that the order's ids say by themselves.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from adapters.models import (
    NO_OPTIONS,
    AccountName,
    OrderOptions,
    OrderStatus,
    OrderType,
    SelfTradePrevention,
    Side,
    Symbol,
    TimeInForce,
    VenueClientId,
    VenueName,
    VenueOrderId,
)
from gateway.errors import Code
from gateway.journal import positional
from gateway.numbers import plain
from gateway.orders.identity import Identities, OrderIdentity
from gateway.orders.new_order import present
from gateway.orders.record import Amend, CancelState, Intent, OrderRecord, RefusalRecord, Result, State

_CONTENT_BYTES = 12
_TEXT_MAX = 80
_PARTS = 32

_WORDS = (
    "buy", "sell", "limit", "market", "post_only", "stop_limit", "stop_market", "take_profit", "trailing_stop",
    "iceberg", "GTC", "IOC", "FOK", "GTT", "filled", "cancelled", "expired", "rejected", "reject_taker", "reject_maker",
    "reject_both", "requested", "done", "VENUE_REJECTED", "INSUFFICIENT_BALANCE", "POST_ONLY_WOULD_TAKE", "NOT_PLACED",
    "ORDER_REJECTED", "INVALID_PARAMETER", "absent from every source", "private stream", "order history", "open orders",
)  # fmt: skip
"""Words that go by their number. Only ever appended to: what was kept before must stay readable."""
_NUMBERS = {word: number for number, word in enumerate(_WORDS)}


@dataclass(frozen=True, slots=True)
class Tombstone:
    record: OrderRecord
    content: bytes
    """The beginning of the hash of what was asked."""

    def is_of(self, owner: str, client_order_id: str | None) -> bool:
        intent = self.record.intent
        return (intent.owner, intent.client_order_id) == (owner, client_order_id)

    def is_content(self, content: bytes) -> bool:
        return content[:_CONTENT_BYTES] == self.content


def encode(record: OrderRecord, content: bytes) -> bytes:
    """A finished order, to be kept under its venue's client id."""
    intent, result = record.intent, record.result
    parts: list[Any] = [
        intent.owner,
        _digits(intent.client_order_id),
        intent.symbol,
        content[:_CONTENT_BYTES],
        *(_short(word) for word in (intent.side, intent.type, intent.time_in_force)),
        _number(intent.quantity),
        _number(intent.price),
        record.created_ms,
        record.updated_ms - record.created_ms,
        intent.valid_until_ms - record.created_ms,
        record.version,
        _short(result.status),
        _digits(result.venue_order_id),
        True if result.filled_quantity == intent.quantity else _number(result.filled_quantity),
        _number(result.average_price),
        _short(result.reason),
        _short(result.cancel),
        None if result.cancel_ms is None else result.cancel_ms - record.created_ms,
        intent.reduce_only or None,
        _number(intent.quote_quantity),
        _short(intent.self_trade_prevention),
        _refusal(result.refusal),
        _short(result.evidence),
        [[asset, _number(fee)] for asset, fee in result.fees] or None,
        present(intent.options) or None,
        intent.cancel_if_unknown or None,
        _number(result.price),
        _number(result.quantity),
        None if result.amend is None else positional.values_of(result.amend),
        list(result.operations) or None,
    ]
    while parts[-1] is None:
        parts.pop()
    return msgspec.msgpack.encode(parts)


def decode(
    kept: bytes, *, venue: VenueName, account: AccountName, venue_client_id: VenueClientId, identities: Identities
) -> Tombstone:
    """The order as it ended."""
    parts: list[Any] = msgspec.msgpack.decode(kept)
    parts += [None] * (_PARTS - len(parts))
    (
        owner, client_order_id, symbol, content, side, kind, time_in_force, quantity, price, created_ms, took_ms,
        valid_ms, version, status, venue_order_id, filled, average_price, reason, cancel, cancel_ms, reduce_only,
        quote_quantity, prevention, refusal, evidence, fees, options, cancel_if_unknown,
        new_price, new_quantity, amend, operations, *_,
    ) = parts  # fmt: skip
    identity = OrderIdentity(venue, account, Symbol(symbol), owner, venue_client_id)
    size = _decimal(quantity)
    intent = Intent(
        order_id=identities.order_id(identity),
        venue=venue,
        account=account,
        owner=owner,
        symbol=identity.symbol,
        client_order_id=None if client_order_id is None else str(client_order_id),
        venue_client_id=venue_client_id,
        side=Side(_long(side)),
        type=OrderType(_long(kind)),
        quantity=size,
        quote_quantity=_decimal(quote_quantity),
        price=_decimal(price),
        time_in_force=TimeInForce(_long(time_in_force)),
        reduce_only=bool(reduce_only),
        self_trade_prevention=None if prevention is None else SelfTradePrevention(_long(prevention)),
        labels=(),
        valid_until_ms=created_ms + valid_ms,
        options=NO_OPTIONS if options is None else msgspec.convert(options, OrderOptions),
        cancel_if_unknown=bool(cancel_if_unknown),
    )
    result = Result(
        status=None if status is None else OrderStatus(_long(status)),
        venue_order_id=None if venue_order_id is None else VenueOrderId(str(venue_order_id)),
        filled_quantity=(size if filled is True else _decimal(filled)) or Decimal(0),
        average_price=_decimal(average_price),
        reason=None if reason is None else _long(reason),
        refusal=None if refusal is None else RefusalRecord(Code(_long(refusal[0])), refusal[1], refusal[2]),
        evidence=None if evidence is None else _long(evidence),
        cancel=None if cancel is None else CancelState(_long(cancel)),
        cancel_ms=None if cancel_ms is None else created_ms + cancel_ms,
        fees=tuple((asset, Decimal(fee)) for asset, fee in fees or ()),
        price=_decimal(new_price),
        quantity=_decimal(new_quantity),
        amend=None if amend is None else positional.made_of(Amend, amend, given={}),
        operations=tuple(operations or ()),
    )
    record = OrderRecord(intent, State.DONE, version, created_ms, created_ms + took_ms, result)
    return Tombstone(record, content)


def _short(word: str | None) -> int | str | None:
    return None if word is None else _NUMBERS.get(word, word[:_TEXT_MAX])


def _long(word: int | str) -> str:
    return _WORDS[word] if isinstance(word, int) else word


def _refusal(refusal: RefusalRecord | None) -> list[Any] | None:
    if refusal is None:
        return None
    return [_short(refusal.code), refusal.message[:_TEXT_MAX], refusal.venue_code and refusal.venue_code[:_TEXT_MAX]]


def _digits(text: str | None) -> int | str | None:
    """A number as a number, where it is spelled as numbers are: half the bytes."""
    if text is None or not (text.isascii() and text.isdecimal() and len(text) <= 18):
        return text
    return text if text.startswith("0") else int(text)


def _number(value: Decimal | None) -> int | str | None:
    return None if value is None else _digits(plain(value))


def _decimal(value: int | str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
