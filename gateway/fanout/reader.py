"""Reading a Redis pub/sub connection that may fall silent without breaking."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio.client import PubSub

_PING_AFTER_S = 2.0


@dataclass(frozen=True, slots=True)
class Published:
    channel: bytes
    data: bytes


@dataclass(frozen=True, slots=True)
class Subscribed:
    """From here on nothing published on `channel` is missed."""

    channel: bytes


async def read(pubsub: PubSub) -> AsyncIterator[Published | Subscribed]:
    """Yield what arrives, in order; raises redis-py's errors, and `ConnectionError` if a ping stays unanswered."""
    unanswered = False
    while True:
        message = await pubsub.get_message(timeout=_PING_AFTER_S)
        if message is None:
            if unanswered:
                raise ConnectionError("Redis does not answer")
            unanswered = True
            await pubsub.ping()
            continue
        unanswered = False
        if message["type"] == "message":
            yield Published(message["channel"], message["data"])
        elif message["type"] == "subscribe":
            yield Subscribed(message["channel"])
