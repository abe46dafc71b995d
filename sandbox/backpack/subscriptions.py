"""The WebSocket dialogue: subscribe and unsubscribe. Success is silent; only errors speak."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.backpack import frames
from sandbox.backpack.book_streams import DEPTH_PERIODS_US
from sandbox.backpack.candles import INTERVALS
from sandbox.backpack.errors import Problem
from sandbox.backpack.streams import Streams
from sandbox.matching import Account, Market
from sandbox.sockets import Connection, Hub

PUBLIC = frozenset({"bookTicker", "depth", "kline", "ticker", "markPrice", "trade", "openInterest"})
# Of tokenised equities, of which there are none here.
EQUITIES = frozenset({"externalTicker", "stockPrice", "stockIndicativeQuote"})
PRIVATE = frozenset({"orderUpdate", "positionUpdate", "balanceUpdate", "rfqUpdate"})
GLOBAL = frozenset({"liquidation"})

BAD_REQUEST = (4000, "Invalid request")
BAD_SIGNATURE = (4003, "Invalid signature")
BAD_MARKET = (4005, "Invalid market")
BAD_STREAM = (4006, "Invalid stream")

# Verifies the four strings of a signed frame from an address and says whose they are; raises `Problem`.
Verify = Callable[[Sequence[str], str, int], Account]


class BadStream(Exception):
    """A stream that cannot be had: (code, message)."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Subscriptions:
    """Reads clients' frames and keeps the hub's topics."""

    def __init__(self, markets: dict[str, Market], hub: Hub, streams: Streams, verify: Verify) -> None:
        self._markets = markets
        self._hub = hub
        self._streams = streams
        self._verify = verify

    def received(self, connection: Connection, text: str, now_us: int) -> None:
        """Act on one frame. Each stream that cannot be had gets an error frame of its own; the others are served."""
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        method = message.get("method") if isinstance(message, dict) else None
        params = message.get("params") if isinstance(message, dict) else None
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE") or not isinstance(params, list):
            connection.send(frames.error_frame(*BAD_REQUEST))
            return
        for stream in params:
            try:
                if method == "SUBSCRIBE":
                    self._subscribe(connection, stream, message.get("signature"), now_us)
                else:
                    self._unsubscribe(connection, stream)
            except BadStream as bad:
                connection.send(frames.error_frame(bad.code, bad.message))

    def _subscribe(self, connection: Connection, stream: Any, signature: Any, now_us: int) -> None:
        self._check(stream)
        if not stream.startswith("account."):
            self._hub.subscribe(connection, (None, stream))
            return
        account = self._signer(signature, connection.address, now_us)
        topic = (account.name, stream)
        is_new = self._hub.subscribe(connection, topic)
        if is_new and stream.startswith("account.positionUpdate"):
            for frame in self._streams.position_snapshots(account, stream, now_us):
                self._hub.deliver(connection, topic, frame)

    def _unsubscribe(self, connection: Connection, stream: Any) -> None:
        """A signature is not asked for: leaving needs no right."""
        self._check(stream)
        for topic in [topic for topic in connection.topics if topic[1] == stream]:
            self._hub.unsubscribe(connection, topic)

    def _signer(self, signature: Any, address: str, now_us: int) -> Account:
        if not (isinstance(signature, list) and len(signature) == 4 and all(isinstance(s, str) for s in signature)):
            raise BadStream(*BAD_SIGNATURE)
        try:
            return self._verify(signature, address, now_us)
        except Problem as problem:
            raise BadStream(*BAD_SIGNATURE) from problem

    def _check(self, stream: Any) -> None:
        """Raises `BadStream` for what does not exist."""
        if not isinstance(stream, str):
            raise BadStream(*BAD_STREAM)
        if stream in GLOBAL:
            return
        kind, _, rest = stream.partition(".")
        if kind == "account":
            kind, _, symbol = rest.partition(".")
            if kind not in PRIVATE or (symbol and kind == "balanceUpdate"):
                raise BadStream(*BAD_STREAM)
            if symbol:
                self._check_symbol(symbol)
        elif kind in PUBLIC:
            self._check_symbol(_symbol(kind, rest))
        else:
            raise BadStream(*(BAD_MARKET if kind in EQUITIES else BAD_STREAM))

    def _check_symbol(self, symbol: str) -> None:
        if symbol not in self._markets:
            raise BadStream(*BAD_MARKET)


def _symbol(kind: str, rest: str) -> str:
    """What a public stream's name says after its kind, without a period or an interval."""
    first, _, symbol = rest.partition(".")
    if kind == "kline":
        if first not in INTERVALS:
            raise BadStream(*BAD_STREAM)
        return symbol
    return symbol if kind == "depth" and first in DEPTH_PERIODS_US else rest
