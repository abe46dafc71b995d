"""Backpack's streams as decisions: which frames to send, what a received frame means. Pure; time is an argument.

Success is silent at this venue, and an error does not say which stream it is about. Frames of streams that we do not
want (any more) are left out. A malformed frame ends the connection where the frames build on one another (book,
trades, orders); a ticker stands for itself, so a malformed one is skipped.

Source: docs.backpack.exchange, "Streams".
"""

import logging
from collections.abc import Callable
from typing import TypeVar

import msgspec

from adapters.backpack import wire
from adapters.backpack.mapping import (
    normalize_balance_event,
    normalize_delta,
    normalize_position_event,
    normalize_stream_ticker,
    normalize_stream_trade,
)
from adapters.backpack.order_mapping import normalize_order_event
from adapters.backpack.signing import Key, subscribe_signature
from adapters.common.answers import UNREADABLE
from adapters.common.session import OutOfStep
from adapters.contract import Channel
from adapters.models import AccountName, Market, StreamEvent, VenueName

_log = logging.getLogger(__name__)

_STREAM_TYPES = {Channel.TICKER: "ticker", Channel.ORDERBOOK: "depth", Channel.TRADES: "trade"}
_ACCOUNT_STREAMS = ["account.orderUpdate", "account.balanceUpdate", "account.positionUpdate"]
_TOPICS_PER_FRAME = 100
_SIGNATURE_WINDOW_MS = 5000

T = TypeVar("T")


def topic_of(channel: Channel, market: Market) -> str:
    return f"{_STREAM_TYPES[channel]}.{market.venue_symbol}"


class PublicSession:
    """Market data of any number of markets over one connection."""

    def __init__(self, venue: VenueName) -> None:
        self._venue = venue
        self._wanted: dict[str, None] = {}  # a set that keeps its order
        self._subscribed: dict[str, None] = {}
        self._silent: set[str] = set()
        self.skipped_frames = 0

    def subscribe(self, channel: Channel, market: Market) -> None:
        self._wanted[topic_of(channel, market)] = None

    def unsubscribe(self, channel: Channel, market: Market) -> None:
        self._wanted.pop(topic_of(channel, market), None)

    def opened(self) -> None:
        self._subscribed.clear()
        self._silent.clear()

    def frames_to_send(self, *, venue_time_ms: int) -> list[str]:
        new = [topic for topic in self._wanted if topic not in self._subscribed]
        old = [topic for topic in self._subscribed if topic not in self._wanted]
        self._subscribed = dict(self._wanted)
        self._silent = (self._silent | set(new)) - set(old)
        return _frames("UNSUBSCRIBE", old) + _frames("SUBSCRIBE", new)

    def received(self, frame: bytes, *, received_time_us: int) -> StreamEvent | None:
        message = _decode_frame(frame)
        if message.error is not None:
            # One bad topic must not cost all the others their data: the connection stays, the topic stays silent.
            suspects = sorted(self._silent)[:10]
            _log.error("%s refused a subscription (%s), silent so far: %s", self._venue, message.error, suspects)
            return None
        topic = message.stream or ""
        if not message.data or topic not in self._wanted:
            self.skipped_frames += 1
            return None
        self._silent.discard(topic)
        return self._event(topic, message.data, received_time_us)

    def _event(self, topic: str, data: msgspec.Raw, received_time_us: int) -> StreamEvent | None:
        stream_type, _, symbol = topic.partition(".")
        try:
            match stream_type:
                case "depth":
                    depth = _decode(data, wire.StreamDepth, symbol, lambda message: message.symbol)
                    return normalize_delta(self._venue, depth, received_time_us=received_time_us)
                case "trade":
                    trade = _decode(data, wire.StreamTrade, symbol, lambda message: message.symbol)
                    return normalize_stream_trade(self._venue, trade, received_time_us=received_time_us)
                case _:
                    ticker = _decode(data, wire.StreamTicker, symbol, lambda message: message.symbol)
                    return normalize_stream_ticker(self._venue, ticker, received_time_us=received_time_us)
        except UNREADABLE as exc:
            if stream_type == "ticker":
                self.skipped_frames += 1
                _log.warning("%s sent a ticker that cannot be read: %s", topic, exc)
                return None
            raise OutOfStep(f"unreadable frame on {topic}: {exc}") from exc


class AccountSession:
    """Orders, balances and positions of one account."""

    def __init__(self, venue: VenueName, account: AccountName, key: Key) -> None:
        self._venue = venue
        self._account = account
        self._key = key
        self._is_subscribed = False

    def opened(self) -> None:
        self._is_subscribed = False

    def frames_to_send(self, *, venue_time_ms: int) -> list[str]:
        if self._is_subscribed:
            return []
        self._is_subscribed = True
        signature = subscribe_signature(self._key, timestamp_ms=venue_time_ms, window_ms=_SIGNATURE_WINDOW_MS)
        return _frames("SUBSCRIBE", _ACCOUNT_STREAMS, signature)

    def received(self, frame: bytes, *, received_time_us: int) -> StreamEvent | None:
        """An error means that we are not subscribed, and silence would look like "no orders": begin anew."""
        message = _decode_frame(frame)
        if message.error is not None:
            raise OutOfStep(f"subscription refused: {message.error.code} {message.error.message[:100]}")
        if not message.data:
            return None
        try:
            return self._event(message.stream, message.data, received_time_us)
        except UNREADABLE as exc:
            raise OutOfStep(f"unreadable frame on {message.stream}: {exc}") from exc

    def _event(self, stream: str | None, data: msgspec.Raw, received_time_us: int) -> StreamEvent | None:
        match stream:
            case "account.orderUpdate":
                order = msgspec.json.decode(data, type=wire.StreamOrder)
                return normalize_order_event(self._venue, self._account, order, received_time_us=received_time_us)
            case "account.balanceUpdate":
                balance = msgspec.json.decode(data, type=wire.StreamBalance)
                return normalize_balance_event(self._account, balance, received_time_us=received_time_us)
            case "account.positionUpdate":
                position = msgspec.json.decode(data, type=wire.StreamPosition)
                return normalize_position_event(self._venue, self._account, position, received_time_us=received_time_us)
            case _:
                return None


def _frames(method: str, topics: list[str], signature: tuple[str, ...] | None = None) -> list[str]:
    frames = []
    for start in range(0, len(topics), _TOPICS_PER_FRAME):
        message: dict[str, object] = {"method": method, "params": topics[start : start + _TOPICS_PER_FRAME]}
        if signature is not None:
            message["signature"] = signature
        frames.append(msgspec.json.encode(message).decode())
    return frames


def _decode_frame(frame: bytes) -> wire.Frame:
    try:
        return msgspec.json.decode(frame, type=wire.Frame)
    except UNREADABLE as exc:
        raise OutOfStep(f"a frame that is not the venue's: {exc}") from exc


def _decode(data: msgspec.Raw, message_type: type[T], symbol: str, symbol_in: Callable[[T], str]) -> T:
    message = msgspec.json.decode(data, type=message_type)
    if symbol_in(message) != symbol:
        raise ValueError("a frame about another market than its stream")
    return message
