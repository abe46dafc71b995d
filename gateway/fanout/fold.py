"""The present state of a topic, from its last snapshot and what followed (pure): what a REST read is answered with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from adapters.contract import Channel
from gateway.fanout.envelope import Frame, Integrity, Kind

TRADES_KEPT = 20
"""As many trades as a snapshot holds."""


class _Message(msgspec.Struct, frozen=True):
    received_time_us: int
    data: msgspec.Raw
    venue_time_us: int | None = None


class _Book(msgspec.Struct, frozen=True):
    bids: list[tuple[str, str]]
    asks: list[tuple[str, str]]
    update_id: int


class _Trades(msgspec.Struct, frozen=True):
    items: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic's `data` as a snapshot message would carry it, and how fresh it is."""

    data: Mapping[str, Any]
    integrity: Integrity
    as_of_us: int
    """When we received the newest part of it."""
    venue_time_us: int | None
    epoch: int
    seq: int


_decode_message = msgspec.json.Decoder(_Message).decode
_decode_book = msgspec.json.Decoder(_Book).decode
_decode_trades = msgspec.json.Decoder(_Trades).decode


def fold(channel: Channel, frames: Sequence[Frame], integrity: Integrity) -> TopicState | None:
    """Apply `frames` (a snapshot and what followed) in order; None if there is no snapshot among them."""
    with_data = [_decode_message(frame.body) for frame in frames if frame.kind is not Kind.STATUS]
    if not with_data:
        return None
    data = _FOLD[channel]([message.data for message in with_data])
    newest = with_data[-1]
    return TopicState(data, integrity, newest.received_time_us, newest.venue_time_us, frames[-1].epoch, frames[-1].seq)


def _fold_ticker(parts: Sequence[msgspec.Raw]) -> Mapping[str, Any]:
    ticker: dict[str, Any] = msgspec.json.decode(parts[-1], type=dict[str, Any])
    return ticker


def _fold_trades(parts: Sequence[msgspec.Raw]) -> Mapping[str, Any]:
    # every update holds at least one trade, so that the newest parts suffice
    items = [item for part in parts[-TRADES_KEPT - 1 :] for item in _decode_trades(part).items]
    return {"items": items[-TRADES_KEPT:]}


def _fold_book(parts: Sequence[msgspec.Raw]) -> Mapping[str, Any]:
    bids: dict[str, str] = {}
    asks: dict[str, str] = {}
    book = None
    for part in parts:
        book = _decode_book(part)
        for side, changes in ((bids, book.bids), (asks, book.asks)):
            for price, quantity in changes:
                if quantity == "0":
                    side.pop(price, None)
                else:
                    side[price] = quantity
    return {
        "bids": sorted(bids.items(), key=_by_price, reverse=True),
        "asks": sorted(asks.items(), key=_by_price),
        "update_id": book.update_id if book else 0,
    }


def _by_price(level: tuple[str, str]) -> Decimal:
    return Decimal(level[0])


_FOLD: Mapping[Channel, Callable[[Sequence[msgspec.Raw]], Mapping[str, Any]]] = {
    Channel.TICKER: _fold_ticker,
    Channel.ORDERBOOK: _fold_book,
    Channel.TRADES: _fold_trades,
}
