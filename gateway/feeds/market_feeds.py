"""Market data of one replica, as the application sees it: started and ended as one block."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Self

from adapters.contract import Throttle, Venue
from adapters.models import VenueName
from gateway.fanout.hub import Hub
from gateway.feeds.lease import Lease, Term
from gateway.feeds.owner import FindMarket, Owner
from gateway.feeds.ownership import own_in_turn
from gateway.feeds.settings import FeedSettings
from gateway.feeds.supervisor import LoopState, Supervisor
from gateway.store.client import Store


@dataclass(frozen=True, slots=True)
class VenueFeedState:
    """How one venue's streams fare, wherever in the fleet they are owned."""

    owner: str | None
    """The replica that owns them; None while none was heard."""
    epoch: int | None
    is_connected: bool
    """Whether the owner's connection to the venue is up."""


@dataclass(frozen=True, slots=True)
class FeedsState:
    is_receiving: bool
    """This replica's connection for messages is up."""
    loops: Mapping[str, LoopState]
    venues: Mapping[VenueName, VenueFeedState]


class MarketFeeds:
    """Owns every task of market data streaming in this process; `hub` is what readers use."""

    def __init__(
        self,
        store: Store,
        venues: Mapping[VenueName, Venue],
        find_market: FindMarket,
        throttle_for: Callable[[VenueName], Throttle],
        *,
        replica_id: str,
        settings: FeedSettings | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        time_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ):
        self._store = store
        self._venues = venues
        self._find_market = find_market
        self._throttle_for = throttle_for
        self._replica_id = replica_id
        self._settings = settings or FeedSettings()
        self._monotonic = monotonic
        self._time_us = time_us
        self._supervisor = Supervisor(monotonic=monotonic)
        self.hub = Hub(store, list(venues), replica_id, self._settings.fanout, monotonic=monotonic, time_us=time_us)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            reading = tasks.create_task(self._supervisor.keep("fanout", self.hub.run))
            self._owning = [
                tasks.create_task(self._supervisor.keep(f"feeds.{name}", partial(self._own, name)))
                for name in self._venues
            ]
            stack.callback(_cancel, [reading, *self._owning])
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()  # an error of the block's own goes on as it is, not in a group of our tasks

    async def hand_over(self) -> None:
        """Leave the venues' streams to other replicas, for good; what those publish is still read here."""
        _cancel(self._owning)
        await asyncio.gather(*self._owning, return_exceptions=True)

    def state(self) -> FeedsState:
        """For readiness (`is_receiving`, and every loop running) and for the status page."""
        return FeedsState(
            is_receiving=self.hub.is_connected,
            loops=self._supervisor.loops,
            venues={
                venue: VenueFeedState(pulse.owner, pulse.epoch, pulse.is_connected)
                if pulse
                else VenueFeedState(None, None, is_connected=False)
                for venue, pulse in self.hub.state().items()
            },
        )

    async def _own(self, venue: VenueName) -> None:
        lease = Lease(
            self._store, venue, self._replica_id, duration_s=self._settings.lease_s, monotonic=self._monotonic
        )
        await own_in_turn(lease, self._work)

    async def _work(self, term: Term) -> None:
        venue = self._venues[term.venue]
        owner = Owner(
            self._store,
            venue,
            term,
            replica_id=self._replica_id,
            find_market=self._find_market,
            throttle=self._throttle_for(venue.name),
            settings=self._settings,
            monotonic=self._monotonic,
            time_us=self._time_us,
        )
        await owner.run()


def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
