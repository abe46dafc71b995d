"""Zanbara's streams as decisions: which frames to send, what a received frame means. Pure; time is an argument.

Rules:

- `continuity` says when the venue has been silent for too long, and when a frame is missing.
- A subscription begins with a snapshot. Frames before it belong to an earlier subscription and are left out, as are
  frames of topics that are not wanted (any more).
- Where frames build on one another (book, trades, all of an account), a gap or a malformed frame ends the connection; a
  ticker stands for itself, so a malformed one is skipped.
- A token refused on the private stream ends the connection too: what happened until another one was accepted would
  never be told.

Source: docs.zanbarax.com, "overview", for the heartbeat and the shape of a subscription; the rest is inferred.
"""

import logging

import msgspec

from adapters.common.answers import UNREADABLE
from adapters.common.session import OutOfStep, Received
from adapters.contract import Channel
from adapters.models import (
    AccountName,
    BalanceEvent,
    BookDelta,
    BookSnapshot,
    FillEvent,
    Market,
    OrderEvent,
    PositionEvent,
    Ticker,
    Trade,
    VenueName,
)
from adapters.zanbara import errors, wire
from adapters.zanbara.continuity import Heartbeat, Sequences, Topic
from adapters.zanbara.mapping import (
    normalize_balance_event,
    normalize_book,
    normalize_delta,
    normalize_position_event,
    normalize_ticker,
    normalize_trade,
)
from adapters.zanbara.order_mapping import normalize_fill_event, normalize_order_event

_log = logging.getLogger(__name__)

BOOK_DEPTH_MAX = 100
"""Levels a side, by stream and by REST."""

_SNAPSHOT = "snapshot"
_ACCOUNT_CHANNELS = ("orders", "fills", "positions", "balance")


def topic_of(channel: Channel, market: Market) -> Topic:
    return channel.value, market.venue_symbol


class PublicSession:
    """Market data of up to 100 topics over one connection; more the venue does not allow."""

    def __init__(self, venue: VenueName) -> None:
        self._venue = venue
        self._heartbeat = Heartbeat()
        self._sequences = Sequences()
        self._wanted: dict[Topic, None] = {}  # a set that keeps its order
        self._subscribed: dict[Topic, None] = {}
        self._numbers: dict[Topic, int] = {}
        """What tells the venue's errors apart."""
        self.skipped_frames = 0

    def subscribe(self, channel: Channel, market: Market) -> None:
        self._wanted[topic_of(channel, market)] = None

    def unsubscribe(self, channel: Channel, market: Market) -> None:
        self._wanted.pop(topic_of(channel, market), None)

    def opened(self) -> None:
        self._heartbeat.opened()
        self._sequences.clear()
        self._subscribed.clear()

    def frames_to_send(self, *, venue_time_ms: int) -> list[str]:
        new = [topic for topic in self._wanted if topic not in self._subscribed]
        old = [topic for topic in self._subscribed if topic not in self._wanted]
        self._subscribed = dict(self._wanted)
        for topic in new + old:
            self._sequences.end(topic)
        wishes = [self._wish("unsubscribe", topic) for topic in old] + [self._wish("subscribe", topic) for topic in new]
        return [*wishes, *map(_frame, self._heartbeat.messages(venue_time_ms))]

    def received(self, frame: bytes, *, received_time_us: int) -> Received:
        message = _decode_frame(frame)
        match message.type:
            case "pong":
                self._heartbeat.answered()
            case "error":
                self._refused(message)
            case "snapshot" | "update":
                topic = (message.channel or "", message.symbol or "")
                is_started = message.type == _SNAPSHOT or self._sequences.has_begun(topic)
                if topic in self._wanted and is_started:
                    return self._event(topic, message, received_time_us)
                self.skipped_frames += 1
        return None

    def _wish(self, verb: str, topic: Topic) -> str:
        channel, symbol = topic
        number = self._numbers.setdefault(topic, len(self._numbers) + 1)
        message: dict[str, str | int] = {"type": verb, "channel": channel, "symbol": symbol, "id": number}
        if channel == Channel.ORDERBOOK:
            message["depth"] = BOOK_DEPTH_MAX
        return _frame(message)

    def _refused(self, message: wire.Frame) -> None:
        """One bad topic must not cost all the others their data: the connection stays, the topic stays silent."""
        topics = ["/".join(topic) for topic, number in self._numbers.items() if number == message.id]
        code = message.error.code if message.error else "no code"
        _log.error("%s refused %s: %s", self._venue, topics or "a subscription", code[:60])

    def _event(self, topic: Topic, message: wire.Frame, received_time_us: int) -> Received:
        try:
            match topic[0]:
                case Channel.ORDERBOOK:
                    return self._book(topic, message, received_time_us)
                case Channel.TRADES:
                    return self._trades(topic, message, received_time_us)
                case _:
                    return self._ticker(topic, message, received_time_us)
        except UNREADABLE as exc:
            raise OutOfStep(f"unreadable frame on {'/'.join(topic)}: {exc}") from exc

    def _book(self, topic: Topic, message: wire.Frame, received_time_us: int) -> BookSnapshot | BookDelta:
        if message.type == _SNAPSHOT:
            book = msgspec.json.decode(message.data, type=wire.OrderBook)
            _check_symbol(topic, book.symbol)
            self._sequences.begin(topic, book.sequence)
            return normalize_book(self._venue, book, received_time_us=received_time_us)
        if message.sequence is None:
            raise ValueError("a book update without its number")
        update = msgspec.json.decode(message.data, type=wire.BookUpdate)
        return normalize_delta(
            self._venue,
            topic[1],
            update,
            sequence=message.sequence,
            timestamp_ms=message.timestamp,
            received_time_us=received_time_us,
        )

    def _trades(self, topic: Topic, message: wire.Frame, received_time_us: int) -> tuple[Trade, ...]:
        """The snapshot holds trades of the past, which are to be had by REST."""
        if message.type == _SNAPSHOT:
            self._sequences.begin(topic, message.sequence)
            return ()
        self._sequences.follow(topic, message.sequence)
        trades = [msgspec.json.decode(item, type=wire.Trade) for item in _items(message.data)]
        for trade in trades:
            _check_symbol(topic, trade.symbol)
        # Whether a frame's trades come newest first, as they do by REST, is not documented.
        trades.sort(key=lambda trade: (trade.timestamp, trade.trade_id or ""))
        return tuple(normalize_trade(self._venue, trade, received_time_us=received_time_us) for trade in trades)

    def _ticker(self, topic: Topic, message: wire.Frame, received_time_us: int) -> Ticker | None:
        if message.type == _SNAPSHOT:
            self._sequences.begin(topic, message.sequence)
        try:
            ticker = msgspec.json.decode(message.data, type=wire.Ticker)
            _check_symbol(topic, ticker.symbol)
            return normalize_ticker(self._venue, ticker, received_time_us=received_time_us)
        except UNREADABLE as exc:
            self.skipped_frames += 1
            _log.warning("%s sent a ticker that cannot be read: %s", self._venue, exc)
            return None


class AccountSession:
    """What happens on one account. Give it a token before it is asked what to send, and a newer one in time."""

    def __init__(self, venue: VenueName, account: AccountName) -> None:
        self._venue = venue
        self._account = account
        self._heartbeat = Heartbeat()
        self._sequences = Sequences()
        self._sent_token: str | None = None
        self._is_subscribed = False
        self.token = ""
        self.refused_token: str | None = None
        """A token that the venue did not accept; whoever gives us another takes note of it."""

    def opened(self) -> None:
        self._heartbeat.opened()
        self._sequences.clear()
        self._sent_token = None
        self._is_subscribed = False

    def frames_to_send(self, *, venue_time_ms: int) -> list[str]:
        """Authenticating again with another token keeps the subscriptions."""
        frames = []
        if self.token != self._sent_token:
            self._sent_token = self.token
            frames.append(_frame({"type": "auth", "token": self.token}))
        if not self._is_subscribed:
            self._is_subscribed = True
            frames += [_frame({"type": "subscribe", "channel": channel}) for channel in _ACCOUNT_CHANNELS]
        return [*frames, *map(_frame, self._heartbeat.messages(venue_time_ms))]

    def received(self, frame: bytes, *, received_time_us: int) -> Received:
        """An error means that we are not subscribed, and silence would look like "no orders": begin anew."""
        message = _decode_frame(frame)
        try:
            match message.type, message.channel:
                case "pong", _:
                    self._heartbeat.answered()
                case "error", _:
                    self._refused(message)
                case (("snapshot" | "update"), "orders"):
                    return self._orders(message, received_time_us)
                case "update", "fills":
                    return self._fill(message, received_time_us)
                case (("snapshot" | "update"), "positions"):
                    return self._positions(message, received_time_us)
                case (("snapshot" | "update"), "balance"):
                    return self._balance(message, received_time_us)
        except UNREADABLE as exc:
            raise OutOfStep(f"unreadable private frame: {exc}") from exc
        return None

    def _refused(self, message: wire.Frame) -> None:
        code = message.error.code if message.error else "no code"
        if code == errors.TOKEN_REFUSED:
            self.refused_token = self._sent_token
        raise OutOfStep(f"the private stream was refused: {code[:60]}")

    def _orders(self, message: wire.Frame, received_time_us: int) -> tuple[OrderEvent, ...]:
        """The snapshot holds the open orders: each as it is now."""
        orders = [msgspec.json.decode(item, type=wire.Order) for item in self._in_step(message)]
        return tuple(
            normalize_order_event(self._venue, self._account, order, received_time_us=received_time_us)
            for order in orders
        )

    def _positions(self, message: wire.Frame, received_time_us: int) -> tuple[PositionEvent, ...]:
        """The snapshot holds the open positions; one that was closed meanwhile is not told."""
        positions = [msgspec.json.decode(item, type=wire.Position) for item in self._in_step(message)]
        return tuple(
            normalize_position_event(self._venue, self._account, position, received_time_us=received_time_us)
            for position in positions
        )

    def _balance(self, message: wire.Frame, received_time_us: int) -> BalanceEvent:
        [item] = self._in_step(message, is_list=False)
        balance = msgspec.json.decode(item, type=wire.Balance)
        return normalize_balance_event(self._account, balance, received_time_us=received_time_us)

    def _in_step(self, message: wire.Frame, *, is_list: bool = True) -> list[msgspec.Raw]:
        """What the frame tells, if it follows what came before: a snapshot's items (`is_list`), or one change."""
        topic = (message.channel or "", "")
        if message.type == _SNAPSHOT:
            self._sequences.begin(topic, message.sequence)
            return _items(message.data) if is_list else [message.data]
        if not self._sequences.has_begun(topic):
            raise ValueError(f"a change of {topic[0]} before their snapshot")
        self._sequences.follow(topic, message.sequence)
        return [message.data]

    def _fill(self, message: wire.Frame, received_time_us: int) -> FillEvent:
        """Fills have no snapshot, so the first one is number one."""
        topic = ("fills", "")
        if not self._sequences.has_begun(topic):
            self._sequences.begin(topic, 0)
        self._sequences.follow(topic, message.sequence)
        fill = msgspec.json.decode(message.data, type=wire.Fill)
        return normalize_fill_event(self._venue, self._account, fill, received_time_us=received_time_us)


def _frame(message: dict[str, str | int] | dict[str, str]) -> str:
    return msgspec.json.encode(message).decode()


def _decode_frame(frame: bytes) -> wire.Frame:
    try:
        return msgspec.json.decode(frame, type=wire.Frame)
    except UNREADABLE as exc:
        raise OutOfStep(f"a frame that is not the venue's: {exc}") from exc


def _items(data: msgspec.Raw) -> list[msgspec.Raw]:
    return msgspec.json.decode(data, type=wire.Page).items


def _check_symbol(topic: Topic, symbol: str) -> None:
    if symbol != topic[1]:
        raise ValueError("a frame about another market than its topic")
