"""Which topics this replica wants to read, as the owners of the venues' streams learn it.

A wish is a member of a sorted set that expires unless refreshed, so that a replica that died wishes for nothing. With
it goes a message, so that the owner reacts at once: it subscribes at the venue, or repeats the snapshot it has.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from adapters.models import VenueName
from gateway.fanout.topic import Topic
from gateway.store import keys
from gateway.store.client import Store
from gateway.store.scripts import Script

_WISH = Script.load("gateway.fanout", "wish.lua")


class Wishes:
    """One replica's wishes. Every call returns at once and may be lost: wishes are refreshed and requests repeated."""

    def __init__(self, store: Store, replica_id: str, ttl_s: float, monotonic: Callable[[], float]):
        self._store = store
        self._replica_id = replica_id
        self._ttl_ms = round(ttl_s * 1000)
        self._refresh_every_s = ttl_s / 3
        self._monotonic = monotonic
        self._refreshed_at = monotonic()

    def ask(self, topic: Topic) -> None:
        """Wish for the topic, and ask its owner for a snapshot."""
        self._register(topic.venue, [topic], message=str(topic))

    def drop(self, topic: Topic) -> None:
        """No longer wish for the topic."""
        reply = self._store.command("ZREM", keys.feed_wishes(topic.venue), self._member(topic))
        reply.add_done_callback(_ignore_failure)

    def refresh(self, topics: Iterable[Topic]) -> None:
        """Keep these wishes alive, if it is time to."""
        now = self._monotonic()
        if now - self._refreshed_at < self._refresh_every_s:
            return
        self._refreshed_at = now
        by_venue: dict[VenueName, list[Topic]] = {}
        for topic in topics:
            by_venue.setdefault(topic.venue, []).append(topic)
        for venue, wanted in by_venue.items():
            self._register(venue, wanted, message="")

    def _register(self, venue: VenueName, topics: Iterable[Topic], *, message: str) -> None:
        members = (self._member(topic) for topic in topics)
        self._store.send(_WISH, [keys.feed_wishes(venue)], [self._ttl_ms, keys.feed_control(venue), message, *members])

    def _member(self, topic: Topic) -> str:
        return f"{topic}|{self._replica_id}"


def _ignore_failure(reply: asyncio.Future[Any]) -> None:
    if not reply.cancelled():
        reply.exception()  # a wish that could not be dropped expires
