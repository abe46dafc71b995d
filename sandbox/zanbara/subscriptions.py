"""Who listens to which channel. A subscription is a socket's interest in one channel, of one symbol or of all.

It is known by channel, symbol and interval: a socket has one of each at most.
"""

from dataclasses import dataclass
from typing import Any

from sandbox.sockets import Connection, Hub, Topic
from sandbox.zanbara.frames import Kind, data_frame

Key = tuple[str, str | None, str | None]


@dataclass(slots=True, eq=False)
class Subscription:
    """One socket's subscription; `account` is None on public channels. It counts the frames it was sent."""

    connection: Connection
    channel: str
    symbol: str | None
    depth: int | None = None
    interval: str | None = None
    account: str | None = None
    sent: int = 0

    @property
    def topic(self) -> Topic:
        parts = (self.channel, self.symbol, self.interval, self.depth)
        return self.account, ".".join(str(part) for part in parts if part is not None)

    @property
    def key(self) -> Key:
        return self.channel, self.symbol, self.interval

    def members(self) -> dict[str, Any]:
        """What an answer about it says of it."""
        optional = {"interval": self.interval, "depth": self.depth}
        given = {name: value for name, value in optional.items() if value is not None}
        return {"channel": self.channel, "symbol": self.symbol, **given}

    def send(self, kind: Kind, symbol: str | None, data: bytes, now_us: int) -> None:
        """Send one frame of data, numbered by this subscription's own count."""
        self.sent += 1
        text = data_frame(kind, self.channel, symbol, data, sequence=self.sent, now_us=now_us, interval=self.interval)
        self.deliver(text)

    def deliver(self, text: str) -> None:
        """The one way by which data goes to the socket."""
        tampering = self.connection.tampering
        if tampering is None:
            self.connection.send(text)
        else:
            tampering(self.connection, self.topic, text)


class Board:
    """All live subscriptions by topic; the hub is told, so that the ledger can show them."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._listening: dict[Topic, dict[Subscription, None]] = {}

    def add(self, subscription: Subscription) -> None:
        self._listening.setdefault(subscription.topic, {})[subscription] = None
        self._hub.subscribe(subscription.connection, subscription.topic)

    def remove(self, subscription: Subscription) -> None:
        listening = self._listening.get(subscription.topic, {})
        listening.pop(subscription, None)
        if not listening:
            self._listening.pop(subscription.topic, None)
        self._hub.unsubscribe(subscription.connection, subscription.topic)

    def listening(self, account: str | None, stream: str) -> list[Subscription]:
        return list(self._listening.get((account, stream), ()))

    def accounts(self, stream: str) -> list[str]:
        """The accounts whose stream of this name somebody listens to."""
        return [account for account, name in self._listening if name == stream and account is not None]
