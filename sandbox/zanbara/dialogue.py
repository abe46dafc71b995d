"""The WebSocket dialogue: welcome, heartbeat, login, subscribe and unsubscribe, and how a socket is cut off.

Any frame from the client counts as a sign of life, a protocol ping does not. A token that runs out suspends the private
subscriptions; a new one on the same socket continues them, each from a fresh snapshot.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from sandbox.config import ZanbaraConfig
from sandbox.matching import Market
from sandbox.sockets import Connection
from sandbox.zanbara import frames
from sandbox.zanbara.bars import INTERVALS_MS
from sandbox.zanbara.errors import Problem, invalid, missing, unauthenticated, unknown_symbol
from sandbox.zanbara.gate import Gate, require_scope
from sandbox.zanbara.keys import ApiKey
from sandbox.zanbara.public_streams import DEPTHS
from sandbox.zanbara.streams import PRIVATE, PUBLIC, Streams
from sandbox.zanbara.subscriptions import Key, Subscription
from sandbox.zanbara.tokens import Claims

DEFAULT_DEPTH = 20
OF_THE_ACCOUNT = ("balance", "risk")  # channels that know no symbol
SECOND_US = 1_000_000

SILENT, UNAUTHENTICATED, TOO_MANY, INVALID_FRAME = 4000, 4001, 4002, 4003


@dataclass(slots=True)
class Session:
    """One socket: when it was last heard, whose it is, and what it listens to."""

    connection: Connection
    heard_us: int
    key: ApiKey | None = None
    claims: Claims | None = None
    subscriptions: dict[Key, Subscription] = field(default_factory=dict)

    def private(self) -> list[Subscription]:
        return [item for item in self.subscriptions.values() if item.channel in PRIVATE]


class Dialogue:
    """Reads clients' frames and keeps their sessions."""

    def __init__(self, config: ZanbaraConfig, markets: dict[str, Market], gate: Gate, streams: Streams) -> None:
        self._most = config.ws_max_subscriptions
        self._timeout_us = config.ws_heartbeat_timeout_ms * 1000
        self._markets = markets
        self._gate = gate
        self._streams = streams
        self._sessions: dict[Connection, Session] = {}
        self._next_id = 1
        self._next_check_us = 0

    def connected(self, connection: Connection, now_us: int) -> None:
        self._sessions[connection] = Session(connection, heard_us=now_us)
        members = {"connection_id": f"c_{self._next_id}", "server_time": now_us // 1000}
        self._next_id += 1
        connection.send(frames.reply("welcome", now_us, members))

    def disconnected(self, connection: Connection) -> None:
        session = self._sessions.pop(connection, None)
        for subscription in session.subscriptions.values() if session else ():
            self._streams.end(subscription)

    def received(self, connection: Connection, frame: str | bytes, now_us: int) -> None:
        session = self._sessions[connection]
        session.heard_us = now_us
        try:
            message = msgspec.json.decode(frame) if isinstance(frame, str) else None
        except (msgspec.DecodeError, RecursionError):
            message = None
        if not isinstance(message, dict):
            connection.close(INVALID_FRAME)
            return
        echo = message.get("id")
        try:
            self._act(session, message, echo, now_us)
        except Problem as problem:
            connection.send(frames.error(problem, now_us, echo=echo))

    def advance(self, now_us: int) -> None:
        """Suspend whose token ran out; once a second, cut off who has been silent for too long."""
        for session in self._sessions.values():
            if session.claims is not None and not self._gate.is_good(session.claims, now_us):
                self._suspend(session, now_us)
        if now_us < self._next_check_us:
            return
        self._next_check_us = now_us + min(SECOND_US, self._timeout_us)
        for session in self._sessions.values():
            if now_us - session.heard_us > self._timeout_us:
                session.connection.close(SILENT)

    def clock_stepped(self, by_us: int) -> None:
        """Nobody has been silent for longer, or shorter, by that."""
        self._next_check_us += by_us
        for session in self._sessions.values():
            session.heard_us += by_us

    # -- what clients ask for ------------------------------------------------------------------------------------------

    def _act(self, session: Session, message: dict[str, Any], echo: Any, now_us: int) -> None:
        match message.get("type"):
            case "ping":
                session.connection.send(frames.reply("pong", now_us, echo=echo))
            case "auth":
                self._authenticate(session, message, echo, now_us)
            case "subscribe":
                self._subscribe(session, message, echo, now_us)
            case "unsubscribe":
                self._unsubscribe(session, message, echo, now_us)
            case _:
                raise invalid("type", "Unknown message type")

    def _authenticate(self, session: Session, message: dict[str, Any], echo: Any, now_us: int) -> None:
        token, connection = message.get("token"), session.connection
        try:
            key, claims = self._gate.key_of(token if isinstance(token, str) else "", now_us)
            self._gate.check_address(connection.address, key)
        except Problem as problem:
            connection.send(frames.error(problem, now_us, echo=echo))
            connection.close(UNAUTHENTICATED)
            return
        is_same = session.key is not None and session.key.account == key.account
        session.key, session.claims = key, claims
        members = {"user_id": key.user_id, "expires_at": claims.expires_s * 1000}
        connection.send(frames.reply("authenticated", now_us, members, echo=echo))
        if not is_same:
            self._continue(session, key, now_us)

    def _subscribe(self, session: Session, message: dict[str, Any], echo: Any, now_us: int) -> None:
        wanted = self._wanted(session, message)
        known = session.subscriptions.get(wanted.key)
        if known is None and len(session.subscriptions) >= self._most:
            problem = invalid("channel", f"No more than {self._most} subscriptions")
            session.connection.send(frames.error(problem, now_us, echo=echo))
            session.connection.close(TOO_MANY)
            return
        session.connection.send(frames.reply("subscribed", now_us, wanted.members(), echo=echo))
        if known is not None and known.depth == wanted.depth:
            return
        if known is not None:
            self._streams.end(known)
        session.subscriptions[wanted.key] = wanted
        self._streams.begin(wanted, now_us)

    def _unsubscribe(self, session: Session, message: dict[str, Any], echo: Any, now_us: int) -> None:
        channel, symbol = self._named(message)
        named = Subscription(session.connection, channel, symbol, interval=_interval(message, channel))
        subscription = session.subscriptions.pop(named.key, None)
        if subscription is not None:
            self._streams.end(subscription)
        session.connection.send(frames.reply("unsubscribed", now_us, named.members(), echo=echo))

    def _wanted(self, session: Session, message: dict[str, Any]) -> Subscription:
        """The subscription asked for; raises `Problem` if there is none to be had."""
        channel, symbol = self._named(message)
        if channel in PUBLIC:
            if symbol is None:
                raise missing("symbol")
            depth = _depth(message) if channel == "orderbook" else None
            return Subscription(session.connection, channel, symbol, depth, _interval(message, channel))
        if session.key is None:
            raise unauthenticated()
        require_scope(session.key, "read")
        return Subscription(session.connection, channel, symbol, account=session.key.account)

    def _named(self, message: dict[str, Any]) -> tuple[str, str | None]:
        channel, symbol = message.get("channel"), message.get("symbol")
        if channel is None:
            raise missing("channel")
        if channel not in (*PUBLIC, *PRIVATE):
            raise invalid("channel", "Unknown channel")
        if channel in OF_THE_ACCOUNT:
            return channel, None
        if symbol is not None and (not isinstance(symbol, str) or symbol not in self._markets):
            raise unknown_symbol()
        return channel, symbol

    # -- subscriptions -------------------------------------------------------------------------------------------------

    def _suspend(self, session: Session, now_us: int) -> None:
        session.key = session.claims = None
        suspended = session.private()
        for subscription in suspended:
            self._streams.end(subscription)
        if suspended:
            session.connection.send(frames.error(unauthenticated(), now_us))

    def _continue(self, session: Session, key: ApiKey, now_us: int) -> None:
        """Let the private subscriptions go on, as this key's."""
        for subscription in session.private():
            self._streams.end(subscription)
            subscription.account = key.account
            self._streams.begin(subscription, now_us)


def _depth(message: dict[str, Any]) -> int:
    depth = message.get("depth")
    if depth is None:
        return DEFAULT_DEPTH
    if not isinstance(depth, int) or isinstance(depth, bool) or depth not in DEPTHS:
        raise invalid("depth", f"depth must be one of {', '.join(map(str, DEPTHS))}")
    return depth


def _interval(message: dict[str, Any], channel: str) -> str | None:
    """The interval that bars are told in; other channels have none."""
    if channel != "klines":
        return None
    interval = message.get("interval")
    if interval is None:
        raise missing("interval")
    if not isinstance(interval, str) or interval not in INTERVALS_MS:
        raise invalid("interval", "Unknown interval")
    return interval
