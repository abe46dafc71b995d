"""One client's conversation: each frame in becomes replies and intents out (pure).

The session knows what the client is subscribed to and what it may ask for; who carries an intent out is the endpoint.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, assert_never

import msgspec

from adapters.contract import Channel, Venue
from adapters.models import Symbol, VenueName
from gateway.api.problem import error_object
from gateway.auth.metrics import count
from gateway.errors import Code, Refusal
from gateway.fanout.ring import Position
from gateway.fanout.topic import Topic
from gateway.feeds.owner import FindMarket
from gateway.ws import metrics
from gateway.ws.frames import Auth, BadFrame, Id, Ping, Subscribe, Unsubscribe, decode

SUBSCRIPTIONS_MAX = 200

PUBLIC_CHANNELS = frozenset(
    {"ticker", "orderbook", "trades", "klines", "mark_price", "funding", "open_interest", "liquidations", "best"}
)
PRIVATE_CHANNELS = frozenset({"orders", "fills", "positions", "balances"})
_KNOWN_CHANNELS = PUBLIC_CHANNELS | PRIVATE_CHANNELS | {"system"}


@dataclass(frozen=True, slots=True)
class Reply:
    body: bytes


@dataclass(frozen=True, slots=True)
class Join:
    topic: Topic
    since: Position | None


@dataclass(frozen=True, slots=True)
class Leave:
    topic: Topic


@dataclass(frozen=True, slots=True)
class JoinPrivate:
    """Follow an account's channel; who may, the connection finds out. Acknowledged when the replay begins."""

    channel: str
    account: str
    after: str | None
    id: Id


@dataclass(frozen=True, slots=True)
class LeavePrivate:
    channel: str
    account: str
    id: Id


@dataclass(frozen=True, slots=True)
class Authenticate:
    token: str
    id: Id


Intent = Reply | Join | Leave | JoinPrivate | LeavePrivate | Authenticate


class Session:
    """The state of one connection. `received` gives what to do, in order; replies go out before what follows them."""

    def __init__(
        self,
        venues: Mapping[VenueName, Venue],
        find_market: FindMarket,
        *,
        new_request_id: Callable[[], str],
        time_ms: Callable[[], int],
        needs_token: bool = False,
    ):
        """`needs_token`: not even public channels are for everybody."""
        self._needs_token = needs_token
        self._is_authenticated = False
        self.topics: set[Topic] = set()
        self._venues = venues
        self._find_market = find_market
        self._new_request_id = new_request_id
        self._time_ms = time_ms

    def received(self, text: str) -> list[Intent]:
        """Take a text frame."""
        frame_id: Id = None
        try:
            frame = decode(text)
            frame_id = frame.id
            match frame:
                case Subscribe():
                    return self._subscribe(frame)
                case Unsubscribe():
                    return self._unsubscribe(frame)
                case Auth():
                    return [Authenticate(frame.token, frame.id)]
                case Ping():
                    return [self._reply("pong", frame.id)]
                case _:
                    assert_never(frame)
        except Refusal as refusal:
            return [self.refused(refusal, refusal.id if isinstance(refusal, BadFrame) else frame_id)]

    def received_binary(self) -> list[Intent]:
        return [self.refused(Refusal(Code.INVALID_REQUEST, "frames are text, not binary"), None)]

    def authenticated(self, frame_id: Id) -> Reply:
        """The token was good."""
        self._is_authenticated, self._needs_token = True, False
        return self._reply("authenticated", frame_id)

    def draining(self, closes_in_ms: int) -> Reply:
        """This replica is about to close all connections: connect to another one before that."""
        return self._reply("draining", None, channel="system", closes_in_ms=closes_in_ms)

    def refused(self, refusal: Refusal, frame_id: Id) -> Reply:
        """An error as the client sees it; the connection goes on."""
        metrics.refused.labels(refusal.code).inc()
        count(refusal)
        return self._reply("error", frame_id, error=error_object(refusal, self._new_request_id()))

    def _subscribe(self, frame: Subscribe) -> list[Intent]:
        if self._needs_token:
            raise Refusal(Code.AUTHENTICATION_FAILED, 'send {"op": "auth", "token": …} first')
        if frame.channel in PRIVATE_CHANNELS:
            return [JoinPrivate(frame.channel, self._account(frame), frame.after, frame.id)]
        topic = self._topic(frame)
        if frame.mode != "full" or frame.interval_ms is not None:
            raise _not_supported("mode", frame.mode, ["full"])
        if frame.after is not None:
            raise _not_supported("after", frame.after, [])
        if topic not in self.topics and len(self.topics) >= SUBSCRIPTIONS_MAX:
            raise Refusal(
                Code.INVALID_REQUEST,
                f"a connection holds at most {SUBSCRIPTIONS_MAX} subscriptions; unsubscribe first or open another",
                details={"limit": SUBSCRIPTIONS_MAX},
            )
        self.topics.add(topic)
        since = Position(frame.since.epoch, frame.since.seq) if frame.since else None
        return [self._about(topic, "subscribed", frame.id), Join(topic, since)]

    def _unsubscribe(self, frame: Unsubscribe) -> list[Intent]:
        if frame.channel in PRIVATE_CHANNELS:
            return [LeavePrivate(frame.channel, self._account(frame), frame.id)]
        topic = self._topic(frame)
        self.topics.discard(topic)
        return [Leave(topic), self._about(topic, "unsubscribed", frame.id)]

    def _account(self, frame: Subscribe | Unsubscribe) -> str:
        if not self._is_authenticated:
            raise Refusal(Code.AUTHENTICATION_FAILED, 'send {"op": "auth", "token": …} first')
        if frame.account is None:
            raise Refusal(Code.INVALID_PARAMETER, "this channel needs an account", field="account")
        for name in ("venue", "symbol", "depth", "interval", "aggregation_ms"):
            if (value := getattr(frame, name)) is not None:
                raise _not_supported(name, value, [])
        return frame.account

    def about_account(self, kind: str, channel: str, account: str, frame_id: Id) -> Reply:
        """What became of a private subscription."""
        return self._reply(kind, frame_id, channel=channel, account=account)

    def _topic(self, frame: Subscribe | Unsubscribe) -> Topic:
        if frame.channel not in _KNOWN_CHANNELS:
            raise Refusal(Code.INVALID_PARAMETER, "no such channel", field="channel", details=_known(self._channels()))
        if frame.venue is None:
            if frame.channel not in self._channels():
                raise _not_supported("channel", frame.channel, self._channels())
            raise Refusal(Code.INVALID_PARAMETER, "a market's channel needs its venue", field="venue")
        venue = self._venues.get(VenueName(frame.venue))
        if venue is None:
            raise Refusal(Code.VENUE_NOT_FOUND, "no such venue", field="venue", details=_known(self._venues))
        channels = venue.capabilities.channels
        if frame.channel not in channels:
            raise _not_supported("channel", frame.channel, channels)
        if frame.symbol is None:
            raise Refusal(Code.INVALID_PARAMETER, "this channel needs a symbol", field="symbol")
        market = self._find_market(venue.name, Symbol(frame.symbol))
        if market is None:
            raise Refusal(Code.MARKET_NOT_FOUND, f"no such market at {venue.name}", field="symbol")
        _check_variant(frame, venue)
        return Topic(venue.name, Channel(frame.channel), market.symbol)

    def _channels(self) -> set[Channel]:
        return {channel for venue in self._venues.values() for channel in venue.capabilities.channels}

    def _about(self, topic: Topic, kind: str, frame_id: Id) -> Reply:
        return self._reply(kind, frame_id, channel=topic.channel, venue=topic.venue, symbol=topic.symbol)

    def _reply(self, kind: str, frame_id: Id, **members: Any) -> Reply:
        body = {"type": kind, **members, "timestamp": self._time_ms()}
        if frame_id is not None:
            body["id"] = frame_id
        return Reply(msgspec.json.encode(body))


def _check_variant(frame: Subscribe | Unsubscribe, venue: Venue) -> None:
    """Refuse what would make another topic; a book cut to a depth would be silently wrong under full deltas."""
    depth_max = venue.capabilities.book_depth_max
    if frame.depth is not None and (frame.channel != Channel.ORDERBOOK or frame.depth != depth_max):
        raise _not_supported("depth", frame.depth, [depth_max] if frame.channel == Channel.ORDERBOOK else [])
    for name in ("interval", "aggregation_ms", "account"):
        if (value := getattr(frame, name)) is not None:
            raise _not_supported(name, value, [])


def _not_supported(field: str, value: object, supported: Any) -> Refusal:
    return Refusal(Code.NOT_SUPPORTED, f"{field} {value} is not supported here", field=field, details=_known(supported))


def _known(values: Any) -> dict[str, Any]:
    return {"supported": sorted(values)}
