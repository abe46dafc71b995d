"""One topic at its owner: the venue's events in, the clients' messages out (pure).

A feed that needs to be started, or has lost its state, says so with `need`; whoever runs it fetches that and hands it
to `fetched`. Until then nothing but its integrity is published, and what the venue sends is kept where that helps.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from adapters.models import BookSnapshot, Market, StreamEvent, Ticker, Trade
from gateway.fanout.envelope import Frame
from gateway.feeds.writer import Writer


class Need(StrEnum):
    NOTHING = "nothing"
    FETCH = "fetch"
    """The present state, over REST."""
    RESUBSCRIBE = "resubscribe"
    """A new subscription at the venue, which brings the state with it."""


Fetched = BookSnapshot | Ticker | Sequence[Trade]


class Feed(Protocol):
    """What every channel's feed can do; all times are microseconds since the epoch."""

    writer: Writer
    market: Market
    need: Need
    is_restoring: bool
    """Somebody sees to `need` already."""
    is_closed: bool
    """Nobody wishes for the topic any more; nothing of it is published."""

    def connected(self, now_us: int) -> None:
        """The venue's connection is new: what was known of the topic no longer continues."""

    def disconnected(self, now_us: int) -> list[Frame]: ...

    def event(self, event: StreamEvent, now_us: int) -> list[Frame]:
        """Take an event of this topic."""

    def fetched(self, state: Fetched, now_us: int) -> list[Frame]:
        """Take what `need` asked for; it may turn out not to do, and `need` stays."""

    def not_fetched(self, now_us: int) -> list[Frame]:
        """It could not be fetched for now."""

    def resubscribed(self) -> None:
        """The subscription that `need` asked for was made."""

    def repeat(self, now_us: int) -> list[Frame]:
        """What a replica that has nothing of this topic has to know."""

    def tick(self, now_us: int) -> list[Frame]:
        """Look at the clock; called about once a second."""
